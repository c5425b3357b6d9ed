"""Which of what OpenSSH decides is decided here, to the same end, where starting its programs takes too long?"""
