"""What may a program read of the handoff, the journal and the memos over HTTP?"""
