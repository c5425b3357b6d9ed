"""What of a node's database is read and written in plain SQL, so that an idle node need not load SQLAlchemy for it?"""
