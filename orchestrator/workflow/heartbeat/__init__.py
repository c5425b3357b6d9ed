"""How does a node look at what HEARTBEAT.md asks for, and what follows from what it finds?"""
