"""Where does a node keep what only it needs to know? SQLite or PostgreSQL, behind the storage ports."""
