"""Which files may a mission come with, and how are they named so that nobody can swap them?"""
