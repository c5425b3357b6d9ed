"""What does a clone know of refs that it pushed or lost, and how does it move its own?"""
