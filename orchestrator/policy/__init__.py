"""Who may do what, and what needs a person?

principal · authorization · write rule · verdict.
"""
