"""How is it held that a worker writes none of the fleet's state? By what every statement passes, and by whose it is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, UpdateBase, event

from orchestrator.adapters.database.engine import Database
from orchestrator.adapters.database.outbox_and_marks import FactRow
from orchestrator.core.state_scope import DatabaseUser, new_owner

OWNER_FACT = "owner"
"""The name of the headquarters to which this database belongs."""


def admit(database: Database, user: DatabaseUser) -> None:
    """Lets a node use a database that was just opened, as its role may. Closes it and raises GlobalStateRefused, or
    StoreFailed, where it may not.
    """
    try:
        with database.reading() as session:
            fact = session.get(FactRow, OWNER_FACT)
            recorded = fact.value if fact is not None else ""
        owner = new_owner(recorded, user, database.place)
        if owner != recorded:
            with database.writing() as session:
                session.merge(FactRow(name=OWNER_FACT, value=owner))
    except Exception:
        database.close()
        raise
    if not user.writes_global:
        guard(database, user)


def guard(database: Database, user: DatabaseUser) -> None:
    """Has each INSERT, UPDATE and DELETE of the stores judged before it goes to the database."""

    def judge(_connection: Connection, statement: Any, *_: object) -> None:
        if isinstance(statement, UpdateBase):
            user.require_writable(str(getattr(statement.table, "name", "")))

    event.listen(database.engine, "before_execute", judge)
