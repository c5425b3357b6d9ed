"""The mission list: which missions are wanted, and which of them are on a page?"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import groupby
from typing import Any

from missions.mission import FINISHED, Mission
from orchestrator.ledger.archive import folder_path, read_mission
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow import mission_view
from orchestrator.workflow.mission_view import MissionView
from orchestrator.workflow.reading.paging import PageKey, read_cursor, write_cursor
from orchestrator.workflow.reading.shared_ledger import LedgerLook
from orchestrator.workflow.reading.status_order import list_order

MAX_SEARCHED = 2000
"""Finished missions that are looked through for one page; `next` goes on behind them."""
_KEY = (int, float, float, str)
_DATED = re.compile(r"\d{4}-\d\d(?:-\d\d)?", re.ASCII)
"""What a day or a month of the archive is called."""


@dataclass(frozen=True, kw_only=True)
class MissionFilter:
    """Which missions are wanted; what is empty asks for nothing. `text` is looked for in names, titles and reasons."""

    states: frozenset[str] = frozenset()
    project: str | None = None
    """"" asks for those of no project."""
    node: str = ""
    text: str = ""
    archived: bool = False
    """Finished ones, too."""

    def wants(self, view: MissionView) -> bool:
        """Whether a mission is one of them."""
        if self.states and view.status not in self.states:
            return False
        if self.project is not None and (view.project or "") != self.project:
            return False
        if self.node and view.node != self.node:
            return False
        word = self.text.casefold()
        return not word or any(word in (each or "").casefold() for each in (view.name, view.title, view.reason))


def mission_page(look: LedgerLook, wanted: MissionFilter, *, after: str = "", limit: int = 50) -> dict[str, Any]:
    """One page: what needs somebody in the order of the list, then what is finished, the newest first.

    `next` is the cursor of the following page; null at the end. Raises WrongSetting for a wrong cursor.
    """
    begun = read_cursor(after, _KEY)
    items: list[dict[str, Any]] = []
    last: PageKey | None = None
    searched = 0.0
    for key, view in _every(look, wanted, begun):
        searched += float(key[0])  # 1 for a finished one
        if wanted.wants(view):
            if len(items) == limit:
                break
            items.append(view.json())
        elif searched < MAX_SEARCHED:
            continue
        last = key
        if searched >= MAX_SEARCHED:
            break
    else:
        last = None
    return {"items": items, "next": write_cursor(last) if last else None, "tip": look.ledger.tip}


def _every(look: LedgerLook, wanted: MissionFilter, begun: PageKey | None) -> Iterator[tuple[PageKey, MissionView]]:
    """Missions with their keys, behind a key: the open ones, then the archive."""
    keyed: list[tuple[PageKey, MissionView]] = [((0, *list_order(view)), view) for view in look.views]
    for key, view in sorted(keyed, key=lambda pair: pair[0]):
        if begun is None or key > begun:
            yield key, view
    if wanted.archived and (not wanted.states or wanted.states & FINISHED):
        yield from _archived(look.ledger, wanted.states, begun)


def _archived(
    ledger: LedgerSnapshot, states: Collection[str], begun: PageKey | None
) -> Iterator[tuple[PageKey, MissionView]]:
    """Finished missions, the newest day first and the newest first in it; last those in folders that say no time."""
    behind = begun if begun is not None and begun[0] == 1 else None
    for rank, together in groupby(sorted(ledger.archive.folders, key=_rank), key=_rank):
        if behind is not None and (1, rank) < behind[:2]:
            continue
        folders = list(together)
        rows = ([(*row, at) for row in files.newest_first(ledger.store)] for at, (_, files) in enumerate(folders))
        for newest, name, at in merge(*rows):
            key: PageKey = (1, rank, newest, name)
            if behind is not None and key <= behind:
                continue
            label, files = folders[at]
            path = f"{folder_path(label, files)}/{files.path(name)}"
            found = read_mission(ledger.store, path, files[name])
            if isinstance(found, Mission) or not states:
                yield key, mission_view.archived_view(found, path)


def _rank(folder: tuple[str, object]) -> float:
    """The place of a folder of the archive in the list."""
    label, _ = folder
    return -float(label.replace("-", "").ljust(len("20261129"), "0")) if _DATED.fullmatch(label) else 0.0


def ended_since(ledger: LedgerSnapshot, moment: datetime) -> int:
    """How many missions ended since a moment. Only days and months that it may be in are read."""
    day = f"{moment:%Y-%m-%d}"
    found = [files for label, files in ledger.archive.folders if label >= day[: len(label)]]
    return sum(-newest >= moment.timestamp() for files in found for newest, _ in files.newest_first(ledger.store))
