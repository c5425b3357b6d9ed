"""How does a node speak to headquarters: what does it tell of itself, and how often?"""
