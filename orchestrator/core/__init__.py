"""Which settings, errors, values and ports does everything share?

setting · role · port (a `Protocol` with what it promises) · event (a line of a node's shift).
"""
