"""How far has this machine looked through a ledger's history, and what did it find? The scan's state is in one file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from missions.plain_data import read_json
from sync import files
from sync.remote import Oid

Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True)
class ScanState:
    """The state of a scan of the ledger that is called `of`, in the file at `path`; `key` is where findings stand."""

    path: Path
    of: str
    key: str

    def load(self, parse: Callable[[Any], Found]) -> tuple[Oid | None, list[Found]]:
        """The commit up to which was looked, and what is open; nothing for another ledger or a damaged file."""
        try:
            kept = read_json(self.path.read_text(encoding="utf-8"))
            return (str(kept["tip"]), [parse(one) for one in kept[self.key]]) if kept["of"] == self.of else (None, [])
        except (OSError, ValueError, KeyError, TypeError):
            return None, []

    def save(self, tip: Oid, found: Sequence[object]) -> None:
        """Writes down that everything up to `tip` was looked at. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"of": self.of, "tip": tip, self.key: found}, indent=1) + "\n"
        files.replace(self.path, text)
