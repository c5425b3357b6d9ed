"""What does a node know of the windows of its agents' accounts, and what follows for its work?"""
