"""How does a person look after the devices of this node, from the command line?"""
