"""How do bytes travel between machines? Nothing in here reads what it carries."""
