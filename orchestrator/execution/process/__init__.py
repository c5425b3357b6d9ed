"""How is somebody else's program run, watched and ended?"""
