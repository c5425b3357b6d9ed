"""Facts about what a node does for its devices."""
