"""What is missing on this machine, and how is it mended?

Words: a *check* looks at one thing; its *result* says how that stands, and the remedy.
"""
