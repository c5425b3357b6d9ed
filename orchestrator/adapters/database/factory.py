"""How are a node's stores opened?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from orchestrator.adapters.database.conversations import KeptConversations, KeptToolCalls
from orchestrator.adapters.database.copy import DatabaseCopies
from orchestrator.adapters.database.engine import open_database
from orchestrator.adapters.database.sync_and_outbox import KeptMarks, KeptOutgoing, KeptSyncOps
from orchestrator.adapters.database.tokens_and_devices import KeptDevices, KeptRegistrations, KeptTokens
from orchestrator.adapters.database.usage import KeptUsage
from orchestrator.core.ports.storage import Stores


def open_stores(url: str, *, now: Callable[[], datetime], new_id: Callable[[], str]) -> Stores:
    """All stores in the database at `url`; close them. Raises WrongSetting, StoreFailed."""
    database = open_database(url)
    return Stores(
        conversations=KeptConversations(database=database, now=now, new_id=new_id),
        tool_calls=KeptToolCalls(database=database, now=now),
        tokens=KeptTokens(database=database, now=now),
        devices=KeptDevices(database=database),
        registrations=KeptRegistrations(database=database, now=now),
        sync_ops=KeptSyncOps(database=database),
        outgoing=KeptOutgoing(database=database),
        marks=KeptMarks(database=database),
        usage=KeptUsage(database=database),
        copies=DatabaseCopies(database=database),
        close=database.close,
    )
