"""How do agents from outside come in?"""
