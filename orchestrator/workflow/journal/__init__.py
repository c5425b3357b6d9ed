"""How do log, memos and review keep what a shift learned?"""
