"""Facts about the phone's side of a node."""
