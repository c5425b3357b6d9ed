"""A stand-in for the three forges, none of which can be had here as a server: real git behind it, their routes before.

Written from the makers' descriptions, apart from the code under test. It can lose an answer, repeat a delivery, and say
403, 405, 409, 422 and 429 where they do.
"""
