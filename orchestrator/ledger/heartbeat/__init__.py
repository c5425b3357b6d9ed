"""What does HEARTBEAT.md ask the nodes to look at, and what was found?"""
