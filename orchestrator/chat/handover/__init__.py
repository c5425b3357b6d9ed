"""How does work change hands between a chat and a mission?"""
