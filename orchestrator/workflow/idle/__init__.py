"""What useful work does a node find for itself when nobody has any for it?"""
