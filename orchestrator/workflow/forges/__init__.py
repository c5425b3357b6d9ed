"""How does an approved result become a pull request on a forge, and an issue there a mission here?"""
