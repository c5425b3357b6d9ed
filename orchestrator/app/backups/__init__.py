"""How is what a node cannot make again saved, how long is it kept, and how does it come back?"""
