"""The schema: which tables are there? Importing this names them all, for Alembic and for copies."""

from __future__ import annotations

from orchestrator.adapters.database import (
    conversations,
    operations,
    outbox_and_marks,
    pairings,
    push_subscriptions,
    registrations,
    signals,
    tokens_and_devices,
    usage,
)
from orchestrator.adapters.database.engine import Table

MODULES = (
    tokens_and_devices,
    pairings,
    conversations,
    outbox_and_marks,
    operations,
    push_subscriptions,
    registrations,
    signals,
    usage,
)
METADATA = Table.metadata
DEFINITIONS = tuple(METADATA.sorted_tables)
"""Every table, after those that it points to."""
