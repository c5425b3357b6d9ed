"""What did a program write down about a session before this round, in the records that it keeps in the run's home?

The home is what the agent left: a record may say anything. It is read only for what the program itself takes up from
there, so that whoever forges it deceives the program and its reading alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.execution.programs.json_events import parse_event

MAX_READ_BYTES = 64 * 1024 * 1024
"""Bytes of a session's file that are looked through, from its end."""


def session_records(home: Path, place: str, session: str, mark: str) -> Iterator[dict[str, Any]]:
    """The records that hold the text `mark`, in the order in which they were written; none for a session that is new
    or has a name that is no plain word.

    `place` is a glob below `home`, with `{}` where the session's name stands; of several files the newest is read.
    Raises OSError.
    """
    if not session.replace("-", "").isalnum():
        return
    files = [path for path in home.glob(place.format(session)) if path.is_file() and not path.is_symlink()]
    if not files:
        return
    newest = max(files, key=lambda path: (path.stat().st_mtime_ns, path.name))
    wanted = mark.encode()
    with newest.open("rb") as lines:
        lines.seek(max(0, newest.stat().st_size - MAX_READ_BYTES))  # a line that is cut there is no record
        for line in lines:
            if wanted in line and (found := parse_event(line.decode("utf-8", "replace"))):
                yield found
