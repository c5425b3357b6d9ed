"""How does a claimed mission become an outcome? The executor of attempts: what it gives the agent, what it keeps."""

from __future__ import annotations

import contextlib
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from handoff.answers.admission import AnswerSources
from handoff.evidence_check import disagreement
from handoff.secrets.excerpts import redacted_line
from handoff.secrets.redact import redact
from missions import document
from missions.divisions import Division, division_for
from missions.lease import PAUSED_REASON, Claim, ClaimState
from missions.message import MessageState
from missions.mission import AUTO, UPDATE_AGENT, Mission
from missions.selection import NodeCapabilities
from orchestrator.core import tracing
from orchestrator.core.errors import OrchestratorError, WorkspaceFailed
from orchestrator.core.ports.agent import Agent, AgentJob, Outcome, Unmetered
from orchestrator.execution.budget import BudgetMeter
from orchestrator.execution.free_space import DISK_FULL_PATTERN
from orchestrator.execution.live_figures import FIGURES_FILE, NotingMeter
from orchestrator.execution.live_output import PROGRESS_FILE, ProgressFile
from orchestrator.execution.message_box import MessageBox, SpokenMessage
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs, AttemptLabel
from orchestrator.execution.workspace.inputs import attached_inputs
from orchestrator.execution.workspace.start_point import earlier_work, starting_patch
from orchestrator.ledger.accounts.account_windows import ClosedAccount
from orchestrator.ledger.config.fleet_toml import FleetConfig
from orchestrator.ledger.repeated_ending import NOT_STARTED, PUT_BACK_IN_WORK, quota_releases
from orchestrator.ledger.result_record import decode_text
from orchestrator.ledger.result_report import EndedAttempt
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.gates import BudgetGate, DiskGate, QuotaGate, SafetyGate
from orchestrator.node.handoff_context import HandoffContext
from orchestrator.node.outbox import PendingResult
from orchestrator.workflow.assignment.assign import suitable_agents
from orchestrator.workflow.assignment.node_briefing import node_briefing
from orchestrator.workflow.journal.run_warner import JournalLookUp, run_warner
from orchestrator.workflow.run_questions.run_desk import RunDesks, may_have_servers
from sync.errors import SyncError

TOOL_BOUND_AGENTS = frozenset({"claude", "builtin", "command", "review", UPDATE_AGENT})
"""Agents that keep to the tools which policy names, or have none to choose."""


Said = TypeVar("Said")
MAX_QUOTED_CHARS = 300
"""Characters of a message that a result quotes."""


MAX_QUOTA_RELEASES = 3
"""So often in a row may a mission that had done something meet a window that is used up; then a person looks at it."""


class StopReason:
    """Why a job was told to stop, with what that makes of its claim."""

    CANCELLED, FENCED, STOPPING = "cancelled by a person", "the lease could not be kept", "the node was stopped"
    PAUSED = PAUSED_REASON


@dataclass
class CancelToken:
    """A stop flag that remembers the first reason."""

    event: threading.Event = field(default_factory=threading.Event)
    reason: str = ""

    def stop(self, reason: str) -> None:
        """Tells the job to end."""
        if not self.event.is_set():
            self.reason = reason
            self.event.set()


@dataclass
class Slips:
    """Mistakes of ours in what is said beside a result: they stand in it, and must not cost it."""

    told: list[str] = field(default_factory=list)

    def spare(self, say: Callable[[], Said], instead: Said) -> Said:
        """What is said, or what is said instead where that goes wrong."""
        try:
            return say()
        except Exception as error:
            self.told.append(f"the node made a mistake beside this result: {error!r}")
            return instead


@dataclass(frozen=True, kw_only=True)
class Executor:
    """Where this node works: its agents, the folders of attempts, how it tells the time (`now`, UTC)."""

    agents: Mapping[str, Agent]
    folders: AttemptDirs
    now: Callable[[], datetime]
    handoff: HandoffContext = field(default_factory=HandoffContext)
    sources: Callable[[LedgerSnapshot, str, str], AnswerSources] | None = None
    """On what an answer of this node's model may rest; None: on its context alone."""
    warnings: JournalLookUp | None = None
    """What the journal warns of at an action in a project; None: nothing is said at actions."""
    desks: RunDesks | None = None
    """What a run may ask of its fleet while it works; None: nothing."""
    words: Callable[[str], str] | None = None
    """A model that says in a sentence what was done, "" when it has none; None: no model does."""
    budget: BudgetGate | None = None
    """None: nobody limits what is spent."""
    safety: SafetyGate | None = None
    """None: policy says nothing of what an attempt may do here."""
    disk: DiskGate | None = None
    """None: nobody looks whether there is room."""
    quota: QuotaGate | None = None
    """None: nobody follows the windows of accounts."""
    offer: NodeCapabilities | None = None
    """What this node offers to do; None: all that its agents can."""
    _meters: dict[tuple[str, int], BudgetMeter] = field(default_factory=dict)

    def attempt(
        self,
        ledger: LedgerSnapshot,
        mission: Mission,
        claim: Claim,
        stop: CancelToken,
        remarks: tuple[str, ...],
        box: MessageBox | None = None,
    ) -> EndedAttempt:
        """Does one attempt, whatever comes of it; never raises for a failure of the work. `box` is what people say."""
        started, box = self.now(), box or MessageBox()
        facts: dict[str, tracing.Fact] = {"node": claim.node, "epoch": claim.epoch, "attempt": claim.attempt}
        with tracing.span("mission.attempt", mission=mission.name, agent=mission.worker, **facts) as span:
            outcome = self._run(ledger, mission, claim, stop, box)
            span.note(ok=outcome.ok, files=len(outcome.files), parked=bool(outcome.parked))
            if not outcome.ok:
                span.fail(outcome.error or outcome.parked or outcome.summary)
        remarks = (*remarks, *map(_message_remark, box.close()))
        state = _claim_state(outcome, stop)
        finished = self.now()
        final = state in {ClaimState.DONE, ClaimState.CANCELLED} or (
            state is ClaimState.FAILED and claim.attempt >= mission.attempts_allowed
        )
        slips, nothing = Slips(), tuple[str, ...]()
        words = slips.spare(lambda: self.words_of(ledger.charter, outcome), "") if final else ""
        unenforced = slips.spare(lambda: self._unenforced_tools(ledger, mission), nothing)
        division = slips.spare(lambda: _division(ledger, mission, claim).signature(claim.node), "")
        return EndedAttempt(
            mission=mission,
            claim=claim,
            outcome=outcome,
            state=state,
            started=started,
            finished=finished,
            final=final,
            words=words,
            remarks=(*remarks, *unenforced, *slips.told),
            answered_by=division,
        )

    def mistaken(self, mission: Mission, claim: Claim, error: Exception) -> EndedAttempt:
        """An attempt of which this node cannot tell what came of it, for a mistake of its own."""
        return EndedAttempt(
            mission=mission,
            claim=claim,
            outcome=_mistake(error),
            state=ClaimState.FAILED,
            started=self.now(),
            finished=self.now(),
            final=claim.attempt >= mission.attempts_allowed,
        )

    def _unenforced_tools(self, ledger: LedgerSnapshot, mission: Mission) -> tuple[str, ...]:
        """A word where policy names tools and the agent's program cannot be held to them."""
        if mission.worker in TOOL_BOUND_AGENTS or self._tools(ledger, mission) is None:
            return ()
        return (f"policy.tools could not be enforced on {mission.worker}: the sandbox alone held it",)

    def words_of(self, rules: FleetConfig, outcome: Outcome) -> str:
        """The memo's summary in a model's words, if the fleet wants that and what was done bears them out."""
        if self.words is None or rules.handoff.memo_words != "model" or outcome.answer:
            return ""  # an answer is in a model's words already
        told = "\n".join([outcome.summary, *outcome.files, *outcome.output.splitlines()[-20:]])
        said = " ".join(self.words(redact(told).text).split())
        return "" if disagreement(said, [told]) else said

    def settle(self, claim: Claim) -> None:
        """What the attempt took is noted in the node's database: its meter is not needed any more."""
        meter = self._meters.pop((claim.mission, claim.epoch), None)
        if self.budget is not None and meter is not None:
            self.budget.settle(meter)

    def follow_budget(self, ledger: LedgerSnapshot, mission: Mission, claim: Claim) -> None:
        """The mission has another budget from now on."""
        meter = self._meters.get((claim.mission, claim.epoch))
        if self.budget is not None and meter is not None:
            self.budget.renew(meter, ledger, mission)

    def handed_back(self, letter: PendingResult, *, keep: bool) -> None:
        """Labels an attempt's folder once its result is accepted or kept as late work. Policy says whether it goes.

        Without a policy (`keep`) it goes now, unless the mission may go on in it.
        """
        claim, record = letter.held.claim, letter.record
        unpushed = "diff" in record.artifacts and not record.fields.get("branch")
        try:
            self.folders.ended(claim.mission, claim.epoch, letter.state, unpushed=unpushed, when=self.now())
        except OSError:  # a full disk: without the label it counts as cut off, and is kept for as long
            self.folders.leave(claim.mission, claim.epoch)
        if not keep and self.folders.left(claim.mission, claim.epoch) is None:
            self.folders.remove(self.folders.of(claim.mission, claim.epoch))

    def can_resume(self, mission: str, epoch: int) -> bool:
        """Whether what an attempt of that epoch left can be gone on with here, in its agent's own session."""
        return self.folders.left(mission, epoch) is not None

    def _run(
        self, ledger: LedgerSnapshot, mission: Mission, claim: Claim, stop: CancelToken, box: MessageBox
    ) -> Outcome:
        try:
            outcome = self._closed(ledger, mission, claim) or self._work(ledger, mission, claim, stop, box)
        except (OrchestratorError, SyncError, OSError) as error:
            said = str(error) or repr(error)
            parked = said if isinstance(error, WorkspaceFailed) and error.lasting else ""
            outcome = Outcome(
                ok=False, summary="The attempt could not be carried out.", error=said, parked=parked, spared=True
            )
        except Exception as error:  # a mistake of ours must end the attempt, not the thread that would report it
            return _mistake(error)
        slips = Slips()
        rested = slips.spare(lambda: self._rest_account(outcome, ledger, mission), outcome)
        made = slips.spare(lambda: self._park_on_full_disk(rested, ledger, claim), rested)
        return replace(made, notes=(*made.notes, *slips.told)) if slips.told else made

    def _closed(self, ledger: LedgerSnapshot, mission: Mission, claim: Claim) -> Outcome | None:
        """What comes of an attempt that is not even begun: not allowed here, a full disk, no money left."""
        meter = self.budget.meter(ledger, mission) if self.budget is not None else None
        if meter is not None:
            self._meters[claim.mission, claim.epoch] = meter
        unsafe = self.safety.unsafe_reason(ledger, mission) if self.safety is not None else ""
        why = unsafe or self._full_reason(ledger) or (meter.over() if meter is not None else "")
        if why:
            return Outcome(ok=False, summary=f"{NOT_STARTED}{why}.", parked=why)
        shut = self.quota.closed(ledger).get(mission.agent) if self.quota is not None else None
        return Outcome(ok=False, summary=f"{NOT_STARTED}{shut.says}.", released=True) if shut else None

    def _rest_account(self, outcome: Outcome, ledger: LedgerSnapshot, mission: Mission) -> Outcome:
        """What an attempt learned of its account is noted. One that met a window that is used up is no attempt: its
        account rests, not the mission, unless the fleet wants a person to say so."""
        if self.quota is None or not outcome.windows:
            return outcome
        with contextlib.suppress(OSError):  # a full disk: it is known as long as this node runs
            self.quota.note(ledger.charter, mission.agent, outcome.windows)
        if outcome.ok or outcome.cancelled or not outcome.out_of_quota:
            return outcome
        closed = self.quota.closed(ledger)
        shut = closed.get(mission.agent)
        if shut is None or (ledger.charter.quotas.mode == "park" and not self._has_another(mission, closed)):
            return outcome
        worked = bool(outcome.usage.tokens_out or outcome.files)
        times = _quota_releases(ledger, mission) + 1 if worked else 0
        if times >= MAX_QUOTA_RELEASES:
            why = f"quota: {shut.says}, and so it ended {times} times in a row: it may need more than one window gives"
            return replace(outcome, parked=why)
        how = PUT_BACK_IN_WORK if worked else "Put back: "
        return replace(outcome, summary=f"{how}{shut.says}.", parked="", released=True)

    def _has_another(self, mission: Mission, closed: Mapping[str, ClosedAccount]) -> bool:
        """Whether this node has another agent for a mission that leaves it a choice, with an account that is open."""
        if not (mission.agent_order or mission.chosen_agent):
            return False
        offer = self.offer or NodeCapabilities(node="", role="", agents=frozenset(self.agents))
        return bool(suitable_agents(replace(mission, agent=AUTO), offer) - closed.keys() - {mission.agent})

    def _work(
        self, ledger: LedgerSnapshot, mission: Mission, claim: Claim, stop: CancelToken, box: MessageBox
    ) -> Outcome:
        label = AttemptLabel(mission=claim.mission, epoch=claim.epoch, attempt=claim.attempt)
        folder, goes_on = self.folders.open(label, departed=ledger.departed_epoch(mission))
        with contextlib.closing(ProgressFile(folder / PROGRESS_FILE)) as progress:
            job = self._job(ledger, mission, claim, folder, progress.say)
            return self._done(ledger, mission, replace(job, goes_on=goes_on, steering=box), stop)

    def _done(self, ledger: LedgerSnapshot, mission: Mission, job: AgentJob, stop: CancelToken) -> Outcome:
        job = replace(job, warner=run_warner(self.warnings, ledger, mission.project or "", job.say))
        if job.project is not None and not may_have_servers(mission.agent, job.tools):
            job = replace(job, project=replace(job.project, servers=()))
        if self.desks is not None:
            job = replace(job, desk=self.desks(ledger, mission, job.tools))
        return replace(self.agents[mission.agent].run(job, stop.event), heard=job.warner.heard)

    def _park_on_full_disk(self, outcome: Outcome, ledger: LedgerSnapshot, claim: Claim) -> Outcome:
        """An attempt that failed for want of space has not failed: trying it again would only do the same."""
        if outcome.ok or outcome.cancelled or outcome.parked or outcome.released:
            return outcome
        full = (
            f"the disk of {claim.node} is full"
            if DISK_FULL_PATTERN.search(outcome.error)
            else self._full_reason(ledger)
        )
        return replace(outcome, parked=full) if full else outcome

    def _full_reason(self, ledger: LedgerSnapshot) -> str:
        return self.disk.full_reason(ledger) if self.disk is not None else ""

    def _tools(self, ledger: LedgerSnapshot, mission: Mission) -> tuple[str, ...] | None:
        return self.safety.tools(ledger, mission) if self.safety is not None else None

    def _sources(self, ledger: LedgerSnapshot, mission: Mission) -> AnswerSources | None:
        """What the built-in agent's answer may rest on. A question may be the text or the title."""
        if self.sources is None or mission.agent != "builtin":
            return None
        asked = [text for text in (mission.body.strip(), mission.title.strip()) if text]
        found = [self.sources(ledger, mission.project or "", text) for text in asked]
        return next((one for one in found if one.recorded), found[0] if found else None)

    def _job(
        self, ledger: LedgerSnapshot, mission: Mission, claim: Claim, folder: Path, say: Callable[[str], None]
    ) -> AgentJob:
        project = ledger.charter.project(mission.project) if mission.project else None
        meter = NotingMeter(
            meter=self._meters.get((claim.mission, claim.epoch)) or Unmetered(),
            path=folder / FIGURES_FILE,
            agent=mission.agent,
            began=self.now().timestamp(),
        )
        meter.begin()
        return AgentJob(
            mission=mission,
            attempt=claim.attempt,
            project=project,
            context=self.handoff.known(ledger, mission, self.now()),
            sources=self._sources(ledger, mission),
            folder=folder,
            say=say,
            meter=meter,
            tools=self._tools(ledger, mission),
            comment=mission.comment or "",
            feedback=(mission.feedback or "") if mission.pull_state == "changing" else "",
            earlier=earlier_work(
                ledger, mission, lambda path: self.safety is None or self.safety.vouched(ledger, path)
            ),
            rounds=ledger.charter.verify_rounds(mission.project),
            patch=starting_patch(ledger, mission.patch) if mission.patch else b"",
            inputs=attached_inputs(ledger, mission.attachments),
            place=node_briefing(ledger, mission, claim.node),
        )


def _mistake(error: Exception) -> Outcome:
    trace = "".join(traceback.format_exception(error))
    return Outcome(
        ok=False, summary="The node made a mistake.", error=f"internal: {error!r}", output=trace, spared=True
    )


def _quota_releases(ledger: LedgerSnapshot, mission: Mission) -> int:
    filed = ledger.open.get(mission.name)
    data = ledger.store.get(filed.blob, document.MAX_FILE_BYTES) if filed is not None else None
    return quota_releases(decode_text(data))


def _division(ledger: LedgerSnapshot, mission: Mission, claim: Claim) -> Division:
    return division_for(mission, claim.node, ledger.charter.divisions(claim.node))


def _message_remark(spoken: SpokenMessage) -> str:
    """What the result says of a message."""
    never = "" if spoken.told or spoken.state is MessageState.TOO_LATE else ", and not told in this attempt"
    words = redacted_line(spoken.text, MAX_QUOTED_CHARS)
    return f"{spoken.author} said ({spoken.state}{never}): {words}"


def _claim_state(outcome: Outcome, stop: CancelToken) -> ClaimState:
    stopped = stop.event.is_set()
    if outcome.released and not stopped:
        return ClaimState.RELEASED
    if (outcome.cancelled or outcome.released) and stopped:
        return {StopReason.CANCELLED: ClaimState.CANCELLED, StopReason.PAUSED: ClaimState.PARKED}.get(
            stop.reason, ClaimState.RELEASED
        )
    if outcome.parked and not outcome.ok:
        return ClaimState.PARKED
    return ClaimState.DONE if outcome.ok else ClaimState.FAILED
