"""How sure is a difference between two arms, and how many pairs would show one?"""
