"""What is the phone's side of a node? Announcement, pairing, sealed transport and device sync will be here."""
