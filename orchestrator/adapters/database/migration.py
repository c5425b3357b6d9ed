"""How does a database come to the schema that this program uses?

By Alembic's steps in `migrations/versions`, all of them in one transaction that one process at a time runs. A database
that a version before the first step made (it had the one table `usage`) is taken on as it is.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from orchestrator.adapters.database.plain.schema_version import HEAD_REVISION, VERSION_TABLE
from orchestrator.core.errors import WrongSetting

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).parent / "migrations"
FIRST_REVISION = "0001"
FIRST_COLUMNS = frozenset({"when", "node", "mission", "project", "attempt", "epoch", "agent", "cost_usd"})
"""What tells the first version's `usage` from another program's."""

_one_at_a_time = threading.Lock()  # Alembic's context is one for each process


def is_current(engine: Engine) -> bool:
    """Whether nothing is to be done."""
    with engine.connect() as connection:
        try:
            return [*connection.scalars(text(f"SELECT version_num FROM {VERSION_TABLE}"))] == [HEAD_REVISION]  # noqa: S608  # constant
        except (OperationalError, ProgrammingError):
            if connection.dialect.name == "postgresql":
                connection.rollback()
            inspect(connection).get_table_names()  # raises for a database that cannot be used at all
            return False


def bring_up(connection: Connection, place: str) -> None:
    """Runs the steps that are missing, in the transaction of `connection`. Raises WrongSetting for a newer schema."""
    from alembic import command
    from alembic.script import ScriptDirectory

    with _one_at_a_time:
        config = configuration(connection)
        found = _revision(connection)
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if found is not None and found not in known:
            newer = f"schema {found}, this one knows {HEAD_REVISION}"
            why = f"{place} was made by a newer shiftbook ({newer}): update shiftbook"
            raise WrongSetting("SHIFTBOOK_DATABASE_URL", why)
        if found is None and inspect(connection).has_table("usage"):
            there = {column["name"] for column in inspect(connection).get_columns("usage")}
            if FIRST_COLUMNS - there:
                why = f"{place} has a table `usage` that is not shiftbook's: name a database of its own"
                raise WrongSetting("SHIFTBOOK_DATABASE_URL", why)
            command.stamp(config, FIRST_REVISION)
        command.upgrade(config, "head")


def configuration(connection: Connection) -> Config:
    """Alembic's configuration for this connection; there is no ini file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _revision(connection: Connection) -> str | None:
    """The step at which the database stands; None for one that knows no steps."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = [*connection.scalars(text(f"SELECT version_num FROM {VERSION_TABLE}"))]  # noqa: S608  # constant
    return str(found[0]) if found else None
