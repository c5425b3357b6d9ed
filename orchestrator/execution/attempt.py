"""How is one attempt carried out, whoever does the work?

A place is made, the handoff laid into it, and the work done in rounds: after each it is looked at and tested, and goes
back to the same agent as long as it is not right, while rounds, time and budget allow. Then it is committed, counted
and pushed. What only a person can put right parks the attempt.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from missions.path_scope import outside_scope
from orchestrator.core import tracing
from orchestrator.core.errors import WorkspaceFailed
from orchestrator.core.ports.agent import AgentJob, Outcome
from orchestrator.core.ports.model import Stop
from orchestrator.core.ports.sandbox import Sandbox
from orchestrator.execution import prompts
from orchestrator.execution.bounds import EXIT_GRACE_SECONDS, AttemptLimits, UsageMeter
from orchestrator.execution.dev_services.served_run import ServiceFailed
from orchestrator.execution.free_space import disk_full_reason
from orchestrator.execution.outcome import FinishedAttempt, build_outcome
from orchestrator.execution.programs.port import ErrorKind
from orchestrator.execution.project_setup import ProjectSetups
from orchestrator.execution.turn import RoundResult, RoundWorker
from orchestrator.execution.verification import ScopeCheck, WorkCheck, verify
from orchestrator.execution.workspace import agents_md
from orchestrator.execution.workspace.attempt_dir import AttemptDir, open_attempt_dir
from orchestrator.execution.workspace.clone import Workspaces

MIN_ROUND_SECONDS = 5.0
"""Seconds that must be left for another round."""


@dataclass(frozen=True, kw_only=True)
class AttemptRunner:
    """How attempts are carried out on this node. `node` is who commits; `linger` as `bounds.EXIT_GRACE_SECONDS`."""

    sandbox: Sandbox
    workspaces: Workspaces
    node: str
    scope: ScopeCheck = outside_scope
    linger: float = EXIT_GRACE_SECONDS
    setups: ProjectSetups | None = None
    """None: no set-up of a project is run here, and no tools are shown."""

    def carry_out(self, job: AgentJob, stop: Stop, worker: RoundWorker) -> Outcome:
        """One attempt. A workspace that cannot be made and a full disk are outcomes, too. Raises OrchestratorError."""
        if job.mission.project and not job.project:
            why = f"the project {job.mission.project} is not in fleet.toml"
            parked = f"{why}: an admin adds it with `shiftbook project add URL --name {job.mission.project}`"
            return Outcome(ok=False, summary="Not started.", error=why, parked=parked)
        attempt = _Attempt(runner=self, job=job, stop=stop, worker=worker)
        try:
            outcome = attempt.go()
        except WorkspaceFailed as error:
            lasting = str(error) if error.lasting and not stop.is_set() else ""
            parked = disk_full_reason(job.folder, error) or lasting
            words = error.output if isinstance(error, ServiceFailed) else ""
            return Outcome(
                ok=False,
                summary="No workspace." if not words else "Not started.",
                output=words,
                error=str(error),
                cancelled=stop.is_set(),
                parked=parked,
                spared=bool(words) or not attempt.begun,
            )
        except OSError as error:
            if not (parked := disk_full_reason(job.folder, error)):
                raise
            return Outcome(ok=False, summary="The attempt could not go on.", error=str(error), parked=parked)
        failed = not (outcome.ok or outcome.cancelled or outcome.parked)
        return replace(outcome, parked=disk_full_reason(job.folder)) if failed else outcome


@dataclass(kw_only=True)
class _Attempt:
    """One attempt on its way."""

    runner: AttemptRunner
    job: AgentJob
    stop: Stop
    worker: RoundWorker
    rounds: int = 0
    budget: float | None = None
    """The mission's own budget (USD) when its last round began."""
    begun: bool = False
    """Whether whoever works has been asked for anything."""

    def go(self) -> Outcome:
        site = open_attempt_dir(self.job, self.worker.name, self.runner.workspaces, self.stop)
        self._prepare(site)
        bounds = AttemptLimits(
            stop=self.stop, usage_meter=UsageMeter(self.job.meter), deadline=site.deadline, linger=self.runner.linger
        )
        program = self.worker.version()
        turns, verdict = self._rounds(site, bounds)
        done = FinishedAttempt(
            site=site,
            worker=self.worker.name,
            program=program,
            turns=tuple(turns),
            verdict=verdict,
            rounds=self.rounds,
            usage_meter=bounds.usage_meter,
            sandbox=self.runner.sandbox,
        )
        return build_outcome(done, node=self.runner.node, stop=self.stop)

    def _prepare(self, site: AttemptDir) -> None:
        """The project's tools and set-up. The time that this takes is not the mission's."""
        if self.job.project and site.workspace and self.runner.setups:
            began = time.monotonic()
            site.tools = self.runner.setups.tools(self.job.project, site.workspace, self.stop, self.job.say)
            site.started += time.monotonic() - began

    def _rounds(self, site: AttemptDir, bounds: AttemptLimits) -> tuple[list[RoundResult], WorkCheck]:
        prompt = prompts.resume_prompt(self.job) if site.kept.session else self.worker.begin(self.job)
        turns = [self._turn(prompt, site, bounds)]
        if site.resumed and turns[0].did_nothing:
            self.job.say(f"[the earlier session cannot be gone on with, so it is begun anew: {turns[0].fault}]")
            site.forget()
            turns = [self._turn(self.worker.begin(self.job), site, bounds)]
        try:
            return turns, self._go_on(turns, site, bounds)
        except ServiceFailed as error:  # what earlier rounds did is handed over
            seen = self._verdict(turns[-1], site, bounds, untested=True)
            return turns, replace(seen, unready=str(error), last_words=error.output)

    def _go_on(self, turns: list[RoundResult], site: AttemptDir, bounds: AttemptLimits) -> WorkCheck:
        """Adds rounds as long as that makes sense. Raises ServiceFailed."""
        while True:
            if self._budget_was_raised(turns[-1], bounds):
                self.job.say("[it goes on: its budget was raised]")
                again = prompts.resume_prompt(self.job) if site.kept.session else self.worker.begin(self.job)
                turns.append(self._turn(again, site, bounds))
                continue
            if self._is_answered(turns[-1], bounds):
                self.job.say("[it goes on: a person has answered]")
                turns.append(self._turn(self._again("", site), site, bounds))
                continue
            verdict = self._verdict(turns[-1], site, bounds)
            if self._is_told_more(turns[-1], bounds):
                self.job.say("[back to the agent: it is told something by a person]")
                turns.append(self._turn(self._again("", site), site, bounds))
                continue
            if not verdict.wrong or verdict.unready or not self._may_repeat(turns[-1], bounds):
                return verdict
            self.rounds += 1
            self.job.say(f"[not right yet, back to the agent, {self.rounds} of {self.job.rounds}: {verdict.wrong}]")
            letter = verdict.feedback(self.job.mission.scope)
            turns.append(self._turn(self._again(letter, site), site, bounds))

    def _again(self, letter: str, site: AttemptDir) -> str:
        """What the agent is told when its work goes back to it: all of it where it remembers nothing."""
        if site.kept.session:
            return letter
        wrong = f"\n\n# What is wrong so far\n\n{letter}" if letter else ""
        return f"{self.worker.begin(self.job)}{wrong}"

    def _turn(self, prompt: str, site: AttemptDir, bounds: AttemptLimits) -> RoundResult:
        bounds.usage_meter.begin()
        self.budget, self.begun = bounds.usage_meter.mission_usd, True
        said = prompts.quoted_messages(self.job.steering.take())
        prompt = "\n\n".join(part for part in (prompt, said) if part)
        laid = agents_md.write_handoff(site.tree, self.job.context) if site.workspace else ()
        mission, program = self.job.mission.name, self.worker.name
        with tracing.span("mission.round", mission=mission, round=self.rounds + 1, program=program) as span:
            try:
                turn = self.worker.work(prompt, site, bounds)
            finally:
                agents_md.restore_files(laid)
            _trace_round(span, turn)
        site.remember(turn.told.session)
        bounds.usage_meter.tell(replace(turn.told.usage, seconds=turn.seconds))
        return turn

    def _verdict(
        self, turn: RoundResult, site: AttemptDir, bounds: AttemptLimits, *, untested: bool = False
    ) -> WorkCheck:
        if not site.workspace:
            return WorkCheck(denials=turn.told.denials)
        verdict = verify(
            site,
            None if untested or turn.fault else self.runner.sandbox,
            bounds,
            leaves=turn.leaves,
            scope=self.runner.scope,
            number=self.rounds + 1,
        )
        return replace(verdict, denials=turn.told.denials)

    def _budget_was_raised(self, turn: RoundResult, bounds: AttemptLimits) -> bool:
        """Whether the program ended at the budget that it was started with, and a person has given it more since."""
        if turn.told.trouble is not ErrorKind.BUDGET or self.stop.is_set() or bounds.left < MIN_ROUND_SECONDS:
            return False
        now = bounds.usage_meter.mission_usd
        return self.budget is not None and now is not None and now > self.budget and not bounds.usage_meter.over()

    def _is_answered(self, turn: RoundResult, bounds: AttemptLimits) -> bool:
        """Whether a person answered after the agent had been told to rest, and it can go on at once."""
        return bool(turn.asks) and self.job.steering.waits and self._has_room(bounds)

    def _is_told_more(self, turn: RoundResult, bounds: AttemptLimits) -> bool:
        """Whether a person said something that the agent can still be told. It is no repair, and counts as none."""
        return self._may_go_on(turn, bounds) and not self.job.steering.finish()

    def _may_repeat(self, turn: RoundResult, bounds: AttemptLimits) -> bool:
        return self.rounds < self.job.rounds and self._may_go_on(turn, bounds)

    def _may_go_on(self, turn: RoundResult, bounds: AttemptLimits) -> bool:
        return not turn.fault and self._has_room(bounds)

    def _has_room(self, bounds: AttemptLimits) -> bool:
        able = self.worker.repeats and bounds.left >= MIN_ROUND_SECONDS
        return able and not (self.stop.is_set() or bounds.usage_meter.over() or disk_full_reason(self.job.folder))


def _trace_round(span: tracing.Span, turn: RoundResult) -> None:
    usage = turn.told.usage
    span.note(seconds=turn.seconds, tokens_in=usage.tokens_in, tokens_out=usage.tokens_out)
    if turn.fault:
        span.fail(turn.fault)
