"""Where do the simulated missions come from? A person writes them, and pushes them as any person does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from orchestrator.ledger.snapshot import SnapshotReader
from orchestrator.ledger.transport import Transport
from sync.errors import TooManyRaces
from sync.publish import publish
from sync.remote import Refs, RefUpdate
from tests.simulation.scenario import Scenario


@dataclass(kw_only=True)
class Person:
    """Files missions. `start` plays some work that may wait."""

    bus: Transport
    reader: SnapshotReader
    plan: Scenario
    chance: Random
    start: Callable[[Callable[[], None]], None]
    filed: dict[str, float] = field(default_factory=dict)
    """When each mission was written and its first push begun, or would have been but for an earlier one."""
    pushing: bool = False
    _basket: list[str] = field(default_factory=list)

    def found(self) -> RefUpdate:
        """The ledger's first commit."""
        files = {"fleet.toml": self.plan.charter.encode(), "SESSION_LOG.md": b"# Session log\n"}
        root = self.bus.commit(files, "the ledger", onto=None, tree=None)
        return RefUpdate(ref=self.bus.main, expect=None, new=root)

    def write(self, now: float) -> bool:
        """Writes one mission and pushes it, with all that are written while a push is under way.

        Returns whether there are more to write.
        """
        name = f"mission-{len(self.filed):06d}"
        self.filed[name] = now
        self._basket.append(name)
        if not self.pushing:
            self.pushing = True
            self.start(self._push)
        return len(self.filed) < self.plan.missions

    @property
    def done(self) -> bool:
        """Whether every mission is on the branch."""
        return len(self.filed) == self.plan.missions and not self.pushing

    def _push(self) -> None:
        while self._basket:
            names, self._basket = self._basket, []
            files = {f"missions/{name}.md": self._text(name).encode() for name in names}
            while not self._published(files):
                pass  # every try takes virtual time
        self.pushing = False

    def _published(self, files: Mapping[str, bytes | None]) -> bool:
        def plan(refs: Refs) -> list[RefUpdate]:
            ledger = self.reader.read(refs)
            commit = self.bus.commit(files, f"File {len(files)}", onto=ledger.tip, tree=ledger.tree)
            return [RefUpdate(ref=self.bus.main, expect=ledger.tip, new=commit)]

        try:
            publish(self.bus.remote, plan, sleep=self.bus.sleep)
        except TooManyRaces:
            return False
        return True

    def _text(self, name: str) -> str:
        project = self.plan.project(int(name.rpartition("-")[2]))
        line = f"project: {project}\n" if project else ""
        return f"---\ntitle: {name}\n{line}priority: {self.chance.randint(0, 9)}\n---\nDo it.\n"
