"""How does a change of documents reach the branch that other people and nodes push to as well?

The change is a function of the newest state of the ledger. When somebody was faster it is worked out again on what they
pushed, so that nobody's edit is lost and nothing is done twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from orchestrator.bus import Bus
from orchestrator.ledger import Ledger, Reader
from sync.publish import publish
from sync.remote import Oid, Refs, Update


@dataclass(frozen=True, kw_only=True)
class Draft:
    """Files to write (or, with None, to delete) and the words that say why."""

    files: Mapping[str, bytes | None]
    message: str


def land(bus: Bus, reader: Reader, draft: Callable[[Ledger], Draft | None]) -> Oid | None:
    """Commits what `draft` makes of the newest ledger; None when there is nothing to change.

    Raises what `draft` and the remote raise, and TooManyRaces.
    """

    def plan(refs: Refs) -> list[Update]:
        ledger = reader.read(refs)
        made = draft(ledger)
        changes = {path: data for path, data in made.files.items() if data != ledger.read(path)} if made else {}
        if made is None or not changes:
            return []
        commit = bus.commit(changes, made.message, onto=ledger.tip, tree=ledger.tree)
        return [Update(ref=bus.main, expect=ledger.tip, new=commit)]

    moved = publish(bus.remote, plan, sleep=bus.sleep)
    return moved[0].new if moved else None
