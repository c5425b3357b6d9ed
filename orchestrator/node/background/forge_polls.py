"""When are the fleet's forges polled here? As things come due, in a thread beside the loop, one after the other.

One node of the fleet does it, the first of those that live, and never a worker: what comes back from a forge is the
whole fleet's. A webhook makes it look sooner; behind NAT there is none, and polling is enough.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from orchestrator.core.events import Tell
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.precedence import Precedence

CLOSE_SECONDS = 5.0
DUTY = "forges"
"""What it is of which one node is the first."""


class ForgeLooks(Protocol):
    """What knows what is due on forges, and does it."""

    def is_due(self, ledger: LedgerSnapshot) -> bool:
        """Whether there is anything to look at now. Takes no time where there is no forge."""

    def hurry(self) -> None:
        """A forge said that something happened."""

    def look(self, ledger: LedgerSnapshot) -> Iterator[tuple[str, str, str]]:
        """Does it; what is told of each thing: a kind, a line, a mission. Raises what a ledger's remote raises."""


@dataclass(kw_only=True)
class ForgePolls:
    """One node's. `nudge` has the loop look at the ledger; `rung` tells, once, that a webhook came."""

    turn: ForgeLooks
    precedence: Precedence
    tell: Tell
    nudge: Callable[[], None]
    rung: Callable[[], bool] = lambda: False
    _thread: threading.Thread | None = None
    _ended: bool = False

    def step(self, ledger: LedgerSnapshot) -> None:
        """One round of the loop; raises nothing."""
        if self._ended or (self._thread is not None and self._thread.is_alive()):
            return
        if not any(part.forge for part in ledger.charter.projects.values()):
            return
        if self.rung():
            self.turn.hurry()
        if not self.turn.is_due(ledger) or self.precedence.wait(ledger, DUTY) > 0:
            return
        self._thread = threading.Thread(target=self._run, args=(ledger,), name="forges", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Begins nothing more; what is asked just now ends by itself."""
        self._ended = True
        if self._thread is not None:
            self._thread.join(timeout=CLOSE_SECONDS)

    def _run(self, ledger: LedgerSnapshot) -> None:
        moved = False
        try:
            for kind, line, mission in self.turn.look(ledger):
                self.tell(kind, line, once=kind == "forge", **({"mission": mission} if mission else {}))
                moved = moved or bool(mission)
                if self._ended:
                    return
        except Exception as error:  # of the ledger's server, a database, or ours: what was not done comes again
            self.tell("forge", f"forges are not looked at now: {type(error).__name__}: {error}", once=True)
        finally:
            if moved:
                self.nudge()
