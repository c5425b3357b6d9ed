"""How do agents from outside come in, over the Model Context Protocol?"""
