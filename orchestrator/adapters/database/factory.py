"""The factory of a node's stores: how are they opened?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from orchestrator.adapters.database.conversations import SqlConversations, SqlToolCalls
from orchestrator.adapters.database.copy import DatabaseCopies
from orchestrator.adapters.database.engine import open_database
from orchestrator.adapters.database.sync_and_outbox import SqlCursors, SqlOutgoing, SqlSyncOps
from orchestrator.adapters.database.tokens_and_devices import SqlDevices, SqlTokens
from orchestrator.adapters.database.usage import SqlUsageBook
from orchestrator.core.ports.stores import Stores


def open_stores(url: str, *, now: Callable[[], datetime], new_id: Callable[[], str]) -> Stores:
    """All stores in the database at `url`; close them. Raises WrongSetting, StoreFailed."""
    database = open_database(url)
    return Stores(
        conversations=SqlConversations(database=database, now=now, new_id=new_id),
        tool_calls=SqlToolCalls(database=database, now=now),
        tokens=SqlTokens(database=database, now=now),
        devices=SqlDevices(database=database),
        sync_ops=SqlSyncOps(database=database),
        outgoing=SqlOutgoing(database=database),
        marks=SqlCursors(database=database),
        usage=SqlUsageBook(database=database),
        copies=DatabaseCopies(database=database),
        close=database.close,
    )
