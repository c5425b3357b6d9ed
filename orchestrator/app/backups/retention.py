"""How long are backups kept? The retention: which older ones of a node go when a new one is whole."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.app.backups.archive import holds_secrets
from orchestrator.app.backups.encryption import SUFFIX


def drop_older(newest: Path, node: str, keep: int) -> tuple[Path, ...]:
    """Deletes all but `keep` backups of this node beside `newest`, which is one of them. Returns what went.

    Only files with the very names that `shiftbook backup FOLDER` gives count: of another node, or called otherwise by
    a person, none is touched. Names tell the time, so that what a copy did to a file's own times does not matter. The
    newest one with keys and secrets stays, however old: what comes after it without them cannot take its place.
    """
    ours = re.compile(rf"shiftbook-{re.escape(node)}-[0-9]{{8}}T[0-9]{{6}}Z\.tar\.gz(\.age)?")
    if not ours.fullmatch(newest.name):
        return ()
    found = sorted(path for path in newest.parent.iterdir() if ours.fullmatch(path.name) and path.is_file())
    old = found[: max(0, len(found) - keep)]
    whole = next((path for path in reversed(found) if _is_whole(path)), None) if old else None
    gone = [path for path in old if path not in (newest, whole)]
    for path in gone:
        path.unlink()
    return tuple(gone)


def _is_whole(path: Path) -> bool:
    return path.name.endswith(SUFFIX) or holds_secrets(path)
