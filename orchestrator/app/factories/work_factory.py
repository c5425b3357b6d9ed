"""How is it put together what takes work on, does it and hands it back? One factory for each part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from missions.divisions import DEFAULT_DIVISIONS, Division
from missions.mission import CODING_TASK, TASKS, UPDATE_AGENT, UPDATE_TASK
from missions.selection import NodeCapabilities
from orchestrator.app import wiring
from orchestrator.app.factories.node_parts import NodeParts
from orchestrator.app.root_file_system import root_folder
from orchestrator.app.updates.update_agent import build_update_agent
from orchestrator.core.model_competence import Competence
from orchestrator.core.ports.agent import Agent
from orchestrator.core.ports.model_backend import competence_of
from orchestrator.core.ports.sandbox import Sandbox
from orchestrator.core.settings import Settings
from orchestrator.execution.budget import BudgetTracker
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from orchestrator.execution.workspace.cleanup import Cleanup
from orchestrator.ledger.transport import BEAT
from orchestrator.node import budget_and_disk
from orchestrator.node.attempts import Attempts
from orchestrator.node.executor import Executor
from orchestrator.node.gates import BudgetGate, DiskGate, QuotaGate, SafetyGate
from orchestrator.node.handback import Handback
from orchestrator.node.handoff_context import HandoffContext
from orchestrator.node.heartbeat import Heartbeat
from orchestrator.node.jobs import RunningJobs
from orchestrator.node.message_delivery import MessageDelivery
from orchestrator.node.outbox import Outbox
from orchestrator.node.quotas.quota_book import QuotaBook
from orchestrator.node.rounds.loop_progress import LoopProgress
from orchestrator.node.scheduler import HeartbeatGaps, Resumable, Scheduler
from orchestrator.node.usage_log import UsageLog
from orchestrator.policy.authorization import Trust
from orchestrator.policy.mission_safety import MissionSafety
from orchestrator.workflow.assignment.eligibility import Eligibility
from orchestrator.workflow.run_questions.run_desk import run_desks
from sync.heartbeat import Beat


@dataclass(frozen=True, kw_only=True)
class WorkParts:
    """What takes missions on, does them and hands them back."""

    offer: NodeCapabilities
    scheduler: Scheduler
    attempts: Attempts
    heartbeat: Heartbeat
    cleanup: Cleanup
    quotas: QuotaBook


def build_work(parts: NodeParts, *, is_brought: Callable[[str], bool] = lambda _mission: False) -> WorkParts:
    """From the claim to the hand-back: whoever asks for money, safety, disk or leases asks the same.

    `is_brought` says whether a bus has brought a mission to this node.
    """
    settings, link = parts.settings, parts.link
    sandbox = wiring.sandbox(required=parts.charter.trust.sandbox == "required", root=root_folder(settings))
    agents = build_agents(parts, sandbox)
    divisions = parts.charter.divisions(settings.node)
    offer = build_capabilities(settings, agents, sandbox, competence_of(parts.model), divisions)
    folders, outbox = AttemptDirs(settings.home / "work"), Outbox(settings.home / "outbox")
    cleanup, budget = build_cleanup(parts, folders, outbox), build_budget(parts)
    safety = MissionSafety(store=link.store, sandboxed=sandbox.name != "none")
    quotas = QuotaBook(
        node=settings.node,
        now=wiring.now,
        path=settings.home / "quotas.json",
        believes=Trust(link.store).is_own_page,  # threads of attempts ask, too: it has one of its own
    )
    executor = build_executor(
        parts, agents, folders, budget=budget, safety=safety, disk=cleanup, quota=quotas, offer=offer
    )
    jobs = RunningJobs(slots=settings.slots, wake=parts.wake)
    heartbeat = build_heartbeat(parts, jobs)
    return WorkParts(
        offer=offer,
        scheduler=build_scheduler(
            parts, offer, heartbeat, executor, budget=budget, safety=safety, quota=quotas, is_brought=is_brought
        ),
        attempts=build_attempts(parts, jobs, executor, outbox, heartbeat, cleanup),
        heartbeat=heartbeat,
        cleanup=cleanup,
        quotas=quotas,
    )


def build_agents(parts: NodeParts, sandbox: Sandbox) -> dict[str, Agent]:
    """The agents that work here, by name; those that need a model ask the node's."""
    tools = parts.charter.tools
    agents = wiring.agents(parts.settings, parts.model, sandbox, parts.charter, held=(*tools.ask, *tools.deny))
    update = build_update_agent(parts.settings, parts.link)
    agents |= {update.name: update} if update is not None else {}
    if not parts.settings.policy.takes_missions:
        return agents
    review = wiring.reviewer(parts.settings, parts.bus, parts.link, parts.model)
    return agents | {review.name: review}


def build_capabilities(
    settings: Settings,
    agents: Iterable[str],
    sandbox: Sandbox,
    model: Competence,
    divisions: tuple[Division, ...] = DEFAULT_DIVISIONS,
) -> NodeCapabilities:
    """What this node offers to do; `model` is what its built-in agent works with."""
    return NodeCapabilities(
        node=settings.node,
        role=settings.role.value,
        capabilities=settings.capabilities,
        agents=frozenset(agents),
        tasks=(frozenset(TASKS) if settings.policy.codes else frozenset(TASKS) - {CODING_TASK})
        | ({UPDATE_TASK} if UPDATE_AGENT in agents else frozenset()),
        answering=frozenset({"builtin"}) if sandbox.missing() else frozenset(),
        slots=settings.slots,
        weak=frozenset() if model.codes else frozenset({"builtin"}),
        divisions=divisions,
    )


def build_budget(parts: NodeParts) -> BudgetTracker:
    """What watches the money."""
    spending = budget_and_disk.SpendingRecords(
        node=parts.settings.node,
        usage=parts.stores.usage,
        own_page=Trust(parts.link.store).own_page,  # one of its own: threads of attempts ask, too
    )
    return BudgetTracker(now=wiring.now, clock=wiring.clock, spending=spending)


def build_cleanup(parts: NodeParts, folders: AttemptDirs, outbox: Outbox) -> Cleanup:
    """What watches and clears the disk."""
    return budget_and_disk.cleanup(
        parts.settings.home,
        parts.settings.node,
        folders=folders,
        outbox=outbox,
        chats=parts.stores.conversations,
        now=wiring.now,
        clock=wiring.clock,
        tell=parts.tell,
    )


def build_executor(
    parts: NodeParts,
    agents: Mapping[str, Agent],
    folders: AttemptDirs,
    *,
    budget: BudgetGate,
    safety: SafetyGate,
    disk: DiskGate,
    quota: QuotaGate,
    offer: NodeCapabilities,
) -> Executor:
    """What does the work."""
    index = wiring.search_index(parts.settings)
    return Executor(
        agents=agents,
        folders=folders,
        now=wiring.now,
        handoff=HandoffContext(counters={"builtin": parts.model}, recall=index.lines),
        warnings=index.project_warnings,
        desks=run_desks(index, wiring.now),
        sources=wiring.answer_sources(parts.settings),
        words=wiring.sentence_writer(parts.model),
        budget=budget,
        safety=safety,
        disk=disk,
        quota=quota,
        offer=offer,
    )


def build_heartbeat(parts: NodeParts, jobs: RunningJobs) -> Heartbeat:
    """What proves that this node lives, and stops its jobs when it no longer can."""
    return Heartbeat(
        Beat(parts.link, parts.link.store, BEAT + parts.settings.node, notes=parts.settings.home / "beat"),
        clock=wiring.clock,
        work=jobs,
        progress=LoopProgress(wiring.awake_clock),
        tell=parts.tell,
    )


def build_scheduler(
    parts: NodeParts,
    offer: NodeCapabilities,
    gaps: HeartbeatGaps,
    resumable: Resumable,
    *,
    budget: BudgetGate,
    safety: SafetyGate,
    quota: QuotaGate,
    is_brought: Callable[[str], bool],
) -> Scheduler:
    """What takes missions on."""
    return Scheduler(
        bus=parts.bus,
        reader=parts.reader,
        trust=parts.trust,
        offer=offer,
        tell=parts.tell,
        eligibility=Eligibility(offer=offer, closed=quota.closed),
        liveness=parts.liveness,
        precedence=parts.precedence,
        gaps=gaps,
        resumable=resumable,
        budget=budget,
        safety=safety,
        is_brought=is_brought,
    )


def build_attempts(
    parts: NodeParts, jobs: RunningJobs, executor: Executor, outbox: Outbox, heartbeat: Heartbeat, cleanup: Cleanup
) -> Attempts:
    """What carries attempts from the claim to the hand-back."""
    return Attempts(
        jobs=jobs,
        executor=executor,
        handback=Handback(
            bus=parts.bus, outbox=outbox, tell=parts.tell, clock=wiring.clock, limited=heartbeat.push_refused
        ),
        leases=heartbeat,
        usage=UsageLog(book=parts.stores.usage),
        tell=parts.tell,
        cleanup=cleanup,
        messages=MessageDelivery(bus=parts.bus, trust=parts.trust, tell=parts.tell),
    )
