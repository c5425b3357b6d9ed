"""What can a token be for? Apart, because the command line names the words in its help."""

SCOPES = frozenset({"chat", "sync", "ops", "missions", "approvals", "git", "git:read"})
