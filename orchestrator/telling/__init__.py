"""What may be told to people outside, and how does it read?"""
