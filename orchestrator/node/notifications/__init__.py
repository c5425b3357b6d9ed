"""What happened that people should hear of, and has it been told?"""
