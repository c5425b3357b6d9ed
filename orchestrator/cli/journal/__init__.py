"""How do people read and write the journal, its lessons and its digests?"""
