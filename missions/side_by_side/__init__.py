"""What becomes of a mission that asks for several attempts side by side?"""
