"""Which resources are served?"""
