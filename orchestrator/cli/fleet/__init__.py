"""What does a person see of the fleet: its nodes, what they spent, and who may do what?"""
