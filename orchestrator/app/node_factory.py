"""How is this machine's node put together: eyes, hands, memory, and what keeps them in order?"""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial

from missions.mission import PAID_AGENTS, TASKS, Mission
from missions.selection import NodeCapabilities
from orchestrator.app import setup, wiring
from orchestrator.core import pricing
from orchestrator.core.events import Tell
from orchestrator.core.ports.agent import Usage
from orchestrator.core.ports.storage import UsageBook, UsageOwner
from orchestrator.core.settings import Settings
from orchestrator.ledger.node_pages import LastSeenStore
from orchestrator.ledger.result_report import EndedAttempt
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.transport import BEAT
from orchestrator.node import budget_and_disk
from orchestrator.node.announcer import NodePagePublisher, volatile_state
from orchestrator.node.executor import Executor
from orchestrator.node.handback import Handback
from orchestrator.node.heartbeat import Heartbeat
from orchestrator.node.loop import Node
from orchestrator.node.maintenance import Maintenance
from orchestrator.node.notifications.publisher import open_publisher
from orchestrator.node.outbox import Outbox
from orchestrator.node.scheduler import Scheduler
from orchestrator.policy.authorization import Trust
from orchestrator.policy.unsandboxed import sandbox_required_reason
from orchestrator.policy.write_audit import WriteAudit
from orchestrator.workflow.approval.delivery import BranchDelivery
from orchestrator.workflow.approval.worker import DeliveryWorker
from orchestrator.workflow.journal.review_schedule import ReviewSchedule
from sync.heartbeat import Beat


def build_node(settings: Settings, tell: Tell) -> Node:
    """This machine's node, ready to run. Raises WrongSetting, BrokenLedger and SyncError."""
    link = wiring.remote(settings)
    reads = wiring.reader(settings, link)
    charter = reads.read(link.fetch()).charter
    link.timeout = max(5.0, min(60.0, charter.bus.lease / 3))
    _, key = setup.ensure_keys(settings, settings.node)
    speaker = wiring.transport(settings, link, name=settings.node, key=key)
    answers = wiring.model(settings)
    required, held = charter.trust.sandbox == "required", (*charter.tools.ask, *charter.tools.deny)
    confinement = wiring.sandbox(required=required)
    workers = wiring.agents(settings, answers, required=required, held=held)  # whom could they ask?
    if settings.accept_delegations:
        review = wiring.reviewer(settings, speaker, link, answers)
        workers[review.name] = review
    tasks = frozenset(TASKS) - (set() if settings.enable_vp_coder else {"coding_task"})
    offer = NodeCapabilities(
        node=settings.node,
        role=settings.role.value,
        capabilities=settings.capabilities,
        agents=frozenset(workers),
        tasks=tasks,
        answering=frozenset({"builtin"}) if confinement.missing() else frozenset(),
    )
    kept = wiring.stores(settings)
    wake, trust = threading.Event(), Trust(link.store)
    upkeep = Maintenance(
        bus=speaker,
        reader=reads,
        trust=trust,
        tell=tell,
        role=settings.role,
        clock=wiring.clock,
        custody=wiring.tamper_check(settings),
        patrol=WriteAudit(path=settings.home / "patrol.json", of=settings.ledger),
        schedule=ReviewSchedule(wake=wake.set, now=wiring.now),
        tidy=link.store.tidy,
        finish=DeliveryWorker(
            completion=BranchDelivery(  # with eyes of its own: it works in a thread beside the node's loop
                bus=speaker,
                reader=wiring.reader(settings, link),
                trust=Trust(link.store),
                cache=settings.home / "cache",
            ),
            tell=tell,
            clock=wiring.clock,
            wake=wake.set,
        ).step,
    )
    herald = open_publisher(
        settings.node, settings.ledger, wiring.notifier(settings), kept, tell=tell, now=wiring.now, clock=wiring.clock
    )
    bulletin = NodePagePublisher(
        bus=speaker,
        reader=reads,
        offer=offer,
        role=settings.role,
        tell=tell,
        clock=wiring.clock,
        spent=lambda since: [row for row in kept.usage.spent(since=since) if row.node == settings.node],
        state=partial(volatile_state, settings.home),
        notifies=herald is not None,
    )

    def barred(ledger: LedgerSnapshot, mission: Mission) -> str:
        if confinement.name != "none":
            return ""
        return sandbox_required_reason(mission, Trust(link.store).judge(ledger, signed=True).standing(mission).tier)

    purse = budget_and_disk.build_budget_tracker(
        settings.node, kept.usage, now=wiring.now, clock=wiring.clock, price=pricing.cost
    )
    workshop = Executor(
        agents=workers,
        folder=settings.home / "work",
        counts={"builtin": answers.count},
        words=wiring.sentence_writer(answers),
        now=wiring.now,
        recall=wiring.search_index(settings).lines,
        purse=purse,
        tools=lambda ledger, mission: Trust(link.store).judge(ledger, signed=True).tools(mission),
        unsafe_reason=barred,
        room=lambda ledger: clearance.room(ledger),  # which knows the workshop's folders
    )
    outbox = Outbox(settings.home / "outbox")
    clearance = budget_and_disk.cleanup(
        settings.home,
        settings.node,
        folders=workshop.folders,
        outbox=outbox,
        chats=kept.conversations,
        now=wiring.now,
        clock=wiring.clock,
        tell=tell,
    )
    intake = Scheduler(
        bus=speaker,
        reader=reads,
        trust=trust,
        offer=offer,
        tell=tell,
        over_budget_reason=purse.day_budget_reason,
        unsafe_reason=barred,
    )
    return Node(
        scheduler=intake,
        handback=Handback(bus=speaker, outbox=outbox, tell=tell),
        executor=workshop,
        heartbeat=Heartbeat(Beat(link, link.store, BEAT + settings.node), clock=wiring.clock),
        role=settings.role,
        clock=wiring.clock,
        book=partial(_record_usage, kept.usage),
        on_close=(*((herald.close,) if herald else ()), upkeep.schedule.close, link.close, answers.close, kept.close),
        slots=settings.slots,
        sightings=LastSeenStore(settings.home / "seen.json"),
        wake=wake,
        maintenance=upkeep,
        cleanup=clearance,
        bulletin=bulletin,
        herald=herald,
    )


def _record_usage(book: UsageBook, attempt: EndedAttempt) -> None:
    """Notes what an attempt took."""
    mission, claim = attempt.mission, attempt.claim
    run = UsageOwner(
        node=claim.node,
        mission=mission.name,
        epoch=claim.epoch,
        attempt=claim.attempt,
        agent=mission.worker,
        project=mission.project or "",
    )
    used = attempt.outcome.usage
    if used.cost_usd is None:
        used = replace(used, cost_usd=pricing.cost(used) if _may_cost_money(mission.worker, used) else 0.0)
    book.record(run, used, when=attempt.finished)


def _may_cost_money(agent: str, used: Usage) -> bool:
    """Whether a run may have cost money: neither a command does nor a model on this machine, whatever it is called."""
    return agent in PAID_AGENTS or used.backend == "openai"
