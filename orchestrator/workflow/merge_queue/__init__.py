"""How do approved results get into a project's default branch one after the other, each tested with those before it?"""
