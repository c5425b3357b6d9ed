"""What do the nodes' pages together tell of what the fleet has spent?"""
