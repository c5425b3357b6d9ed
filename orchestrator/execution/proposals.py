"""Which missions does an agent propose? Files that it leaves in a folder, read as what they are: somebody's words."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from missions.errors import BadName
from missions.mission import slug
from orchestrator.core.ports.agent import Proposal

MOST = 20
LOOKED = 2 * MOST
"""Most files that are looked at, so that bad ones are not told of without end."""
LARGEST = 64 * 1024
"""Bytes of one proposal."""


def gathered(folder: Path) -> tuple[tuple[Proposal, ...], tuple[str, ...]]:
    """The proposals in a folder, by name, and what was left out and why. Links are not followed. Raises OSError."""
    found: dict[str, Proposal] = {}
    notes = []
    paths = sorted(path for path in folder.iterdir() if path.suffix == ".md")
    if len(paths) > LOOKED:
        notes.append(f"{len(paths)} files were proposed: only the first {LOOKED} were looked at")
    for path in paths[:LOOKED]:
        if len(found) == MOST:
            notes.append(f"{len(paths)} missions were proposed: only the first {MOST} are kept")
            break
        made = _read(path)
        if isinstance(made, str):
            notes.append(f"the proposal {_shown(path)} was left out: {made}")
        elif made.name in found:
            notes.append(f"the proposal {_shown(path)} was left out: there is one called {made.name} already")
        else:
            found[made.name] = made
    return tuple(found.values()), tuple(notes)


def _read(path: Path) -> Proposal | str:
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        return f"it is no plain file ({error.strerror})"
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return "it is no plain file"
    with os.fdopen(handle, "rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        return f"it is larger than {LARGEST:,} bytes"
    try:
        return Proposal(name=slug(path.stem), text=data.decode("utf-8"))
    except (BadName, UnicodeDecodeError) as error:
        return str(error)


def _shown(path: Path) -> str:
    return "".join(char if char.isprintable() else "?" for char in path.name[:80])
