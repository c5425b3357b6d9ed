"""How sure is a difference between two arms, and how many pairs would show one?"""

MISSING = "its statistics are missing: pip install 'shiftbook[continuity]'"
"""What is said where numpy, scipy or krippendorff is not installed."""
