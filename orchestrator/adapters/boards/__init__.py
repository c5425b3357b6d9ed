"""Which open tasks stand on the board of another program?"""
