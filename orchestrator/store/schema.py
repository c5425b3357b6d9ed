"""Which tables are there? Importing this names them all, for Alembic and for copies."""

from __future__ import annotations

from orchestrator.store import admission, conversations, exchange, usage
from orchestrator.store.database import Table

MODULES = (admission, conversations, exchange, usage)
METADATA = Table.metadata
DEFINITIONS = tuple(METADATA.sorted_tables)
"""Every table, after those that it points to."""
