"""What does an agent inside the sandbox ask of its fleet, and what is it answered?"""
