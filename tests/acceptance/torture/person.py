"""What does a person do while the nodes work? Adds, edits, cancels and deletes missions, in the branch, by the seed."""

from __future__ import annotations

from dataclasses import dataclass

from missions.document import with_fields
from missions.mission import OPEN, Status
from orchestrator.ledger.snapshot import LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.ledger.trust.root import TrustRoot
from sync.publish import publish
from sync.remote import Refs, RefUpdate
from tests.acceptance.torture.virtual import Loop
from tests.acceptance.torture.world import World

CHANGES = 20


@dataclass
class Person:
    """Somebody with a clone of the ledger in memory."""

    loop: Loop
    bus: Transport
    world: World
    """Whether missions are paused and resumed as well, and filed under a second spelling."""

    def run(self) -> None:
        """Makes one change after the other."""
        chance = self.loop.chance
        more = ("pause", "pause", "resume", "resume") if self.world.parks else ()
        more += ("copy", "copy") if self.world.copies else ()
        for number in range(CHANGES):
            self.loop.sleep(chance.uniform(2, 12))
            self._change(chance.choice(("add", "edit", "edit", "cancel", "delete", *more)), number)

    def let_go_on(self) -> None:
        """Resumes whatever is parked, again and again."""
        while True:
            self._change("resume", 0)
            self.loop.sleep(10)

    def _change(self, what: str, number: int) -> None:
        reader = SnapshotReader(self.bus.store, TrustRoot(self.bus.store, lambda tip: tip))

        def plan(refs: Refs) -> list[RefUpdate]:
            ledger = reader.read(refs)
            files = _edit(ledger, what, number)
            if not files:
                return []
            commit = self.bus.commit(files, f"ada: {what}", onto=ledger.tip, tree=ledger.tree)
            return [RefUpdate(ref=self.bus.main, expect=ledger.tip, new=commit)]

        publish(self.bus.remote, plan, sleep=self.bus.sleep)


def _edit(ledger: LedgerSnapshot, what: str, number: int) -> dict[str, bytes | None]:
    if what == "add":
        return {f"missions/new{number}.md": f"---\nmax_retries: 50\n---\nDo new{number}.\n".encode()}
    names = sorted(ledger.open)
    if not names:
        return {}
    if what == "resume":
        parked = [f for f in ledger.open.values() if f.mission.status is Status.PARKED]
        texts = {f.path: ledger.store.get(f.blob).decode() for f in parked}
        return {path: with_fields(text, {"status": "queued", "reason": None}).encode() for path, text in texts.items()}
    filed = ledger.open[names[number % len(names)]]
    text = ledger.store.get(filed.blob).decode()
    if what == "delete":
        return {filed.path: None}
    if what == "copy":
        stem = filed.path.removeprefix("missions/").removesuffix(".md")
        return {f"missions/{stem.swapcase()}.md": text.encode()}
    if what == "pause":
        paused = with_fields(text, {"status": "parked", "reason": "paused by ada"}).encode()
        return {filed.path: paused} if filed.mission.status in OPEN else {}
    if what == "cancel":
        return {filed.path: with_fields(text, {"status": "cancelled"}).encode()}
    return {filed.path: text.replace("Do ", f"Do ({number}) ", 1).encode()}
