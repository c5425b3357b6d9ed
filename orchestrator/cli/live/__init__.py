"""How does a terminal show what happens while it happens?"""
