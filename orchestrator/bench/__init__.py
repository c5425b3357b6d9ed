"""Which promises of speed does this program keep on this machine?

result (value, baseline, bar).
"""
