"""Which commits of a person's clone were made here by the watch, and so may go out in the person's name?

A line in a message says nothing: whoever pushes can write it, and a pull brings it here. So each commit is noted before
the branch has it, with a print of what it says and changes, by which it is known again after a rebase. Once everything
is upstream the notes go.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from sync import files
from sync.git import Git
from sync.remote import Oid


class OwnCommits:
    """The notes of one clone, in a file of its Git folder that nobody can push to."""

    def __init__(self, git: Git, path: Path) -> None:
        self._git, self._path = git, path

    def note(self, oid: Oid) -> None:
        """Notes a commit that is about to be on the branch."""
        self._write({**self._notes(), oid: self._print(oid)})

    def has(self, oid: Oid) -> bool:
        """Whether this commit was made here, or is one that was, made again by a rebase."""
        notes = self._notes()
        return oid in notes or (bool(notes) and self._print(oid) in notes.values())

    def forget(self) -> None:
        """Drops the notes: what was made here is upstream."""
        self._path.unlink(missing_ok=True)

    def _notes(self) -> dict[Oid, str]:
        """Prints by commit. Notes that cannot be read say nothing, and the person pushes what waits."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, notes: dict[Oid, str]) -> None:
        files.replace(self._path, json.dumps(notes))

    def _print(self, oid: Oid) -> str:
        """A digest of a commit's message and of its lines with those around them, wherever they stand in the file."""
        plain = ("--text", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--unified=3")
        diff = self._git.run("diff-tree", "--root", "-r", "-p", "--no-commit-id", *plain, oid)
        said = self._git.run("log", "-1", "--no-show-signature", "--format=%B", oid)
        return hashlib.sha256(said.strip() + b"\0" + b"\n".join(_rebase_stable_lines(diff))).hexdigest()


def _rebase_stable_lines(diff: bytes) -> Iterator[bytes]:
    """A diff's lines without what a rebase changes: names of blobs, and line numbers."""
    for line in diff.split(b"\n"):
        if line.startswith(b"@@"):
            yield b"@@"
        elif not line.startswith(b"index "):
            yield line
