"""How does a machine become a worker of a fleet by one link that headquarters made for it?"""
