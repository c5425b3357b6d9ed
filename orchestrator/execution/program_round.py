"""How does an agent's program do one round: started in the sandbox, read as it writes, ended when it must?"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core import pricing
from orchestrator.core.errors import WorkspaceFailed
from orchestrator.core.ports.agent import AgentJob
from orchestrator.core.ports.model import Usage
from orchestrator.core.ports.sandbox import Sandbox
from orchestrator.core.quota_window import QuotaWindow, latest_windows
from orchestrator.execution import prompts
from orchestrator.execution.bounds import AttemptLimits, RoundStopFlag
from orchestrator.execution.dialogue import ProgramDialogue, dialogue
from orchestrator.execution.process.runner import CommandResult, Ending, run
from orchestrator.execution.programs.port import ErrorKind, Launch, OutputParser, ParsedOutput, Program, RoundRequest
from orchestrator.execution.turn import RoundResult, is_quota_reason
from orchestrator.execution.workspace.attempt_dir import AttemptDir, confinement_for

if TYPE_CHECKING:
    from orchestrator.execution.egress.proxy import EgressProxy  # loaded with the first line that is opened

NEEDS_PERSON = frozenset({ErrorKind.LOGIN, ErrorKind.QUOTA, ErrorKind.BUDGET})
"""Trouble that trying again does not end."""
MAX_KEPT_REST = timedelta(hours=1)
"""For so long at most does an account rest because of what a program wrote down in its home."""
MAX_LISTED_REFUSALS = 10
"""Most refusals of the network that a result names."""
MAX_SHOWN_LINE_CHARS = 2000
"""Longest line, in characters, that people who watch are shown."""
MAX_LIVE_CHARS = 10 * 1024 * 1024
"""Characters of a round that people who watch are told; what they see is kept in a file."""
SESSION_ID = re.compile(r"[A-Za-z0-9][\w.:-]{0,199}", re.ASCII)
"""What a conversation can be called: it becomes a word of the next round's command line."""
MAX_RESULT_CHARS = 1024 * 1024
"""Characters of what was shown that come back with the result, from its end; the program's own output stays whole in
the attempt's folder, up to `process.MAX_OUTPUT_BYTES`."""


@dataclass(frozen=True, kw_only=True)
class ProgramWorker:
    """An agent's program as one who works in rounds."""

    program: Program
    sandbox: Sandbox
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    """Where the keys to models' APIs are."""
    repeats: bool = True

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
        brief = RoundRequest(
            prompt=f"{prompt}\n\n{rules}".rstrip() if rules else prompt,
            tree=site.tree,
            home=site.home,
            session=site.kept.session,
            budget_usd=_remaining_usd(site, bounds),
            tools=site.job.tools,
            seconds=bounds.left,
        )
        launch = self.program.launch(brief)
        if astray := [each for each in launch.hidden if _links_outside(site.tree, each)]:
            why = f"{astray[0]} of the project is a link, and {self.name} would do what is said where it leads"
            raise WorkspaceFailed(f"{why}: take the link out of the project")
        heard = _OutputCollector(self.program.reading(launch.taken_before), site, bounds)
        with self._line(launch, site, bounds) as line, _open_dialogue(launch, brief.prompt, heard) as speech:
            watch = bounds.watch(lambda: heard.told(None).ended, blocked=line.blocked if line else lambda: "")
            ran = self._run(launch, line, site, bounds, watch, heard, speech)
        result = _round_result(self.name, ran, heard, watch, launch, _proxy_notes(line))
        return replace(result, windows=_windows(result, launch, line))

    def _run(
        self,
        launch: Launch,
        line: EgressProxy | None,
        site: AttemptDir,
        bounds: AttemptLimits,
        watch: RoundStopFlag,
        heard: _OutputCollector,
        speech: ProgramDialogue | None,
    ) -> CommandResult:
        environment = {
            **site.environment(site.home),
            "SHIFTBOOK_PROPOSALS": str(site.proposals),
            **launch.environment,
            **(line.environment if line else {}),
        }
        shown = confinement_for(site, environment)
        confinement = replace(
            shown,
            readable=(*shown.readable, *launch.readable),
            hidden=tuple(site.tree / each for each in launch.hidden),
            kept=(site.home, site.proposals),
            line=line.socket if line else None,
        )
        with site.job.steering.intake(speech.say) if speech else nullcontext():
            ran = run(
                self.sandbox.command(launch.argv, confinement),
                folder=site.tree,
                environment=environment,
                output=_next_output_path(site),
                timeout=bounds.left,
                stop=watch,
                say=heard.take if speech is None else speech.hearing(heard.take),
                whole=True,
                confinement=confinement,
                feed=speech.feed if speech else None,
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
    launch: Launch, prompt: str, heard: _OutputCollector
) -> AbstractContextManager[ProgramDialogue | None]:
    """The way to speak to the program while it works; none to one that reads its prompt from elsewhere."""
    return dialogue(launch.spoken_to, prompt, lambda: heard.told(None)) if launch.spoken_to else nullcontext()


class _OutputCollector:
    """What a program has said so far, kept in step with the session and the bill."""

    def __init__(self, reading: OutputParser, site: AttemptDir, bounds: AttemptLimits) -> None:
        self._reading, self._site, self._bounds = reading, site, bounds
        self._usage = self._counted = self._priced = Usage()
        self._shown: deque[str] = deque()
        self._size = self._dropped = self._said = 0

    def take(self, line: str) -> None:
        shown = self._reading.take(line)
        if shown.strip():
            self._show(shown)
        told = self.told(None)
        self._site.remember(told.session)
        if told.usage != self._usage:
            self._usage = told.usage
            self._bounds.usage_meter.tell(told.usage)

    def _show(self, shown: str) -> None:
        """Keeps the end of it, and tells people who watch, but not without end."""
        for each in shown.splitlines():
            self._shown.append(f"{each[:MAX_SHOWN_LINE_CHARS]}\n")
            self._size += len(self._shown[-1])
        while self._size > MAX_RESULT_CHARS:
            gone = len(self._shown.popleft())
            self._size, self._dropped = self._size - gone, self._dropped + gone
        if self._said < MAX_LIVE_CHARS:
            self._site.job.say(shown[:MAX_SHOWN_LINE_CHARS])
            self._said += min(len(shown), MAX_SHOWN_LINE_CHARS) + 1
            if self._said >= MAX_LIVE_CHARS:
                self._site.job.say("[more output than is shown live]")

    def told(self, exit_code: int | None) -> ParsedOutput:
        told = self._reading.told(exit_code)
        if told.usage != self._counted:
            self._counted, self._priced = told.usage, told.usage
            if told.usage.cost_usd is None and told.usage.model:
                self._priced = replace(told.usage, cost_usd=pricing.cost(told.usage))
        named = told.session if SESSION_ID.fullmatch(told.session) else ""
        return replace(told, usage=self._priced, session=named)

    @property
    def text(self) -> str:
        head = f"[… {self._dropped:,} characters are left out here …]\n" if self._dropped else ""
        return head + "".join(self._shown)


def _round_result(
    name: str, ran: CommandResult, heard: _OutputCollector, watch: RoundStopFlag, launch: Launch, notes: tuple[str, ...]
) -> RoundResult:
    ended = heard.told(None).ended
    hung = ended and (watch.hung or ran.ending is Ending.TIMEOUT)
    code = None if hung or ran.ending is not Ending.EXIT else ran.exit_code
    told = heard.told(code)
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


def _links_outside(tree: Path, name: str) -> bool:
    """Whether what must be hidden is a link to the whole tree, or to a place outside, which may be the tree again
    (`/proc/self/cwd`): neither can be shown empty.
    """
    if not (tree / name).is_symlink():
        return False
    try:
        place, work = (tree / name).resolve(), tree.resolve()
    except (OSError, RuntimeError):
        return False  # a circle leads nowhere
    return place == work or not place.is_relative_to(work)


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
