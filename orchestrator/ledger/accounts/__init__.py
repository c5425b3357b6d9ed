"""What do nodes tell each other of the accounts that their agents work with?"""
