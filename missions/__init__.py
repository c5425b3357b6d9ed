"""What is a mission? Pure values and rules: no files, no processes, no clock of their own.

mission (one file) · claim and lease · fencing epoch · state · merge.
"""
