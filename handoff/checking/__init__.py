"""Is what the documents say still true?"""
