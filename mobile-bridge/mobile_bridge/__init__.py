"""What is the phone's side of a node? Who is let in (`pairing`), how they speak on an open line (`sealed_channel`), and
what they say (`operations`) comes to (`merge`)."""
