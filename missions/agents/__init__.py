"""Which agents can a mission name?"""
