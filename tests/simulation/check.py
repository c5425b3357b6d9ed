"""Did every mission end once, with one accepted result, and was none lost? Asked of the documents that people read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from missions import document
from missions.mission import Mission, Status
from orchestrator.ledger.snapshot import LedgerSnapshot
from tests.simulation.run import Simulation

_ACCEPTED = re.compile(r"^### Attempt \d+ · done ·", re.MULTILINE)
"""The heading under which a mission's file keeps an accepted result."""


def problems(run: Simulation) -> list[str]:
    """What is wrong at the end of a simulation, one line for each mission; empty if nothing is."""
    ledger = run.ledger()
    return [line for name in run.filed for line in _judged(ledger, name)]


def _judged(ledger: LedgerSnapshot, name: str) -> Iterator[str]:
    filed, place = ledger.open.get(name), ledger.archive.find(name)
    beside = filed is not None or any(bad.name == name for bad in ledger.quarantined)
    if beside and place is not None:
        yield f"{name} is open and archived"
    elif place is not None:
        yield from _archived(name, ledger.store.get(place[1]))
    elif filed is None:
        yield f"{name} is lost"
    elif filed.mission.status is not Status.DEAD:
        yield f"{name} is not finished: {filed.mission.status}" + (", claimed" if name in ledger.claims else "")
    elif _ACCEPTED.search(document.decode(ledger.store.get(filed.blob))):
        yield f"{name} was given up although a result was accepted"


def _archived(name: str, data: bytes) -> Iterator[str]:
    read = document.read(f"{name}.md", data)
    status = read.status if isinstance(read, Mission) else None
    results = len(_ACCEPTED.findall(document.decode(data)))
    if status is not Status.DONE or results != 1:
        yield f"{name} is archived as {status} with {results} accepted results"
