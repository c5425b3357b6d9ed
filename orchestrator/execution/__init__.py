"""How is one attempt carried out without harm?

attempt · workspace (a clone of its own) · round (one run of an agent) · egress (the one line out) · verification.
"""
