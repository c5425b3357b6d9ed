"""How is this machine's node made a service, kept at a version, saved and brought back?"""
