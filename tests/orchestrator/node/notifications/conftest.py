"""What do the tests of notices share? Stores on disk, real receivers, and a herald whose clock a test moves."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.adapters.database.factory import open_stores
from orchestrator.adapters.notifiers.apprise import AppriseNotifier
from orchestrator.core.ports.notifier import Notifier
from orchestrator.core.ports.stores import Stores
from orchestrator.ledger.config.fleet_toml import FleetConfig
from orchestrator.ledger.config.notification import Notification, NotificationKind
from orchestrator.ledger.config.notify_table import NotifyPart
from orchestrator.ledger.liveness import Liveness
from orchestrator.node.notifications.dispatcher import NotificationDispatcher
from orchestrator.node.notifications.finding_watch import FindingWatch
from orchestrator.node.notifications.publisher import NotificationPublisher
from orchestrator.node.notifications.unserved_watch import UnservedWatch
from tests.ledgers import Clock, Peer, Ticks
from tests.receivers import Hook, Mailbox, hook, mailbox


@pytest.fixture
def web() -> Iterator[Hook]:
    """A real HTTP receiver."""
    with hook() as found:
        yield found


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    """A real SMTP server."""
    with mailbox() as found:
        yield found


@dataclass
class Desk:
    """One node's stores and what it told; each `postman` is as after a restart."""

    path: Path
    clock: Clock = field(default_factory=Clock)
    ticks: Ticks = field(default_factory=Ticks)
    told: list[str] = field(default_factory=list)
    opened: list[Stores] = field(default_factory=list)

    @property
    def stores(self) -> Stores:
        if not self.opened:
            ids = itertools.count()
            self.opened.append(open_stores(f"sqlite:///{self.path}", now=self.clock, new_id=lambda: f"i{next(ids)}"))
        return self.opened[0]

    def postman(self, courier: Notifier | str, **notify: object) -> NotificationDispatcher:
        """A postman; `notify` is what fleet.toml says."""
        carries = AppriseNotifier(urls=courier) if isinstance(courier, str) else courier
        charter = FleetConfig(notify=NotifyPart.model_validate({"batch_seconds": 0} | notify))
        tell = self.tell
        return NotificationDispatcher(
            outgoing=self.stores.outgoing, courier=carries, tell=tell, now=self.clock, charter=charter
        )

    def herald(self, name: str, courier: Notifier | str) -> NotificationPublisher:
        """A herald as after a restart."""
        return NotificationPublisher(
            name=name,
            of="town",
            postman=self.postman(courier),
            marks=self.stores.marks,
            liveness=Liveness(),
            tell=self.tell,
            clock=lambda: self.ticks.at,
            unserved=UnservedWatch(trusted=lambda *_: True),
            findings=FindingWatch(signer=lambda *_: None),
        )

    def tell(self, event: str, words: str, **_: object) -> None:
        self.told.append(f"{event} {words}")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A node's stores."""
    found = Desk(tmp_path / "desk" / "shiftbook.db")
    yield found
    for stores in found.opened:
        stores.close()


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[Callable[[str], Desk]]:
    """The stores of several nodes."""
    made: list[Desk] = []

    def make(name: str) -> Desk:
        made.append(Desk(tmp_path / name / "shiftbook.db"))
        return made[-1]

    yield make
    for desk in made:
        for stores in desk.opened:
            stores.close()


def notice(name: str = "fix", kind: NotificationKind = NotificationKind.DONE) -> Notification:
    """Something that happened."""
    return Notification(
        key=f"{name}-1-{kind}", kind=kind, title=f"{name} {kind}", body=f"About {name}.", path=f"/missions/{name}"
    )


def look(herald: NotificationPublisher, peer: Peer) -> None:
    """One round of a node without its thread, and the end of the window in which notices are gathered."""
    herald._thread = herald._thread or NO_THREAD
    ledger = peer.ledger()
    herald.liveness.observe(ledger, herald.clock())
    herald.post(ledger)
    herald.round(ahead=20)


NO_THREAD = threading.Thread()
"""Stands in the place of a herald's thread: a test makes the rounds itself."""
