"""What does a node need to meet its devices: a key, addresses, a fleet by which it is known, pairings?"""
