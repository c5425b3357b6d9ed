"""The factory of a node's stores: how are they opened?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from orchestrator.adapters.database.conversations import SqlConversations, SqlToolCalls
from orchestrator.adapters.database.copy import DatabaseCopies
from orchestrator.adapters.database.engine import open_database
from orchestrator.adapters.database.operations import SqlSyncOps
from orchestrator.adapters.database.outbox_and_marks import SqlCursors, SqlOutgoing
from orchestrator.adapters.database.pairings import SqlPairedDevices, SqlPairings
from orchestrator.adapters.database.push_subscriptions import SqlPushSubscriptions
from orchestrator.adapters.database.registrations import SqlRegistrations
from orchestrator.adapters.database.signals import SqlSignals
from orchestrator.adapters.database.state_guard import admit
from orchestrator.adapters.database.synced_chats import SqlSyncedChats
from orchestrator.adapters.database.tokens_and_devices import SqlDevices, SqlTokens
from orchestrator.adapters.database.usage import SqlUsageBook
from orchestrator.core.ports.stores import Stores
from orchestrator.core.state_scope import DatabaseUser


def open_stores(
    url: str,
    *,
    now: Callable[[], datetime],
    new_id: Callable[[], str],
    node: str = "node",
    user: DatabaseUser | None = None,
) -> Stores:
    """All stores in the database at `url`, for the node of this name; close them. Without a `user` nobody is judged.

    Raises WrongSetting, StoreFailed, and GlobalStateRefused where the database is headquarters' and the user is not.
    """
    database = open_database(url)
    if user is not None:
        admit(database, user)
    operations = SqlSyncOps(database=database, node=node)
    return Stores(
        synced_chats=SqlSyncedChats(database=database, now=now),
        conversations=SqlConversations(database=database, operations=operations, now=now, new_id=new_id),
        tool_calls=SqlToolCalls(database=database, now=now),
        tokens=SqlTokens(database=database, now=now),
        devices=SqlDevices(database=database),
        paired=SqlPairedDevices(database=database, now=now),
        pairings=SqlPairings(database=database, now=now),
        sync_ops=operations,
        outgoing=SqlOutgoing(database=database),
        push=SqlPushSubscriptions(database=database),
        registrations=SqlRegistrations(database=database),
        signals=SqlSignals(database=database),
        marks=SqlCursors(database=database),
        usage=SqlUsageBook(database=database),
        copies=DatabaseCopies(database=database),
        close=database.close,
    )
