"""Whose rules count? The two files of rules, and which of their versions a machine follows.

Words: `root` the commit whose rules count here; `history` which newer changes count; `pins` where this machine stands;
`files` what a version says.
"""
