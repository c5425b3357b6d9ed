"""Which missions may a person's word stand for: one by its whole name, or all that begin so?"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from orchestrator.core.errors import NotFound

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


def missing_mission(ledger: LedgerSnapshot, name: str, gone: str = "") -> NotFound:
    """The error for a name that no mission has which could be steered, with the next step. `gone` is who deleted it, in
    words."""
    bad = next((one for one in ledger.quarantined if one.name == name), None)
    if bad is not None:
        return NotFound("{} cannot be read ({}): mend it or delete it", bad.path, bad.reason)
    if name in ledger.claims:
        return NotFound("the file of {} was deleted: {} stops its work", name, ledger.claims[name].claim.node)
    if near := ", ".join(similar_names(ledger, name)):
        return NotFound("no mission {!r}{}; did you mean {}?", name, gone, near)
    return NotFound("no mission {!r}{}", name, gone or ": `shiftbook mission list --all` names them")


def not_open(ledger: LedgerSnapshot, name: str) -> NotFound:
    """The error for a mission that nobody can steer any more, because it is over or never was."""
    done = ledger.archived(name)
    if done is None:
        return missing_mission(ledger, name)
    return NotFound("{} is over ({}): `shiftbook mission show {}` has its result", name, done.mission.status, name)


def _alike(word: str, names: list[str]) -> list[str]:
    from difflib import get_close_matches  # only where a word is no name

    parts = [name for name in names if word in name or name in word]
    return list(dict.fromkeys([*parts, *get_close_matches(word, names)]))[:3]
