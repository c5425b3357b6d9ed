"""How does another program begin, and how is what it says read until its end?"""
