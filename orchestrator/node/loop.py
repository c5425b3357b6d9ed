"""What does a node do all day? Its loop: fetch, hand back, take on, fold, keep house; sleep until something moves."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

from orchestrator.core.errors import Refused
from orchestrator.core.events import Tell
from orchestrator.core.roles import Role
from orchestrator.execution.workspace.cleanup import Cleanup
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.transport import BEAT, Transport
from orchestrator.node.admission import report_problems, require_admitted
from orchestrator.node.announcer import NodePagePublisher
from orchestrator.node.attempts import Attempts
from orchestrator.node.background.feed_polls import FeedPolls
from orchestrator.node.background.forge_polls import ForgePolls
from orchestrator.node.background.heartbeat_turns import HeartbeatTurns
from orchestrator.node.background.idle_work import IdleWork
from orchestrator.node.background.merge_queue_turns import MergeQueueTurns
from orchestrator.node.background.spare_turns import SpareTurns
from orchestrator.node.executor import StopReason
from orchestrator.node.heartbeat import Heartbeat
from orchestrator.node.jobs import RunningJobs
from orchestrator.node.live_publisher import LivePublisher
from orchestrator.node.maintenance import Maintenance
from orchestrator.node.notifications.publisher import NotificationPublisher
from orchestrator.node.precedence import hq_look
from orchestrator.node.rounds.fetch_pause import FetchPause
from orchestrator.node.rounds.fold_duty import FoldDuty
from orchestrator.node.rounds.idle_wait import wait_for_work
from orchestrator.node.rounds.ledger_feed import LedgerFeed
from orchestrator.node.rounds.polling_turn import PollingTurn
from orchestrator.node.rounds.round_trouble import FINAL_ERRORS, RoundTrouble
from orchestrator.node.scheduler import Assignment, Scheduler
from orchestrator.node.sole_run import require_alone
from orchestrator.policy.push_allowance import is_rate_limited
from sync.errors import SyncError
from sync.remote import RefUpdate

if TYPE_CHECKING:  # most nodes have no bus beside the ledger
    from orchestrator.node.mission_bus.threads import BusThreads

JOIN_SECONDS = 30
"""Seconds that the end of a node waits for each attempt that was told to stop."""


@dataclass(kw_only=True)
class Node:
    """One node."""

    feed: LedgerFeed
    scheduler: Scheduler
    attempts: Attempts
    folding: FoldDuty
    heartbeat: Heartbeat
    trouble: RoundTrouble
    pause: FetchPause = field(default_factory=FetchPause)
    once: bool = False
    """Ends when nothing is left that this node can do now."""
    page: NodePagePublisher | None = None
    """Keeps this node's page true; None: it has none."""
    cleanup: Cleanup | None = None
    """None: the disk is neither cleared nor looked at."""
    maintenance: Maintenance | None = None
    live: LivePublisher | None = None
    """Shows what runs here to people on other machines; None: nobody can watch."""
    notifications: NotificationPublisher | None = None
    """Looks for what people should be told; None where nobody is."""
    on_round: Callable[[], None] = lambda: None
    """Called whenever a round is over that went through."""
    turns: HeartbeatTurns | None = None
    """Looks at what HEARTBEAT.md asks for; None: nobody does here."""
    feeds: FeedPolls | None = None
    """Asks the feeds that fleet.toml names; None: this node does not."""
    forges: ForgePolls | None = None
    """Looks at the projects' forges; None: this node does not."""
    queues: MergeQueueTurns | None = None
    """Tests and merges what waits in projects' merge queues; None: nobody does here."""
    spares: SpareTurns | None = None
    """Makes workspaces ahead for the projects that it works on; None: each is made when it is asked for."""
    idle: IdleWork | None = None
    """Does useful work of its own while there is no other; None: it rests then."""
    resources: ExitStack = field(default_factory=ExitStack)
    """Ends processes and frees memory at the end."""
    over_bus: BusThreads | None = None
    """Serves a bus beside the ledger; None: there is none."""
    polling: PollingTurn | None = None
    """Whether it is this node's turn to take what people write in a chat; None: it never is."""
    ended: Event = field(default_factory=Event)
    """Set when the node is told to end."""

    @property
    def bus(self) -> Transport:
        """As whom it speaks."""
        return self.feed.bus

    @property
    def draining(self) -> bool:
        """Whether it takes nothing new, and ends when the running work is done."""
        return self.ended.is_set()

    @property
    def jobs(self) -> RunningJobs:
        """What it works on now."""
        return self.attempts.jobs

    @property
    def tell(self) -> Tell:
        """To whom it tells its shift."""
        return self.feed.tell

    def run(self, begun: Callable[[], None] = lambda: None) -> None:
        """Works until drained; with `once`, until nothing is left that this node can do now.

        `begun` is called when the node is let in and alone under its name, before it takes anything on.

        Raises HistoryRewritten when the remote was tampered with, Refused when this node may not work here, and
        SyncError when the remote cannot be reached at the start.
        """
        ledger = self.feed.look()
        require_admitted(self.bus, self.scheduler.trust, ledger)
        self.heartbeat.follow(ledger.charter.bus)
        self._wait_alone()
        if self.draining:
            return
        begun()
        self.heartbeat.start()
        try:
            self._require_first()
            if self.page is not None:
                self.page.announce()
            self.resume()
            while self._goes_on(moved=self.step()):
                wait_for_work(
                    self.jobs.wake,
                    self.pause.seconds,
                    busy=self._works,
                    remote=self.bus.remote,
                    branch=self.bus.main,
                    seen=self.feed.refs,
                )
        finally:
            self.stop_jobs(StopReason.STOPPING)
            self.jobs.join(JOIN_SECONDS)
            self.heartbeat.stop()
            if self.live is not None:
                self.live.close()
        self._leave()

    def _require_first(self) -> None:
        if self.heartbeat.duplicate_node:
            name = self.bus.name
            raise Refused(f"another node runs under the name {name}, and was here first: set another SHIFTBOOK_NODE_ID")

    def _wait_alone(self) -> None:
        require_alone(
            self.heartbeat.beat,
            self.bus.name,
            interval=self.heartbeat.interval,
            wait=self.ended.wait,
            stopped=lambda: self.draining,
            tell=self.tell,
        )

    def drain(self) -> None:
        """Takes no new mission; ends when the running work is done. (First SIGTERM.)

        The bot is polled until then: nobody takes over from a node whose beat goes on.
        """
        self.ended.set()
        if self.over_bus is not None:
            self.over_bus.drain()
        self.jobs.wake.set()

    def stop_jobs(self, reason: str) -> None:
        """Tells everything that runs to end now. (Second SIGTERM.)"""
        self.jobs.stop(reason)
        if self.over_bus is not None:
            self.over_bus.cancel()

    def close(self) -> None:
        """Lets go of processes and memory."""
        self.resources.close()

    def resume(self) -> None:
        """After a restart: hands back what was ready, then takes again what this node held when it died."""
        self.attempts.handback.reload()
        try:
            self.attempts.hand_back(self.feed.look())
        except SyncError as error:
            if not is_rate_limited(error):
                raise
            self._failed(error)  # what is ready goes first once the host takes pushes again
        now = self.feed.look()
        pending = self.attempts.handback.pending(now.claims)
        self.attempts.begin(self.scheduler.resume(now, self.jobs.free, pending))

    def step(self) -> bool:
        """One round. Returns whether something was done, so that another round makes sense at once.

        Trouble and surprises are told, and the next round tries again; raises only what the node must end with.
        """
        self._require_first()
        try:
            ledger = self.feed.fetch()
            moved = self._round(ledger)
        except FINAL_ERRORS:
            raise
        except Exception as error:  # whatever it is, it must not end the work of all the other rounds
            self._failed(error)
            return False
        self._completed(ledger, moved=moved)
        return moved

    def _completed(self, ledger: LedgerSnapshot, *, moved: bool) -> None:
        self.trouble.passed()
        self.heartbeat.progress.completed()
        self.on_round()
        if moved:
            self.pause.moved()
        else:
            self.pause.calm(
                ledger.charter.bus, turn_in=self._turn_in(), claimed=bool(ledger.claims), look=self._look(ledger)
            )

    def _turn_in(self) -> float | None:
        """Seconds until this node's next turn comes to do what several could; None where nothing waits for one."""
        turns = [turn for turn in (self.folding.due_in(), self.scheduler.turn_in) if turn is not None]
        return min(turns, default=None)

    def _look(self, ledger: LedgerSnapshot) -> float | None:
        """Headquarters' longest pause while others work, in seconds; None for other nodes, and at other times."""
        leads = self.folding.precedence.role is Role.HEADQUARTERS
        others = leads and any(held.claim.node != self.bus.name for held in ledger.claims.values())
        return hq_look(ledger.charter.bus) if others else None

    def _failed(self, error: Exception) -> None:
        if is_rate_limited(error):
            self.heartbeat.allowance.refused(self.heartbeat.clock())
        self.trouble.note(error)
        self.pause.failed()
        if self.over_bus is not None:
            self.over_bus.cut_off()
        if not self.trouble.surprise:
            self.heartbeat.progress.completed()  # the loop moves, and whether the remote answers the beats tell
        elif self.once:
            raise error

    def _round(self, ledger: LedgerSnapshot) -> bool:
        self._take_in(ledger)
        heard = self._hear(ledger)
        pending = self.attempts.handback.pending(ledger.claims)
        busy = self.jobs.by_mission.keys() | pending  # as of now: some is handed back in a moment
        moved = self.attempts.hand_back(ledger) or heard
        if not self.draining and not self.heartbeat.fenced and not self._left_to_results():
            moved = self._take_on(ledger, busy) or moved
        moved = self.folding.step(ledger) or moved
        return self._keep_house(ledger) or moved

    def _left_to_results(self) -> bool:
        return self.heartbeat.allowance.for_results_alone(self.heartbeat.clock())

    def _hear(self, ledger: LedgerSnapshot) -> bool:
        """What people say to what runs here, and whether they watch it; whether anybody was answered."""
        if self.live is not None:
            self.live.step(ledger, self.jobs.by_mission)
        self.attempts.follow_budgets(ledger, self.scheduler.trust)
        return self.attempts.hear(ledger)

    def _take_in(self, ledger: LedgerSnapshot) -> None:
        if self.over_bus is not None:
            self.over_bus.look(ledger)
        if self.cleanup is not None:
            self.cleanup.step(ledger)
        report_problems(ledger, self.tell)
        self.jobs.stop_called_off(ledger)
        now, bus = self.feed.clock(), ledger.charter.bus
        self.scheduler.observe(ledger, now)
        nodes = len(self.scheduler.precedence.living(ledger) | {self.bus.name})
        if self.polling is not None:
            self.polling.observe(ledger)
        self.heartbeat.follow(bus, stretch=self.heartbeat.allowance.stretch(bus, nodes, now))

    def _take_on(self, ledger: LedgerSnapshot, busy: Collection[str]) -> bool:
        """Takes on what it can: its own from before first. Of what others could do nothing, while its disk is full."""
        room = self.cleanup is None or self.cleanup.has_room(ledger)
        taken = self._begin(self.scheduler.resume(ledger, self.jobs.free, busy))
        taken += self._begin(self.scheduler.pick_up(ledger, self.jobs.free, busy))
        taken += self._begin(self.scheduler.take_over(ledger, self.jobs.free if room else 0))
        taken += self._begin(self.scheduler.claim(ledger, self.jobs.free if room else 0))
        return bool(taken)

    def _begin(self, taken: list[Assignment]) -> int:
        self.attempts.begin(taken)
        return len(taken)

    def _keep_house(self, ledger: LedgerSnapshot) -> bool:
        if self.notifications is not None:
            self.notifications.post(ledger)
        if self.idle is not None:
            self.idle.step(ledger, draining=self.draining)
        if self.draining:
            return False
        if self.page is not None:
            self.page.step(ledger)
        for beside in (self.turns, self.feeds, self.forges, self.queues, self.spares):
            if beside is not None:
                beside.step(ledger)
        return self.maintenance is not None and self.maintenance.step(ledger)

    def _works(self) -> bool:
        return bool(self.jobs.by_mission) and self.trouble.online

    def _goes_on(self, *, moved: bool) -> bool:
        """Whether there is more to do. Offline, a draining node does not wait: its outbox keeps what is ready."""
        undelivered = self.trouble.sound and self.attempts.undelivered
        working = self.jobs.alive or (self.over_bus is not None and self.over_bus.at_work)
        working = working or (self.once and self.queues is not None and self.queues.at_work)
        return not (self.draining or self.once) or working or moved or undelivered

    def _leave(self) -> None:
        """Hands back what is left, folds it, and takes the beat down: a node that left is not a node that died."""
        if self.polling is not None:
            self.polling.leave()
        try:
            self.attempts.hand_back()
            self.folding.fold_now()
            ref = BEAT + self.bus.name
            refs = self.bus.remote.fetch()
            here = refs.get(ref)
            self.bus.remote.push([RefUpdate(ref=ref, expect=here, new=None)] if here else [])
            if self.notifications is not None:
                self.notifications.post(self.feed.reader.read(refs))
        except (SyncError, OSError) as error:
            self.tell("remote", f"could not say goodbye: {error}; nothing is lost, the next start hands back the rest")
        if self.cleanup is not None:
            self.cleanup.wait()
