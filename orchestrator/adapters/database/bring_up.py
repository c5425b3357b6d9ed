"""How is a database made, or brought up to this program's schema, without the process that uses it keeping what did it?

A new file needs SQLite alone. To bring one up, SQLAlchemy and Alembic take 40 MiB that Python never gives back, and a
node needs them once a release. So a process that ends does it: `python -m orchestrator.adapters.database.bring_up`,
with the URL on its standard input, where nobody can read it. If it fails, opening the database fails in the same way
and says why.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

from orchestrator.adapters.database.plain.new_file import make_new
from orchestrator.adapters.database.plain.sqlite_file import file_of, is_up_to_date

LONGEST_SECONDS = 600.0
"""Seconds after which it is stopped, and nothing of what it did stays."""


def bring_up_apart(url: str) -> None:
    """Does it where it is needed and SQLAlchemy is not needed for all else, too. Returns when it is done or failed."""
    path = file_of(url)
    if path is None or is_up_to_date(path) or make_new(path):
        return
    words = [sys.executable, "-P", "-m", "orchestrator.adapters.database.bring_up"]
    with suppress(subprocess.TimeoutExpired, OSError):  # whoever opens it next does it, or says what is wrong
        subprocess.run(words, input=url.encode(), capture_output=True, timeout=LONGEST_SECONDS, check=False)


def main() -> None:
    """Raises WrongSetting, StoreFailed: the exit code is another than 0 then."""
    from orchestrator.adapters.database.engine import open_database

    open_database(sys.stdin.buffer.read().decode()).close()


if __name__ == "__main__":
    main()
