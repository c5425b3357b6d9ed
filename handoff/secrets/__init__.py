"""What is a secret in a text, and how is it taken out?"""
