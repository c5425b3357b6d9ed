"""How is a node's outbox looked at alone, without loading what its other stores take?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.adapters.database.plain.outgoing import SqlOutgoing
from orchestrator.adapters.database.plain.ownership import admit
from orchestrator.adapters.database.plain.sqlite_file import SqliteFile, file_of, is_up_to_date
from orchestrator.core.ports.outbox import Outgoing
from orchestrator.core.state_scope import DatabaseUser


def is_unmade(url: str) -> bool:
    """Whether this is an SQLite file that nobody has made yet: nothing waits in it."""
    path = file_of(url)
    return path is not None and not path.exists()


@contextmanager
def open_outbox(url: str, user: DatabaseUser) -> Iterator[Outgoing | None]:
    """The outbox in an SQLite file that can be used as it is; None where that is for `factory`.

    Raises StoreFailed, and GlobalStateRefused where the database is headquarters' and the user is not.
    """
    path = file_of(url)
    if path is None or not is_up_to_date(path):
        yield None
        return
    file = SqliteFile(path=path)
    try:
        admit(file, user)
        yield SqlOutgoing(database=file)
    finally:
        file.close()
