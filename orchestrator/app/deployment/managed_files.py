"""Which files of the machine are ours to change? Those with our mark that nobody has edited since.

The mark is the first line, with a digest of the rest: so an edit by hand is seen, and not overwritten in silence.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from orchestrator.core.errors import Refused
from sync import files

MARK = re.compile(
    r"# Written by `shiftbook deploy`, which replaces it; (?P<hint>[^\n]*) \[(?P<digest>[0-9a-f]{16})\]\n"
)


class FileState(StrEnum):
    """How a file stands to what is wanted there."""

    SAME = "same"
    ABSENT = "absent"
    OLDER = "older"
    """Ours, and says something else."""
    EDITED = "edited"
    """Ours, and edited by hand since."""
    FOREIGN = "foreign"


@dataclass(frozen=True, kw_only=True)
class ManagedFile:
    """A file of ours. `path` is where it lies on the machine."""

    path: Path
    body: str
    hint: str = "your own lines go elsewhere"
    """Where a person's own changes belong."""

    @property
    def text(self) -> str:
        """The whole file."""
        return f"# Written by `shiftbook deploy`, which replaces it; {self.hint} [{_digest(self.body)}]\n{self.body}"

    def state(self, root: Path) -> FileState:
        """How the file below `root` stands. Raises OSError when it cannot be read."""
        there = self.read(root)
        if there is None:
            return FileState.ABSENT
        if there == self.text:
            return FileState.SAME
        found = MARK.match(there)
        if not found:
            return FileState.FOREIGN
        return FileState.OLDER if found["digest"] == _digest(there[found.end() :]) else FileState.EDITED

    def read(self, root: Path) -> str | None:
        """What is there; None where nothing is."""
        at = below(root, self.path)
        return at.read_text(encoding="utf-8", errors="surrogateescape") if at.exists() else None

    def diff(self, root: Path) -> str:
        """What writing it changes, as a unified diff."""
        old = (self.read(root) or "").splitlines(keepends=True)
        return "".join(difflib.unified_diff(old, self.text.splitlines(keepends=True), str(self.path), str(self.path)))

    def require_ours(self, root: Path, *, force: bool) -> None:
        """Raises Refused where somebody else's words would be lost."""
        state = self.state(root)
        if state is FileState.FOREIGN:
            raise Refused(f"{self.path} is there and not from `shiftbook deploy`: move it away first")
        if state is FileState.EDITED and not force:
            raise Refused(
                f"{self.path} was edited by hand: {self.hint}; then --force, which keeps it as {self.path}.before"
            )

    def write(self, root: Path) -> None:
        """Puts it there; what was edited by hand is kept beside."""
        at = below(root, self.path)
        at.parent.mkdir(parents=True, exist_ok=True)
        self._keep(root)
        files.replace(at, self.text.encode("utf-8", "surrogateescape"), mode=0o644)

    def delete(self, root: Path) -> None:
        """Takes it away; what was edited by hand is kept beside."""
        self._keep(root)
        below(root, self.path).unlink()

    def _keep(self, root: Path) -> None:
        at = below(root, self.path)
        if self.state(root) is FileState.EDITED:
            files.replace(at.with_name(f"{at.name}.before"), at.read_bytes(), mode=0o600)


def below(root: Path, path: Path) -> Path:
    """Where a path of the machine lies below `root`."""
    return root / path.relative_to(path.anchor)


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8", "surrogateescape")).hexdigest()[:16]
