"""How do a project's dev services, such as a database for its tests, stand beside its runs?"""
