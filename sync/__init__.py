"""How do bytes travel between machines? Nothing in here reads what it carries.

remote (a port) · compare-and-swap of refs · heartbeat · work tree · hybrid clock · signature.
"""
