"""How is a feed of somebody else's fetched and read without harm?"""
