"""How does a node become a service of its machine: units, proxy, folders, and the supervisor's questions?"""
