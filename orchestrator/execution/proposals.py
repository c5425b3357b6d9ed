"""Which missions does an agent propose? Files that it leaves in a folder, or that the node keeps in one for it, read as
what they are: somebody's words."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from missions.errors import BadName
from missions.mission import new_name
from missions.one_line import printable
from orchestrator.core.errors import Refused
from orchestrator.core.ports.agent import MissionProposal

MAX_PROPOSALS = 20
MAX_FILES_READ = 2 * MAX_PROPOSALS
"""Most files that are looked at, so that bad ones are not told of without end."""
MAX_PROPOSAL_BYTES = 64 * 1024
"""Bytes of one proposal."""


def keep_proposal(folder: Path, name: str, text: str) -> None:
    """Keeps a proposal under its name in a folder that nobody else writes; a name that is taken gets a number. Raises
    Refused for one that is too much, OSError."""
    data = text.encode("utf-8", "replace")
    if len(data) > MAX_PROPOSAL_BYTES:
        raise Refused("it is larger than {:,} bytes", MAX_PROPOSAL_BYTES)
    folder.mkdir(exist_ok=True)
    taken = {path.name for path in folder.iterdir()}
    if len(taken) >= MAX_PROPOSALS:
        raise Refused("{} missions were proposed, and no more are kept", MAX_PROPOSALS)
    names = (f"{name}.md" if number == 1 else f"{name}-{number}.md" for number in range(1, MAX_PROPOSALS + 2))
    with (folder / next(each for each in names if each not in taken)).open("xb") as file:
        file.write(data)


def collect_proposals(*folders: Path) -> tuple[tuple[MissionProposal, ...], tuple[str, ...]]:
    """The proposals in folders, by name, and what was left out and why. Links are not followed. Raises OSError."""
    found: dict[str, MissionProposal] = {}
    notes = []
    there = [folder for folder in folders if folder.is_dir()]
    paths = [path for folder in there for path in sorted(folder.iterdir()) if path.suffix == ".md"]
    if len(paths) > MAX_FILES_READ:
        notes.append(f"{len(paths)} files were proposed: only the first {MAX_FILES_READ} were looked at")
    for path in paths[:MAX_FILES_READ]:
        if len(found) == MAX_PROPOSALS:
            notes.append(f"{len(paths)} missions were proposed: only the first {MAX_PROPOSALS} are kept")
            break
        made = _read_proposal(path)
        if isinstance(made, str):
            notes.append(f"the proposal {_printable_name(path)} was left out: {made}")
        elif made.name in found:
            notes.append(f"the proposal {_printable_name(path)} was left out: there is one called {made.name} already")
        else:
            found[made.name] = made
    return tuple(found.values()), tuple(notes)


def _read_proposal(path: Path) -> MissionProposal | str:
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        return f"it is no plain file ({error.strerror})"
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return "it is no plain file"
    with os.fdopen(handle, "rb") as file:
        data = file.read(MAX_PROPOSAL_BYTES + 1)
    if len(data) > MAX_PROPOSAL_BYTES:
        return f"it is larger than {MAX_PROPOSAL_BYTES:,} bytes"
    if not data.strip():
        return "it is empty"
    try:
        return MissionProposal(name=new_name(path.stem), text=data.decode("utf-8"))
    except (BadName, UnicodeDecodeError) as error:
        return str(error)


def _printable_name(path: Path) -> str:
    return printable(path.name[:80], instead="?")
