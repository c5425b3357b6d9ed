"""What the routes of delegation answer."""
