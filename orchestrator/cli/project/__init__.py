"""shiftbook project: which repositories does the fleet work on, and how?"""
