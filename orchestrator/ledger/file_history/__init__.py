"""What does the branch's history say of a mission's file?

*Twin*: another file that is the same mission. *Copied*: nodes' fields that a new file came with. *Departed*: a mission
whose file left the ledger without an end.
"""
