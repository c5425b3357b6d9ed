"""The ownership of a database: which headquarters' is it, and may this node use it?"""

from __future__ import annotations

from orchestrator.adapters.database.plain.column_values import read_text, text_value
from orchestrator.adapters.database.plain.outgoing import GET, SET
from orchestrator.adapters.database.plain.statements import Transactions
from orchestrator.core.state_scope import DatabaseUser, new_owner

OWNER_FACT = "owner"
"""The name of the headquarters to which this database belongs."""


def admit(database: Transactions, user: DatabaseUser) -> None:
    """Lets a node use a database that was just opened, as its role may, and notes whose it is from now on.

    Raises GlobalStateRefused, or StoreFailed.
    """
    with database.reading() as sql:
        recorded = "".join(read_text(value) for (value,) in sql(GET, name=OWNER_FACT))
    owner = new_owner(recorded, user, database.place)
    if owner != recorded:
        with database.writing() as sql:
            sql(SET, name=OWNER_FACT, value=text_value(owner))
