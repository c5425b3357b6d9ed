"""Which step does a mission take next, and by whose word?

assignment (which project, agent, node) · approval · fold (records become files) ·
journal (log, memos, review) · spending.
"""
