"""How do two edits of one mission become one file?"""
