"""How is a node's outbox looked at alone, without loading what its other stores take?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from orchestrator.adapters.database.plain.outgoing import SqlOutgoing
from orchestrator.adapters.database.plain.ownership import admit
from orchestrator.adapters.database.plain.sqlite_file import SqliteFile, file_of, is_up_to_date
from orchestrator.core.ports.outbox import Outgoing
from orchestrator.core.state_scope import DatabaseUser

if TYPE_CHECKING:  # which names every port there is
    from orchestrator.core.ports.stores import Stores


def is_unmade(url: str) -> bool:
    """Whether this is an SQLite file that nobody has made yet: nothing waits in it."""
    path = file_of(url)
    return path is not None and not path.exists()


@contextmanager
def open_outbox(url: str, user: DatabaseUser, *, otherwise: Callable[[], Stores]) -> Iterator[Outgoing | None]:
    """The outbox of the database at `url`; None where nobody has made one yet. `otherwise` opens all stores of what is
    no SQLite file that can be used as it is.

    Raises as that does, and GlobalStateRefused where the database is headquarters' and the user is not.
    """
    path = file_of(url)
    if path is not None and is_up_to_date(path):
        file = SqliteFile(path=path)
        with closing(file):
            admit(file, user)
            yield SqlOutgoing(database=file)
    elif is_unmade(url):
        yield None
    else:
        with closing(otherwise()) as stores:
            yield stores.outgoing
