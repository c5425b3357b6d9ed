"""What does every request go through?"""
