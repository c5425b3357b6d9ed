"""What does a worker hear from headquarters?"""
