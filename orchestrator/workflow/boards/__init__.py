"""How do the open tasks of other programs' boards become missions, each once?"""
