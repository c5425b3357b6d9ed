"""What does an agent ask while it works, and what does a person answer?"""
