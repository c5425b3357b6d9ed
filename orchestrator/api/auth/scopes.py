"""Which scopes can a token have? Apart, because the command line names them in its help."""

SCOPES = frozenset({"look", "chat", "sync", "ops", "missions", "approvals", "git", "git:read"})
"""`look`, which only reads, is the least."""
