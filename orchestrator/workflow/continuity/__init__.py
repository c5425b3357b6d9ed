"""Does continuity hold in real work? What a month's missions say about it, as counts with intervals."""
