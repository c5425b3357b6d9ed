"""How does this program come to a newer version of itself, and back if that does not work?

release: a signed tag of the program's repository · version: one installed release, in a folder of its own · trial: the
time from a switch until the node has done a round, or is switched back.
"""
