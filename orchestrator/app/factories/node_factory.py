"""How is this machine's node put together? One factory for each part; whoever needs a part gets it at construction."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from missions.selection import NodeCapabilities
from orchestrator.app import wiring
from orchestrator.app.devices.fleet_addresses import addresses_line
from orchestrator.app.factories import notifier_factory
from orchestrator.app.factories.bus_factory import build_bus
from orchestrator.app.factories.feed_factory import build_feed_poller
from orchestrator.app.factories.forge_factory import build_forge_turn
from orchestrator.app.factories.heartbeat_factory import build_turn
from orchestrator.app.factories.node_parts import NodeParts, open_parts
from orchestrator.app.factories.project_factory import project_trial
from orchestrator.app.factories.telegram_factory import require_bot
from orchestrator.app.factories.work_factory import build_work
from orchestrator.app.root_file_system import root_folder
from orchestrator.core.events import Tell
from orchestrator.core.ports.usage import Spend
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings
from orchestrator.execution.project_trial import ProjectTrial
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from orchestrator.ledger.node_pages import LastSeenStore
from orchestrator.node import wakeups
from orchestrator.node.announcer import NodePagePublisher, volatile_state
from orchestrator.node.background.feed_polls import FeedPolls
from orchestrator.node.background.forge_polls import ForgePolls
from orchestrator.node.background.heartbeat_turns import HeartbeatTurns
from orchestrator.node.background.idle_work import IdleWork
from orchestrator.node.background.merge_queue_turns import MergeQueueTurns
from orchestrator.node.background.spare_turns import SpareTurns
from orchestrator.node.gates import DiskGate
from orchestrator.node.heartbeat import Heartbeat
from orchestrator.node.jobs import RunningJobs
from orchestrator.node.live_publisher import LivePublisher
from orchestrator.node.loop import Node
from orchestrator.node.maintenance import Maintenance
from orchestrator.node.notifications.publisher import NotificationPublisher, open_publisher
from orchestrator.node.notifications.push_dispatcher import PushDispatcher
from orchestrator.node.notifications.rung_devices import RungDevices
from orchestrator.node.rounds.fold_duty import FoldDuty
from orchestrator.node.rounds.ledger_feed import LedgerFeed
from orchestrator.node.rounds.polling_turn import PollingTurn
from orchestrator.node.rounds.round_trouble import RoundTrouble
from orchestrator.policy.authorization import Trust
from orchestrator.policy.hand_edits import HandEdits
from orchestrator.policy.write_audit import WriteAudit
from orchestrator.workflow.approval.delivery import BranchDelivery
from orchestrator.workflow.approval.worker import DeliveryWorker
from orchestrator.workflow.idle.dependency_proposals import DependencyProposals
from orchestrator.workflow.idle.index_upkeep import IndexUpkeep
from orchestrator.workflow.idle.outdated_indexes import OutdatedIndexes
from orchestrator.workflow.idle.review_filing import ReviewFiling
from orchestrator.workflow.journal.review_schedule import ReviewSchedule
from orchestrator.workflow.merge_queue.queue_work import TEST_SECONDS, QueueWork
from orchestrator.workflow.recurring.filing import TemplateSchedule

if TYPE_CHECKING:  # most nodes have no bus beside the ledger
    from orchestrator.node.mission_bus.threads import BusThreads


def build_node(settings: Settings, tell: Tell, *, once: bool = False) -> Node:
    """This machine's node, ready to run; `once` does what can be done now and ends.

    Raises WrongSetting, BrokenLedger and SyncError, and leaves nothing open then.
    """
    with ExitStack() as opened:
        parts = open_parts(settings, tell, opened, once=once)
        over_bus = build_bus(parts, opened) if not once else None
        work = build_work(parts, is_brought=_brought_by(over_bus))
        notifications = build_notifications(parts, opened)
        notifies = notifications is not None and notifications.tells
        polling = None if once else build_polling(parts, work.heartbeat)
        return Node(
            feed=build_feed(parts),
            scheduler=work.scheduler,
            attempts=work.attempts,
            folding=build_fold_duty(parts),
            heartbeat=work.heartbeat,
            trouble=RoundTrouble(tell),
            once=once,
            page=build_page(parts, work.offer, work.cleanup, work.quotas.told, notifies=notifies, polls=bool(polling)),
            cleanup=work.cleanup,
            live=LivePublisher(bus=parts.bus, folder=AttemptDirs(settings.home / "work").of, tell=tell),
            maintenance=build_maintenance(parts, opened),
            notifications=notifications,
            over_bus=over_bus,
            polling=polling,
            turns=None if once else build_turns(parts, opened),
            feeds=None if once else build_feed_polls(parts, opened),
            forges=None if once else build_forge_polls(parts, opened),
            queues=build_merge_queues(parts, opened),
            spares=None if once else build_spares(parts, opened),
            idle=None if once else build_idle_work(parts, work.attempts.jobs, opened),
            resources=opened.pop_all(),
        )


def _brought_by(over_bus: BusThreads | None) -> Callable[[str], bool]:
    tasks = over_bus.ledger_tasks if over_bus is not None else None
    return tasks.is_wanted if tasks is not None else lambda _mission: False


def build_feed(parts: NodeParts) -> LedgerFeed:
    """What the loop sees of the ledger."""
    return LedgerFeed(
        bus=parts.bus,
        reader=parts.reader,
        witness=parts.witness,
        liveness=parts.liveness,
        clock=wiring.clock,
        tell=parts.tell,
        looks=parts.precedence.looks,
        sightings=LastSeenStore(parts.settings.home / "seen.json"),
    )


def build_fold_duty(parts: NodeParts) -> FoldDuty:
    """What writes results into the branch."""
    return FoldDuty(
        bus=parts.bus,
        reader=parts.reader,
        trust=parts.trust,
        witness=parts.witness,
        precedence=parts.precedence,
        tell=parts.tell,
        clock=wiring.clock,
    )


def build_delivery(parts: NodeParts) -> BranchDelivery:
    """What carries approvals out, for one thread: with a reader and a judge of its own."""
    return BranchDelivery(
        bus=parts.bus,
        reader=wiring.reader(parts.settings, parts.link),
        trust=Trust(parts.link.store),
        cache=parts.settings.home / "cache",
        sandbox=wiring.sandbox(required=True),
        folders=AttemptDirs(parts.settings.home / "work"),
    )


def build_approvals(parts: NodeParts) -> DeliveryWorker:
    """What finishes approvals, in a thread beside the loop."""
    return DeliveryWorker(completion=build_delivery(parts), tell=parts.tell, clock=wiring.clock, wake=parts.wake.set)


def build_merge_queues(parts: NodeParts, opened: ExitStack) -> MergeQueueTurns | None:
    """What works at projects' merge queues; None on a machine that runs no projects' tests. `opened` ends it."""
    settings = parts.settings
    if not settings.policy.takes_missions or wiring.sandbox(required=True, root=root_folder(settings)).missing():
        return None

    def trial(folder: Path) -> ProjectTrial:
        return replace(project_trial(settings, folder, lambda line: None), seconds=TEST_SECONDS)

    scratch = settings.home / "cache" / "merge-queue"
    turns = MergeQueueTurns(
        work=QueueWork(delivery=build_delivery(parts), trial=trial, scratch=scratch),
        precedence=parts.precedence,
        trust=parts.trust,
        tell=parts.tell,
        clock=wiring.clock,
        nudge=parts.wake.set,
    )
    opened.callback(turns.close)
    return turns


def build_spares(parts: NodeParts, opened: ExitStack) -> SpareTurns | None:
    """What makes workspaces ahead; None where nothing keeps what runs here from writing in them. `opened` ends it."""
    settings = parts.settings
    if not settings.policy.takes_missions or wiring.sandbox(required=True, root=root_folder(settings)).missing():
        return None
    spares = wiring.workspaces(settings).spares
    turns = SpareTurns(home=settings.home, spares=spares, tell=parts.tell, clock=wiring.clock)
    opened.callback(turns.close)
    return turns


def build_maintenance(parts: NodeParts, opened: ExitStack) -> Maintenance:
    """What keeps the ledger in order; `opened` ends its schedule."""
    schedule = ReviewSchedule(wake=parts.wake.set, now=wiring.now)
    opened.callback(schedule.close)
    return Maintenance(
        bus=parts.bus,
        reader=parts.reader,
        trust=parts.trust,
        tell=parts.tell,
        precedence=parts.precedence,
        clock=wiring.clock,
        custody=wiring.tamper_check(parts.settings),
        edits=HandEdits(path=parts.settings.home / "edits.json", of=parts.settings.ledger),
        patrol=WriteAudit(path=parts.settings.home / "patrol.json", of=parts.settings.ledger),
        schedule=schedule,
        templates=TemplateSchedule(parts.link.store),
        tidy=parts.link.store.tidy,
        approvals=build_approvals(parts),
    )


def build_turns(parts: NodeParts, opened: ExitStack) -> HeartbeatTurns:
    """What looks at what HEARTBEAT.md asks for; `opened` waits for it at the end."""
    turns = HeartbeatTurns(
        turn=build_turn(parts.settings, parts.bus, parts.link),
        precedence=parts.precedence,
        tell=parts.tell,
        clock=wiring.clock,
        now=wiring.now,
    )
    opened.callback(turns.close)
    return turns


def build_feed_polls(parts: NodeParts, opened: ExitStack) -> FeedPolls | None:
    """What asks the feeds of fleet.toml; None for a worker, which takes in nothing for the fleet."""
    if parts.settings.role is Role.LOCAL_WORKER:
        return None
    poller = build_feed_poller(parts.settings, parts.stores)
    polls = FeedPolls(poller=poller, precedence=parts.precedence, tell=parts.tell, nudge=parts.wake.set)
    opened.callback(polls.close)
    return polls


def build_forge_polls(parts: NodeParts, opened: ExitStack) -> ForgePolls | None:
    """What looks at the projects' forges; None for a worker."""
    if parts.settings.role is Role.LOCAL_WORKER:
        return None
    turn = build_forge_turn(parts)
    rung = wakeups.FileBell(parts.settings.home / wakeups.FORGE_BELL)
    polls = ForgePolls(
        turn=turn, precedence=parts.precedence, tell=parts.tell, nudge=parts.wake.set, rung=rung.has_rung
    )
    opened.callback(polls.close)
    return polls


def build_idle_work(parts: NodeParts, jobs: RunningJobs, opened: ExitStack) -> IdleWork | None:
    """What a node does of its own accord while it is idle; None where policy wants nothing. `opened` drops it."""
    if not parts.settings.policy.idle_work:
        return None
    from orchestrator.app.factories.past_factory import transcript_index  # every program's transcripts come with it

    reader = wiring.reader(parts.settings, parts.link)  # its thread's own
    journal, transcripts = wiring.search_index(parts.settings), transcript_index(parts.settings)
    tasks = (
        IndexUpkeep(index=journal),
        OutdatedIndexes(current=(journal.path, transcripts.path), now=time.time),
        ReviewFiling(bus=parts.bus, reader=reader, now=wiring.now),
        DependencyProposals(bus=parts.bus, reader=reader, projects=wiring.workspaces(parts.settings), now=wiring.now),
    )
    idle = IdleWork(tasks=tasks, jobs=jobs, precedence=parts.precedence, tell=parts.tell, clock=wiring.clock)
    opened.callback(idle.close)
    return idle


def build_notifications(parts: NodeParts, opened: ExitStack) -> NotificationPublisher | None:
    """What looks for what people should be told; None where no address is set. `opened` tells what is left."""
    settings = parts.settings
    publisher = open_publisher(
        settings.node,
        settings.ledger,
        notifier_factory.notifier(settings),
        parts.stores,
        build_push(parts),
        liveness=parts.liveness,
        tell=parts.tell,
        now=wiring.now,
        clock=wiring.clock,
        trust=Trust(parts.link.store),  # its thread's own
    )
    if publisher is not None:
        opened.callback(publisher.close)
    return publisher


def build_push(parts: NodeParts) -> PushDispatcher | None:
    """What rings the devices that subscribed here; None where the extra for it is not installed."""
    carrier = notifier_factory.late_push_carrier(parts.settings)
    if carrier is None:
        return None

    def topic(words: str) -> str:
        from mobile_bridge.web_push import push_topic  # loads what seals messages

        return push_topic(words)

    return PushDispatcher(
        outgoing=parts.stores.outgoing,
        subscriptions=parts.stores.push,
        carrier=carrier,
        tell=parts.tell,
        now=wiring.now,
        topic=topic,
        may_ring=RungDevices(paired=parts.stores.paired, tokens=parts.stores.tokens, now=wiring.now).may_ring,
    )


def build_polling(parts: NodeParts, heartbeat: Heartbeat) -> PollingTurn | None:
    """Whether it is this node's turn to poll the bot; None where it never is. Raises WrongSetting for half of a bot."""
    if not parts.settings.policy.telegram:
        if parts.settings.enable_telegram_poll:
            parts.tell("telegram", "a worker never polls (FACTORY_ROLE): ENABLE_TELEGRAM_POLL says nothing here")
        return None
    require_bot(parts.settings)
    return PollingTurn(
        me=parts.settings.node,
        role=parts.settings.role,
        liveness=parts.liveness,
        fenced=lambda: heartbeat.fenced,
        gaps=lambda: heartbeat.heartbeat_gaps,
        clock=wiring.clock,
    )


def build_page(
    parts: NodeParts,
    offer: NodeCapabilities,
    disk: DiskGate,
    quotas: Callable[[], tuple[str, str]] = lambda: ("", ""),
    *,
    notifies: bool,
    polls: bool = False,
) -> NodePagePublisher:
    """What keeps this node's page true."""
    settings, usage = parts.settings, parts.stores.usage

    def spent(since: datetime) -> list[Spend]:
        return [row for row in usage.spent(since=since) if row.node == settings.node]

    return NodePagePublisher(
        bus=parts.bus,
        reader=parts.reader,
        offer=offer,
        role=settings.role,
        tell=parts.tell,
        clock=wiring.clock,
        spent=spent,
        state=partial(volatile_state, settings.home),
        notifies=notifies,
        polls=polls,
        reached=addresses_line(settings),
        disk=disk,
        quotas=quotas,
    )
