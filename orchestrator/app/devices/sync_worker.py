"""The sync worker: what does a serving process do with operations while nobody waits?

It carries out orders that were broken off, takes turns that came in into the chats, and syncs with the other nodes of a
person: those that SHIFTBOOK_SYNC_PEERS names, or else headquarters.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.app import wiring
from orchestrator.chat.synced_turns import SyncedTurns
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.ports.stores import Stores
from orchestrator.core.settings import Settings
from orchestrator.node.peer_sync import PeerSync
from orchestrator.node.wakeups import ChangeSignal
from sync.backoff import Backoff

LOG = logging.getLogger(__name__)
SETTLE_SECONDS = 1.0
"""Seconds in which several pushes become one round."""
EVERY_SECONDS = 30.0
"""Seconds between two exchanges with a node that answers, where nothing came in here."""
UNHEARD = -1
"""Instead of how often the signal rang: all that came in is to be looked at."""
RETRY = Backoff(first=5.0, limit=300.0, jitter=(0.5, 1.0))


@dataclass
class _Peer:
    sync: PeerSync
    due: float = 0.0
    failures: int = 0
    told: str = ""


@dataclass
class SyncWorker:
    """The worker's thread; `clock` is monotonic, in seconds."""

    turns: SyncedTurns
    peers: list[PeerSync]
    signal: ChangeSignal
    clock: Callable[[], float]
    orders: Callable[[], object] = lambda: None
    """Carries out what was ordered by sync and broken off: at the start, and when operations came in."""
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> Callable[[], None]:
        """Works until what this returns is called."""
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self._thread.start()

        def stop() -> None:
            self._over.set()
            self.signal.close()
            if self._thread is not None:
                self._thread.join(timeout=5)

        return stop

    def _run(self) -> None:
        peers, heard = [_Peer(each) for each in self.peers], UNHEARD
        while not self._over.is_set():
            now = self.signal.rang
            heard = now if self._round(peers, moved=now != heard) else UNHEARD
            wait = max(0.0, min((peer.due - self.clock() for peer in peers), default=EVERY_SECONDS))
            if self.signal.after(heard, wait) != heard:
                self._over.wait(SETTLE_SECONDS)

    def _round(self, peers: list[_Peer], *, moved: bool) -> bool:
        """Whether all of it was done; else it is to be done again, whether anything comes in or not."""
        caught_up = self._is_done("orders from offline wait", self.orders) if moved else True
        taken = sum([self._exchange(peer) for peer in peers if self._is_due(peer, moved)])
        taken_in = self._is_done("synced chats wait", self.turns.take_in) if moved or taken else True
        return caught_up and taken_in

    def _is_done(self, waits: str, work: Callable[[], object]) -> bool:
        try:
            work()
        except OrchestratorError as error:  # the database: it may be well the next time
            LOG.warning("%s: %s", waits, error)
        except Exception:  # whatever it is, it must not be the last round of this process
            LOG.exception("%s: it broke off", waits)
        else:
            return True
        self._over.wait(RETRY.first)
        return False

    def _is_due(self, peer: _Peer, moved: bool) -> bool:
        return not self._over.is_set() and (self.clock() >= peer.due or (moved and not peer.failures))

    def _exchange(self, peer: _Peer) -> int:
        try:
            made = peer.sync.exchange()
        except Exception as error:  # whatever it is, the other nodes and the next round must go on
            peer.failures += 1
            peer.due = self.clock() + RETRY.spread(RETRY.after(peer.failures))
            why = str(error) if isinstance(error, OrchestratorError) else f"{peer.sync.place} broke off: {error!r}"
            if why != peer.told:
                LOG.warning("sync with %s; trying again", why)
            peer.told = why
            return 0
        if peer.told:
            LOG.warning("sync with %s works again", peer.sync.place)
        peer.failures, peer.told, peer.due = 0, "", self.clock() + EVERY_SECONDS
        return made.taken


def open_sync_worker(
    settings: Settings, stores: Stores, signal: ChangeSignal, orders: Callable[[], object]
) -> SyncWorker:
    """The worker of a serving process; not started. `orders` carries out what was broken off."""
    return SyncWorker(
        turns=SyncedTurns(ops=stores.sync_ops, chats=stores.synced_chats, marks=stores.marks),
        peers=[
            PeerSync(
                url=url,
                token=token,
                node=settings.node,
                ops=stores.sync_ops,
                marks=stores.marks,
                now=lambda: int(wiring.now().timestamp() * 1000),
            )
            for url, token in peer_addresses(settings)
        ],
        signal=signal,
        clock=wiring.clock,
        orders=orders,
    )


def peer_addresses(settings: Settings) -> list[tuple[str, str]]:
    """The nodes to sync with, each with its token: those that are set, else headquarters if there is a token for it."""
    token = settings.sync_token.get_secret_value()
    if settings.sync_peers:
        return [(url, token) for url in settings.sync_peers]
    if settings.hq_url and token and not settings.policy.publishes:
        return [(settings.hq_url, token)]
    return []
