"""How is a command confined on this machine?"""
