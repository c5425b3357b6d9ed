"""Which scopes can a token or a device have? Apart, because the command line names them in its help."""

DEVICE_SCOPES = frozenset({"look", "chat", "missions", "approvals", "sync", "ops"})
"""What a person may let a paired device do: reading, talking, filing missions, deciding, syncing; and steering the
fleet with its devices, which is for a person's own desk."""
LEAST_SCOPES = frozenset({"look"})
"""What a device may do if nothing else is said: only reading."""
SCOPES = DEVICE_SCOPES | {"git", "git:read", "join"}
