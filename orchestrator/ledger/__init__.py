"""What does the shared repository say, and how is it changed?

snapshot (one fetch as values) · claim · change (a function of the newest state) ·
record (what a node hands back) · trust root.
"""
