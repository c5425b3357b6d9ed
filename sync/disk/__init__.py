"""What is done with files of this machine, beside git?"""
