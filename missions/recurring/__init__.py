"""What comes again and again: what is a template, and which mission does it become at each of its times?"""
