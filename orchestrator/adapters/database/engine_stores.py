"""Which stores does a node read and write by SQLAlchemy? Those of chats, devices and suppliers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from orchestrator.adapters.database.conversations import SqlConversations, SqlToolCalls
from orchestrator.adapters.database.copy import DatabaseCopies
from orchestrator.adapters.database.engine import Database, open_database
from orchestrator.adapters.database.engine_statements import EngineTransactions
from orchestrator.adapters.database.operations import SqlOperationWriter
from orchestrator.adapters.database.pairings import SqlPairedDevices, SqlPairings
from orchestrator.adapters.database.signals import SqlSignals
from orchestrator.adapters.database.state_guard import guard
from orchestrator.adapters.database.synced_chats import SqlSyncedChats
from orchestrator.adapters.database.tokens_and_devices import SqlDevices
from orchestrator.core.state_scope import DatabaseUser


@dataclass(frozen=True, kw_only=True)
class EngineStores:
    """The stores of an open database."""

    database: Database
    synced_chats: SqlSyncedChats
    conversations: SqlConversations
    tool_calls: SqlToolCalls
    devices: SqlDevices
    paired: SqlPairedDevices
    pairings: SqlPairings
    sync_ops: SqlOperationWriter
    signals: SqlSignals
    copies: DatabaseCopies

    @property
    def transactions(self) -> EngineTransactions:
        """For plain SQL."""
        return EngineTransactions(database=self.database)


def open_engine_stores(
    url: str, *, now: Callable[[], datetime], new_id: Callable[[], str], node: str, user: DatabaseUser | None = None
) -> EngineStores:
    """The database at `url`, made or brought up to date, in which `user` writes what is theirs to write.

    Raises WrongSetting, StoreFailed.
    """
    database = open_database(url)
    if user is not None and not user.writes_global:
        guard(database, user)
    operations = SqlOperationWriter(database=database, node=node)
    return EngineStores(
        database=database,
        synced_chats=SqlSyncedChats(database=database, now=now),
        conversations=SqlConversations(database=database, operations=operations, now=now, new_id=new_id),
        tool_calls=SqlToolCalls(database=database, now=now),
        devices=SqlDevices(database=database),
        paired=SqlPairedDevices(database=database, now=now),
        pairings=SqlPairings(database=database, now=now),
        sync_ops=operations,
        signals=SqlSignals(database=database),
        copies=DatabaseCopies(database=database),
    )
