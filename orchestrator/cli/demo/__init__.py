"""shiftbook demo: how is a throw-away fleet shown to a person who wants to see whether it works?"""
