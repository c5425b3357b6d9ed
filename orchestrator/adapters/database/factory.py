"""The factory of a node's stores: how are they opened?

A plain SQLite file that is new or up to date is used as it is. Whatever else there is, and all that an idle node never
asks for, is SQLAlchemy's, which is loaded when the first of that is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from orchestrator.adapters.database.late_stores import LateStores
from orchestrator.adapters.database.plain.new_file import make_new
from orchestrator.adapters.database.plain.operation_reader import SqlSyncOps
from orchestrator.adapters.database.plain.outgoing import SqlCursors, SqlOutgoing
from orchestrator.adapters.database.plain.ownership import admit
from orchestrator.adapters.database.plain.push_subscriptions import SqlPushSubscriptions
from orchestrator.adapters.database.plain.registrations import SqlRegistrations
from orchestrator.adapters.database.plain.sqlite_file import SqliteFile, file_of, is_up_to_date
from orchestrator.adapters.database.plain.statement_guard import GuardedTransactions
from orchestrator.adapters.database.plain.statements import Transactions
from orchestrator.adapters.database.plain.tokens import SqlTokens
from orchestrator.adapters.database.plain.usage_book import SqlUsageBook
from orchestrator.core.ports.stores import Stores
from orchestrator.core.state_scope import DatabaseUser

if TYPE_CHECKING:
    from orchestrator.adapters.database.engine_stores import EngineStores


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

    def make() -> EngineStores:
        from orchestrator.adapters.database.engine_stores import open_engine_stores

        return open_engine_stores(url, now=now, new_id=new_id, node=node, user=user)

    late, path = LateStores(make), file_of(url)
    if path is None or not (is_up_to_date(path) or make_new(path)):
        late.opened()  # brings it up to date, or says what is wrong with it
    file = SqliteFile(path=path) if path is not None else None
    direct: Transactions = file or late.opened().transactions
    if user is not None and not user.writes_global:
        direct = GuardedTransactions(inner=direct, user=user)

    def close() -> None:
        late.close()
        if file is not None:
            file.close()

    try:
        if user is not None:
            admit(direct, user)
    except BaseException:
        close()
        raise
    return Stores(
        synced_chats=late.store("synced_chats"),
        conversations=late.store("conversations"),
        tool_calls=late.store("tool_calls"),
        tokens=SqlTokens(database=direct, now=now),
        devices=late.store("devices"),
        paired=late.store("paired"),
        pairings=late.store("pairings"),
        sync_ops=SqlSyncOps(database=direct, node=node, writer=late.store("sync_ops")),
        outgoing=SqlOutgoing(database=direct),
        push=SqlPushSubscriptions(database=direct),
        registrations=SqlRegistrations(database=direct),
        signals=late.store("signals"),
        marks=SqlCursors(database=direct),
        usage=SqlUsageBook(database=direct),
        copies=late.store("copies"),
        close=close,
    )
