"""What does the journal warn of at an action, such as a command or a touched file?"""
