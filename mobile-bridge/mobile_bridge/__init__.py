"""What is the phone's side of a node? `operations` is what devices say, `merge` what it comes to."""
