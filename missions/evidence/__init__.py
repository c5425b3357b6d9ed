"""Which files of a project's tests stand beside a result, and what do they say?"""
