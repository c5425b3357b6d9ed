"""Which models answer, and how are they reached?"""
