"""Which missions may a person's word stand for: one by its whole name, or all that begin so?"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.ledger.snapshot import LedgerSnapshot

MAX_COMPARED = 1000
"""Finished missions that a word is compared with: 20 ms."""


def names_meant(ledger: LedgerSnapshot, word: str) -> list[str]:
    """A whole name stands for itself, whatever else begins so; a beginning for open missions before finished ones."""
    if is_name(ledger, word):
        return [word]
    open_names = sorted(name for name in open_mission_names(ledger) if name.startswith(word))
    return open_names or sorted({n for _, files in ledger.archive.folders for n in files if n.startswith(word)})


def is_name(ledger: LedgerSnapshot, word: str) -> bool:
    """Whether a mission has exactly this name."""
    return word in open_mission_names(ledger) or ledger.archive.find(word) is not None


def open_mission_names(ledger: LedgerSnapshot) -> set[str]:
    """Missions that are open, running or cannot be read."""
    return {*ledger.open, *ledger.claims, *(bad.name for bad in ledger.quarantined)}


def similar_names(ledger: LedgerSnapshot, word: str) -> list[str]:
    """At most three missions that are spelled alike, or share a part with the word: open ones, else the newest that
    are finished."""
    finished = (name for _, files in ledger.archive.folders for name in files)
    return _alike(word, sorted(open_mission_names(ledger))) or _alike(word, sorted(islice(finished, MAX_COMPARED)))


def _alike(word: str, names: list[str]) -> list[str]:
    from difflib import get_close_matches  # only where a word is no name

    parts = [name for name in names if word in name or name in word]
    return list(dict.fromkeys([*parts, *get_close_matches(word, names)]))[:3]
