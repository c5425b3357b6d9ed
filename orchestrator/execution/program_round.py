"""How does an agent's program do one round: started in the sandbox, read as it writes, ended when it must?"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from handoff.secrets.excerpts import redacted_line
from orchestrator.core.errors import WorkspaceFailed
from orchestrator.core.ports.agent import AgentJob
from orchestrator.core.ports.sandbox import Sandbox
from orchestrator.core.quota_window import QuotaWindow, latest_windows
from orchestrator.execution import prompts
from orchestrator.execution.bounds import AttemptLimits, RoundStopFlag
from orchestrator.execution.bridge.person_question import PersonQuestion
from orchestrator.execution.bridge.run_bridge import RunBridge
from orchestrator.execution.dev_services.served_run import run_served
from orchestrator.execution.dialogue import ProgramDialogue, ProtocolDialogue, dialogue, protocol_dialogue
from orchestrator.execution.hooks.tool_hooks import ToolHooks
from orchestrator.execution.output_collector import OutputCollector
from orchestrator.execution.process.runner import CommandResult, Ending
from orchestrator.execution.programs.error_kinds import MAX_ERROR_CHARS, error_kind
from orchestrator.execution.programs.port import (
    ErrorKind,
    Launch,
    ParsedOutput,
    Program,
    RoundRequest,
)
from orchestrator.execution.round_doors import RoundDoors, open_doors, resting, taking_words, unanswered_reason
from orchestrator.execution.turn import RoundResult, is_quota_reason
from orchestrator.execution.workspace.attempt_dir import AttemptDir, confinement_for
from orchestrator.execution.workspace.hidden_places import link_around

if TYPE_CHECKING:
    from orchestrator.execution.egress.proxy import EgressProxy  # loaded with the first line that is opened

NEEDS_PERSON = frozenset({ErrorKind.LOGIN, ErrorKind.QUOTA, ErrorKind.BUDGET})
"""Trouble that trying again does not end."""
MAX_KEPT_REST = timedelta(hours=1)
"""For so long at most does an account rest because of what a program wrote down in its home."""
MAX_LISTED_REFUSALS = 10
"""Most refusals of the network that a result names."""


@dataclass(frozen=True, kw_only=True)
class ProgramWorker:
    """An agent's program as one who works in rounds."""

    program: Program
    sandbox: Sandbox
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    """Where the keys to models' APIs are."""
    repeats: bool = True
    _bridges: dict[Path, RunBridge] = field(default_factory=dict)
    """Of each attempt, by its folder: it counts over all rounds."""

    @property
    def name(self) -> str:
        """The program's."""
        return self.program.name

    def version(self) -> str:
        """The program's."""
        return self.program.version()

    def begin(self, job: AgentJob) -> str:
        """Task, rules and handoff."""
        return prompts.first_prompt(job)

    def work(self, prompt: str, site: AttemptDir, bounds: AttemptLimits) -> RoundResult:
        """One round. Raises WrongSetting where the way to the model cannot be opened, OSError."""
        site.home.mkdir(exist_ok=True)
        rules = "" if site.kept.session else prompts.project_rules(site.tree, self.program.unread_rules)
        hooks = ToolHooks(warner=site.job.warner, tree=site.tree)
        with open_doors(site, bounds, hooks, self._bridges) as doors:
            result = self._round(prompt, rules, site, bounds, hooks, doors)
        return resting(result, doors.question)

    def _round(
        self, prompt: str, rules: str, site: AttemptDir, bounds: AttemptLimits, hooks: ToolHooks, doors: RoundDoors
    ) -> RoundResult:
        brief = RoundRequest(
            prompt=f"{prompt}\n\n{rules}".rstrip() if rules else prompt,
            tree=site.tree,
            home=site.home,
            session=site.kept.session,
            budget_usd=_remaining_usd(site, bounds),
            tools=site.job.tools,
            seconds=bounds.left,
            hook=doors.hooks.command if doors.hooks else "",
            servers=doors.servers,
        )
        launch = self.program.launch(brief)
        if astray := [link for each in launch.hidden if (link := link_around(site.tree, each))]:
            why = f"{astray[0]} of the project is a link, and {self.name} would do what is said where it leads"
            raise WorkspaceFailed(f"{why}: take the link out of the project")
        reading = launch.conversation or self.program.reading(launch.taken_before)
        hooks.of_bash, hooks.codes_untold, hooks.hooked = launch.of_bash, launch.codes_untold, launch.hooked
        launch = doors.opened_to(launch)
        heard = OutputCollector(reading, site, bounds, hooks)
        with self._line(launch, site, bounds) as line, _open_dialogue(launch, brief.prompt, heard) as speech:
            watch = bounds.watch(
                lambda: heard.told(None).ended,
                blocked=lambda: _blocked_reason(launch, line) or unanswered_reason(doors.question, bounds.linger),
            )
            ran = self._run(launch, line, site, bounds, watch, heard, speech, doors.question)
        result = _round_result(self.name, ran, heard, watch, launch, line)
        notes = (*result.notes, *_unasked_notes(self.name, hooks))
        return replace(result, windows=_windows(result, launch, line), notes=notes)

    def _run(
        self,
        launch: Launch,
        line: EgressProxy | None,
        site: AttemptDir,
        bounds: AttemptLimits,
        watch: RoundStopFlag,
        heard: OutputCollector,
        speech: ProgramDialogue | ProtocolDialogue | None,
        question: PersonQuestion,
    ) -> CommandResult:
        found = line.environment if line else {}
        environment = {
            **site.environment(site.home),
            "SHIFTBOOK_PROPOSALS": str(site.proposals),
            **_filled(launch.environment, found),
            **found,
        }
        shown = confinement_for(site, environment)
        confinement = replace(
            shown,
            readable=(*shown.readable, *launch.readable),
            hidden=tuple(site.tree / each for each in launch.hidden),
            kept=(site.home, site.proposals),
            line=line.socket if line else None,
        )
        with site.job.steering.intake(taking_words(speech.say, question)) if speech else nullcontext():
            ran = run_served(
                self.sandbox,
                launch.argv,
                confinement,
                project=site.job.project,
                services=site.job.project.agent_services if site.job.project else (),
                folder=site.job.folder,
                output=_next_output_path(site),
                timeout=bounds.left,
                stop=watch,
                say=heard.take if speech is None else speech.hearing(heard.take),
                whole=True,
                feed=speech.feed if speech else None,
                farewell=lambda: _farewell(heard, speech),
            )
        if speech:
            site.job.steering.give_back(speech.unheard)
        return ran

    def _line(
        self, launch: Launch, site: AttemptDir, bounds: AttemptLimits
    ) -> AbstractContextManager[EgressProxy | None]:
        """The way to the program's model; none for one that needs none."""
        if not (launch.upstreams or launch.hosts):
            return nullcontext()
        from orchestrator.execution.egress.proxy import open_egress_proxy

        return open_egress_proxy(
            site.job.folder,
            upstreams=launch.upstreams,
            hosts=launch.hosts,
            note=bounds.usage_meter.hear,
            over=bounds.usage_meter.over,
            unpriced=bounds.usage_meter.unpriced,
            silence=bounds.left,
            environ=self.environ,
        )


def _open_dialogue(
    launch: Launch, prompt: str, heard: OutputCollector
) -> AbstractContextManager[ProgramDialogue | ProtocolDialogue | None]:
    """The way to speak to the program while it works; none to one that reads its prompt from elsewhere."""
    if launch.conversation:
        return protocol_dialogue(launch.conversation)
    return dialogue(launch.spoken_to, prompt, lambda: heard.told(None)) if launch.spoken_to else nullcontext()


def _farewell(heard: OutputCollector, speech: ProgramDialogue | ProtocolDialogue | None) -> bool:
    """The round must end now; whether the program was asked to do so by itself."""
    heard.broken_off()
    return speech.cancel() if speech else False


def _blocked_reason(launch: Launch, line: EgressProxy | None) -> str:
    """Why nothing more can come of a round until a person has looked."""
    by_the_line = line.blocked() if line else ""
    return by_the_line or (launch.conversation.blocked() if launch.conversation else "")


def _filled(environment: Mapping[str, str], line: Mapping[str, str]) -> dict[str, str]:
    """The variables of a program, with those of its line where its own name them."""
    found = dict(environment)
    for name, value in line.items():
        found = {each: text.replace(f"{{{name}}}", value) for each, text in found.items()}
    return found


def _round_result(
    name: str,
    ran: CommandResult,
    heard: OutputCollector,
    watch: RoundStopFlag,
    launch: Launch,
    line: EgressProxy | None,
) -> RoundResult:
    notes = _proxy_notes(line)
    hung = heard.ended and (watch.hung or ran.ending is Ending.TIMEOUT)
    code = None if hung or ran.ending is not Ending.EXIT else ran.exit_code
    told = heard.told(code)
    if launch.line_decides:
        told = _judged_by_the_line(name, told, line)
    if hung:
        notes += (f"{name} hung after its last event and was ended",)
    if ran.cut_bytes:
        notes += (f"{ran.cut_bytes:,} bytes in the middle of the output were not kept",)
    return RoundResult(
        told=told,
        says=f"{name} worked for {ran.seconds:.1f} s",
        ending=Ending.EXIT if hung else ran.ending,
        exit_code=code,
        output=heard.text or ran.output,
        seconds=ran.seconds,
        why=ran.why,
        parked=_parked_reason(ran, told, watch, hung=hung),
        notes=notes,
        leaves=launch.leaves,
    )


def _judged_by_the_line(name: str, told: ParsedOutput, line: EgressProxy | None) -> ParsedOutput:
    """What a program says of its work, as far as the calls that its model was asked for bear it out."""
    if line is None:
        return replace(
            told, trouble=ErrorKind.LOGIN, error=f"{name} had no way to its model: the node has no key for it"
        )
    calls, told = line.verdict, replace(told, usage=replace(line.spent, backend=name))
    if calls is None:
        return replace(told, error=told.error or f"{name} has not asked its model") if told.ended else told
    if calls.ok:
        return told
    said = calls.why or f"the model's API answered {calls.status}"
    words = told.error or (redacted_line(told.answer, MAX_ERROR_CHARS) if told.ended else "")
    return replace(told, trouble=error_kind(said, calls.status), error=": ".join(filter(None, (said, words))))


def _unasked_notes(name: str, hooks: ToolHooks) -> tuple[str, ...]:
    """That warnings may have been missed, because a hook did not run or did not reach this node."""
    if not hooks.unasked:
        return ()
    return (f"{name} did not ask for the journal's warnings at {hooks.unasked} of its actions: its hook did not run",)


def _windows(result: RoundResult, launch: Launch, line: EgressProxy | None) -> tuple[QuotaWindow, ...]:
    """What the round learned of its account's windows: from the program's files and events, and from the line, which
    saw the answers themselves."""
    kept = _kept_windows(launch, result.told.session)
    if not is_quota_reason(result.parked):
        kept = tuple(replace(each, exhausted=False) for each in kept)
    return latest_windows((*kept, *result.told.windows, *(line.windows if line else ())))


def _kept_windows(launch: Launch, session: str) -> tuple[QuotaWindow, ...]:
    """What lies in the run's home, which may be anybody's words: the project's code writes there, too. So it closes an
    account only where the program itself was turned away, and for a short time. What cannot be read says nothing."""
    if not session:
        return ()
    with suppress(OSError):
        latest = datetime.now(UTC).replace(microsecond=0) + MAX_KEPT_REST
        found = launch.windows_after(session)
        return tuple(replace(w, resets_at=min(w.resets_at, latest)) if w.exhausted else w for w in found)
    return ()


def _parked_reason(ran: CommandResult, told: ParsedOutput, watch: RoundStopFlag, *, hung: bool) -> str:
    """Why only a person can go on from here."""
    if ran.ending is Ending.DISK:
        return ran.why
    if ran.ending is Ending.STOPPED and not hung and watch.over:
        return watch.over
    if told.trouble in NEEDS_PERSON:
        return f"{told.trouble}: {told.error}" if told.error else f"{told.trouble}"
    return ""


def _proxy_notes(line: EgressProxy | None) -> tuple[str, ...]:
    """What went over the line, or did not, that a person should know."""
    if line is None:
        return ()
    unpriced = (f"what {model} costs is not known: it is not in the cost" for model in sorted(line.unpriced))
    refused = line.refused[:MAX_LISTED_REFUSALS]
    more = len(line.refused) - len(refused)
    return (
        *unpriced,
        *(f"the network refused: {why}" for why in refused),
        *((f"the network refused {more} more",) if more else ()),
    )


def _remaining_usd(site: AttemptDir, bounds: AttemptLimits) -> float | None:
    """USD that are left of the mission's own budget."""
    changed = bounds.usage_meter.mission_usd
    budget = site.job.mission.budget_usd if changed is None else changed
    if budget is None:
        return None
    return max(0.0, budget - (bounds.usage_meter.total.cost_usd or 0.0))


def _next_output_path(site: AttemptDir) -> Path:
    """The first file for a round's output that is not there yet."""
    first = site.job.folder / "output.log"
    numbered = (site.job.folder / f"output-{number}.log" for number in range(2, 1000))
    return next(path for path in (first, *numbered) if not path.exists())
