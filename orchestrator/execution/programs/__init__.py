"""What must be known of an agent's program to run it?"""
