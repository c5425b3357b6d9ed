"""What does a node publish to people: what happened since it looked the last time, and is it its turn to tell?

How far it has looked is kept in the store as a commit of the branch: a restarted node goes on from there, tells what
came meanwhile, and, because each notice is put under a key of its own, nothing twice. It works in a thread beside the
node's loop, which only leaves the newest ledger there: neither a database nor a mail server ever holds the node up.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from missions.plain_data import read_json
from orchestrator.core.errors import StoreFailed
from orchestrator.core.events import Tell
from orchestrator.core.ports.notifier import Channel, NotDelivered, NotificationMessage, Notifier
from orchestrator.core.ports.stores import Cursors, Stores
from orchestrator.core.time_text import format_duration
from orchestrator.ledger.config.notification import Notification, NotificationKind, key_of
from orchestrator.ledger.liveness import Liveness
from orchestrator.ledger.node_pages import OFFLINE_AFTER, own_lease
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.notifications.dispatcher import NotificationDispatcher
from orchestrator.node.notifications.elected_node import fleet_nodes, is_first_alive, notifier_order
from orchestrator.node.notifications.finding_watch import FindingWatch
from orchestrator.node.notifications.mission_events import TreeComparison
from orchestrator.node.notifications.push_dispatcher import PushDispatcher
from orchestrator.node.notifications.safe_text import MAX_SENTENCE_CHARS, plain_text
from orchestrator.node.notifications.unserved_watch import UnservedWatch
from orchestrator.policy.authorization import Trust
from orchestrator.workflow.journal.review_status import review_statuses
from sync.errors import ObjectMissing
from sync.objects import load_commit
from sync.remote import Oid


def open_publisher(
    name: str,
    of: str,
    courier: Notifier | None,
    kept: Stores,
    push: PushDispatcher | None = None,
    *,
    liveness: Liveness,
    tell: Tell,
    now: Callable[[], datetime],
    clock: Callable[[], float],
    trust: Trust,
) -> NotificationPublisher | None:
    """The herald of the node `name` in the ledger `of`; None where nothing carries messages."""
    if courier is None and push is None:
        return None
    postman = NotificationDispatcher(outgoing=kept.outgoing, courier=courier or NoNotifier(), tell=tell, now=now)
    return NotificationPublisher(
        name=name,
        of=of,
        postman=postman,
        marks=kept.marks,
        liveness=liveness,
        tell=tell,
        clock=clock,
        unserved=UnservedWatch(trusted=lambda ledger, filed: trust.authorize(ledger, filed).trusted),
        findings=FindingWatch(signer=trust.signer),
        push=push,
        tells=courier is not None,
    )


@dataclass(frozen=True)
class NoNotifier:
    """Where no address is set: nobody is told, but by push."""

    channels: tuple[Channel, ...] = ()

    def send(self, channel: Channel, message: NotificationMessage) -> None:
        """There is nowhere to send it to."""
        raise NotDelivered("no address is set")


BRANCH_CURSOR, LOST_NODES_CURSOR = "notices", "lost nodes"
MAX_NOTIFICATIONS = 200
"""Notices of one look that are told one by one; the others are told by their number."""
MAX_WAIT_SECONDS, IDLE_WAIT_SECONDS, MIN_PAUSE_SECONDS = 5.0, 60.0, 1.0
"""Seconds between two rounds while something waits in the outbox, while nothing does, and at least between two looks.
What a fetch brings ends both waits."""
REVIEW_CHECK_MOVED_SECONDS, REVIEW_CHECK_SECONDS = 300.0, 900.0
"""Seconds after which the logs' reviews are looked at again where the branch moved, and where it did not: one can
become late by waiting."""
CLOSE_TIMEOUT_SECONDS = 20.0
"""Seconds that the end of a node may wait for what is still to be told."""


@dataclass(kw_only=True)
class NotificationPublisher:
    """One node's eyes on what is worth telling. `clock` is monotonic seconds."""

    name: str
    of: str
    """The ledger that this home belongs to."""
    postman: NotificationDispatcher
    marks: Cursors
    liveness: Liveness
    """Fed by the node's loop before it posts."""
    tell: Tell
    clock: Callable[[], float]
    unserved: UnservedWatch
    findings: FindingWatch
    push: PushDispatcher | None = None
    """Rings the devices that subscribed at this very node, whoever tells the others."""
    tells: bool = True
    """Whether it has addresses to tell at all."""
    wake: threading.Event = field(default_factory=threading.Event)
    _left: tuple[LedgerSnapshot, Mapping[str, float]] | None = None
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _compared: TreeComparison | None = None
    _reviewed: tuple[Oid, float] = ("", float("-inf"))
    _order: tuple[Oid, tuple[str, ...]] = ("", ())
    """Who tells people, as of a commit of the branch."""
    _told: set[str] = field(default_factory=set)
    """Losses that this process has put, of nodes whose beats stand where they stood then."""

    # -- the node's loop ----------------------------------------------------------------------------------------

    def post(self, ledger: LedgerSnapshot) -> None:
        """Leaves what one fetch showed, for the thread to look at. Takes no time, and raises nothing."""
        after = {node: max(OFFLINE_AFTER, own_lease(ledger, node)).total_seconds() for node in ledger.beats}
        silent = {node: lasts for node, lasts in self.liveness.silent(0.0).items() if lasts >= after.get(node, lasts)}
        silent.pop(self.name, None)
        moved = self._left is None or self._left[0].tip != ledger.tip or self._left[1].keys() != silent.keys()
        self._left = (ledger, silent)
        if self._thread is None and not self._ended.is_set():
            self._thread = threading.Thread(target=self._run, name="notices", daemon=True)
            self._thread.start()
        elif moved:
            self.wake.set()

    def close(self) -> None:
        """Tells what is still to be told, for a while; what is left stays in the outbox for the next start."""
        self._ended.set()
        self.wake.set()
        if self._thread is not None:
            self._thread.join(timeout=CLOSE_TIMEOUT_SECONDS)

    # -- the thread beside it -----------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._ended.is_set():
            self.round()
            self.wake.wait(self._pause())
            self.wake.clear()
            self._ended.wait(MIN_PAUSE_SECONDS)
        self.round(ahead=self.postman.charter.notify.batch_seconds)

    def _pause(self) -> float:
        """Seconds until the next round where nothing wakes it. Looking each few seconds for what may be due was most of
        what an idle node did."""
        try:
            return MAX_WAIT_SECONDS if self.postman.outgoing.listing(limit=1) else IDLE_WAIT_SECONDS
        except StoreFailed:
            return MAX_WAIT_SECONDS

    def round(self, ahead: float = 0.0) -> None:
        """Looks at the newest ledger, then delivers what is due within `ahead` seconds."""
        try:
            if self._left is not None:
                self.look(*self._left)
            if self.push is not None:
                self.push.deliver()
            self.postman.deliver(ahead)
        except Exception as error:  # of a database, a disk, or ours: what comes next must still be told
            self.tell("notify", f"nothing is told for now: {type(error).__name__}: {error}", once=True)

    def look(self, ledger: LedgerSnapshot, silent: Mapping[str, float]) -> None:
        """Puts what is new into the outbox. Raises StoreFailed, and then the same is found the next time."""
        self.postman.charter = ledger.charter
        if self._order[0] != ledger.tip:
            self._order = (ledger.tip, notifier_order(ledger, self.name))
        order = self._order[1]
        mine = order[0] == self.name
        if mine or is_first_alive(order, self.name, silent):
            heard = {node for node in fleet_nodes(ledger, silent) if mine or node == order[0]}
            self._put(ledger, self._lost(ledger, {node: silent[node] for node in sorted(heard)}))
        if mine:
            self._put(ledger, self._reviews(ledger))
            self._put(ledger, self.unserved.notices(ledger, self.postman.now(), self.clock()))
            self._put(ledger, self.findings.notices(ledger, self.postman.now()))
        self._missions(ledger, mine=mine)

    def _lost(self, ledger: LedgerSnapshot, silent: Mapping[str, float]) -> list[Notification]:
        """Nodes that stopped moving. A loss has one key for as long as the beat stands where it stood; it is noted
        before it is put, so that after a crash in between it is the same loss."""
        before = _parse_cursor(self.marks.get(LOST_NODES_CURSOR))
        known = {node: mark for node, mark in before.items() if mark.startswith(f"{ledger.beats.get(node)} ")}
        now = f"{self.postman.now():%Y%m%dT%H%M%S}"
        after = known | {node: f"{ledger.beats[node]} {now}" for node in silent.keys() - known.keys()}
        if after != before:
            self.marks.put(LOST_NODES_CURSOR, json.dumps(after))
        keys = {node: key_of("lost", node, mark.partition(" ")[2]) for node, mark in after.items()}
        self._told &= set(keys.values())  # who moved again has another key the next time
        fresh = [node for node in silent if keys[node] not in self._told]
        self._told |= {keys[node] for node in fresh}
        return [_lost_node_notification(ledger, node, silent[node], keys[node]) for node in fresh]

    def _missions(self, ledger: LedgerSnapshot, *, mine: bool) -> None:
        mark = _parse_cursor(self.marks.get(BRANCH_CURSOR))
        before = mark.get("tip", "") if mark.get("of") == self.of else ""
        if before == ledger.tip:
            return
        if before and (mine or self.push is not None):
            self._put(ledger, self._ended_since(ledger, before), mine=mine)
        self.marks.put(BRANCH_CURSOR, json.dumps({"of": self.of, "tip": ledger.tip}))

    def _ended_since(self, ledger: LedgerSnapshot, before: Oid) -> list[Notification]:
        if self._compared is None or self._compared.store is not ledger.store:
            self._compared = TreeComparison(ledger.store)
        try:
            was = load_commit(ledger.store, before).tree
            kinds, anew = ledger.charter.notify.kinds, {f"/missions/{n}" for n, f in ledger.open.items() if f.copied}
            ended = self._compared.notices(was, ledger.tree)
            found = [one for one in ended if one.kind in kinds and one.path not in anew]
        except ObjectMissing:
            self.tell("notify", f"{before[:10]}, up to which people were told, is gone: it goes on from here")
            return []
        return (
            found
            if len(found) <= MAX_NOTIFICATIONS
            else [*found[:MAX_NOTIFICATIONS], _summary_notification(ledger.tip, found[MAX_NOTIFICATIONS:])]
        )

    def _reviews(self, ledger: LedgerSnapshot) -> Iterator[Notification]:
        """What is wrong with the reviews of the logs. Seldom: where the logs are long it takes a second."""
        tip, looked = self._reviewed
        if self.clock() - looked < (REVIEW_CHECK_MOVED_SECONDS if tip != ledger.tip else REVIEW_CHECK_SECONDS):
            return
        for one in review_statuses(ledger, self.postman.now()):
            if one.trouble:
                kind = NotificationKind.REVIEW if one.proposed else NotificationKind.LOG_REVIEW
                which = one.last.when[:16] if one.last else "never"
                what = f"The review of {one.project or 'the log'}"
                title = f"{what} {'waits for you' if one.proposed else 'needs a look'}"
                key = key_of(kind.value, one.project, which, "proposed" if one.proposed else "late")
                body = plain_text(f"{one.project or 'the log'}: {one.trouble}", MAX_SENTENCE_CHARS)
                yield Notification(key=key, kind=kind, title=plain_text(title), body=f"{body}.", path="/log")
        self._reviewed = (ledger.tip, self.clock())

    def _put(
        self, ledger: LedgerSnapshot, notices: Iterator[Notification] | list[Notification], *, mine: bool = True
    ) -> None:
        for notice in notices:
            if notice.kind not in ledger.charter.notify.kinds:
                continue
            pushed = self.push is not None and self.push.put(notice)
            told = self.tells and mine and self.postman.put(notice)
            if pushed or told:
                self.tell("notify", notice.title)


def _lost_node_notification(ledger: LedgerSnapshot, node: str, seconds: float, key: str) -> Notification:
    name = plain_text(node, 80)
    held = sorted(mission for mission, one in ledger.claims.items() if one.claim.node == node and not one.claim.closed)
    works = f"; it worked on {', '.join(plain_text(mission, 80) for mission in held[:5])}" if held else ""
    body = f"{name} has been silent for {format_duration(seconds)}{works}. What it held is taken over; nothing is lost."
    return Notification(key=key, kind=NotificationKind.LOST, title=f"{name} went silent", body=body, path="/fleet")


def _summary_notification(tip: Oid, rest: list[Notification]) -> Notification:
    body = f"And {len(rest)} more missions ended since people were told the last time."
    kind = min((notice.kind for notice in rest), key=list(NotificationKind).index)
    return Notification(key=key_of("more", tip[:12]), kind=kind, title=f"{len(rest)} more missions ended", body=body)


def _parse_cursor(mark: str) -> dict[str, str]:
    try:
        found = read_json(mark or "{}")
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}
