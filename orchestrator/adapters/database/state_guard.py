"""The guard of the fleet's state: how is it held that a worker writes none of it? By what every statement passes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, UpdateBase, event

from orchestrator.adapters.database.engine import Database
from orchestrator.core.state_scope import DatabaseUser


def guard(database: Database, user: DatabaseUser) -> None:
    """Has each INSERT, UPDATE and DELETE of the stores judged before it goes to the database."""

    def judge(_connection: Connection, statement: Any, *_: object) -> None:
        if isinstance(statement, UpdateBase):
            user.require_writable(str(getattr(statement.table, "name", "")))

    event.listen(database.engine, "before_execute", judge)
