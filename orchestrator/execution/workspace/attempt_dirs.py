"""In which folder does an attempt work, and what has an earlier one left there to go on with?

A folder is named after the mission and the epoch that began in it. An attempt that goes on where an earlier one was
parked or cut off keeps that folder, because agents know their conversations by the path that they worked in; so a label
in each folder says which epoch it belongs to now.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from missions.lease import ClaimState
from missions.plain_data import read_json
from orchestrator.execution.workspace.tree_walk import remove_tree
from sync import files
from sync.place_names import below

LABEL_FILE, SESSION_FILE = "label.json", "session.json"
RESUMABLE_STATES = frozenset({ClaimState.RUNNING.value, ClaimState.PARKED.value, ClaimState.RELEASED.value})
"""What an attempt's folder may say for the next one to go on in it: it was cut off, parked, or put back."""
REMOVED_PREFIX = ".gone-"
"""How the name of a folder begins that is being removed."""


@dataclass(frozen=True, kw_only=True)
class AttemptLabel:
    """Whose folder it is. `state` is how the attempt ended, or `running`; `ended` is UTC text, empty while it runs."""

    mission: str
    epoch: int
    attempt: int = 0
    state: str = ClaimState.RUNNING.value
    ended: str = ""
    unpushed: bool = False
    """It holds changes that are on no server."""


@dataclass(frozen=True)
class AttemptDirs:
    """The folders of attempts below `root`. Any thread may call; one process at a time (the node's)."""

    root: Path
    _busy: set[Path] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, label: AttemptLabel, *, departed: int = 0) -> tuple[Path, bool]:
        """The folder for an attempt that begins now, and whether it goes on with what is in it. Raises OSError.

        `departed`: the last epoch of the missions that had its name before it. What they left is not gone on with.
        """
        with self._lock:
            left = self._to_go_on(label, departed)
            path = left or below(self.root, f"{label.mission}-{label.epoch}")
            self._busy.add(path)
        if left is None:
            remove_tree(path)
            path.mkdir(parents=True, mode=0o700)  # what runs may leave files that would run as their owner
        _write_label(path, label)
        return path, left is not None

    def left(self, mission: str, epoch: int) -> Path | None:
        """What an attempt of that epoch left for the next to go on with: its agent's session, if it did not end."""
        for path, label in self.every():
            mine = (label.mission, label.epoch) == (mission, epoch)
            if mine and label.state in RESUMABLE_STATES and (path / SESSION_FILE).is_file() and path not in self._busy:
                return path
        return None

    def _to_go_on(self, label: AttemptLabel, departed: int) -> Path | None:
        """The folder that an attempt goes on in: what the one before it left, or the newest that was left at the same
        attempt, for those between, here or on other nodes, ended without counting as one."""
        if label.epoch - 1 > departed and (path := self.left(label.mission, label.epoch - 1)):
            return path
        found = [
            (one.epoch, path)
            for path, one in self.every()
            if one.mission == label.mission and 0 < one.attempt == label.attempt and departed < one.epoch < label.epoch
        ]
        return next((path for epoch, path in sorted(found, reverse=True) if self.left(label.mission, epoch)), None)

    def of(self, mission: str, epoch: int) -> Path:
        """Where an attempt works or has worked; the folder that it would have if it is not there."""
        plain = below(self.root, f"{mission}-{epoch}")
        label = read_label(plain)
        if label is not None and (label.mission, label.epoch) == (mission, epoch):
            return plain
        return next((p for p, one in self.every() if (one.mission, one.epoch) == (mission, epoch)), plain)

    def ended(self, mission: str, epoch: int, state: ClaimState, *, unpushed: bool, when: datetime) -> None:
        """Notes on the folder that its attempt was handed back. It need not be there."""
        path = self.of(mission, epoch)
        label = read_label(path)
        if label is not None and (label.mission, label.epoch) == (mission, epoch):
            moment = when.astimezone(UTC).isoformat(timespec="seconds")
            _write_label(path, replace(label, state=state.value, ended=moment, unpushed=unpushed))
        self.leave(mission, epoch)

    def pushed(self, mission: str, epoch: int) -> None:
        """Notes on the folder of an attempt, if it is here, that what it holds is on a server now. Raises OSError."""
        path = self.of(mission, epoch)
        label = read_label(path)
        if label is not None and (label.mission, label.epoch) == (mission, epoch) and label.unpushed:
            _write_label(path, replace(label, unpushed=False))

    def leave(self, mission: str, epoch: int) -> None:
        """Nothing runs in an attempt's folder any more."""
        with self._lock:
            self._busy.discard(self.of(mission, epoch))

    def every(self) -> Iterator[tuple[Path, AttemptLabel]]:
        """Each folder with its label."""
        for path in sorted(self.root.iterdir()) if self.root.is_dir() else ():
            label = read_label(path) if path.is_dir() and not path.name.startswith(".") else None
            if label is not None:
                yield path, label

    def remove(self, path: Path) -> bool:
        """Takes a folder away unless something runs in it; returns whether it did. Slow, and never holds up `open`."""
        gone = self.root / f"{REMOVED_PREFIX}{uuid.uuid4().hex}"
        with self._lock:
            if path in self._busy or not path.is_dir():
                return False
            path.rename(gone)
        return remove_tree(gone)

    def sweep(self) -> None:
        """Removes what was left of folders whose removal was cut off."""
        for path in self.root.glob(f"{REMOVED_PREFIX}*"):
            remove_tree(path)


def read_label(path: Path) -> AttemptLabel | None:
    """A folder's label; for one without, what its name says. None for what is no attempt's folder."""
    try:
        return AttemptLabel(**read_json((path / LABEL_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        found = re.fullmatch(r"(?P<mission>[a-z0-9-]+)-(?P<epoch>\d+)", path.name) if path.is_dir() else None
        return AttemptLabel(mission=found["mission"], epoch=int(found["epoch"])) if found else None


def _write_label(path: Path, label: AttemptLabel) -> None:
    files.replace(path / LABEL_FILE, json.dumps(asdict(label)), durable=False)  # without it the folder's name tells
