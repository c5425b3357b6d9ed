"""What may be said of the fleet, by whom, and with which place behind it?"""
