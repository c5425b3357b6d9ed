"""What does a node do of its own accord, beside the missions that it works on?"""
