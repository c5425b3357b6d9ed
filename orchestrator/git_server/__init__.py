"""How does this machine serve the ledger to git, and refuse what a push may not change?

smart HTTP backend · pre-receive hook · hook server and its client.
"""
