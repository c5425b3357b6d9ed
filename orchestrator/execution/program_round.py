"""How does an agent's program do one round: started in the sandbox, read as it writes, ended when it must?"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.core import pricing
from orchestrator.core.errors import WorkspaceFailed
from orchestrator.core.ports.agent import Job, Sandbox, Usage
from orchestrator.execution import prompts
from orchestrator.execution.bounds import Bounds, Watch
from orchestrator.execution.egress.proxy import Line, open_line
from orchestrator.execution.process.runner import Ending, Ran, run
from orchestrator.execution.programs.port import Brief, Launch, Program, Reading, Told, Trouble
from orchestrator.execution.turn import Turn
from orchestrator.execution.workspace.attempt_dir import Site, confined

PERSONS = frozenset({Trouble.LOGIN, Trouble.QUOTA, Trouble.BUDGET})
"""Trouble that trying again does not end."""
REFUSALS = 10
"""Most refusals of the network that a result names."""
SHOWN = 2000
"""Longest line, in characters, that people who watch are shown."""
SAID = 10 * 1024 * 1024
"""Characters of a round that people who watch are told; what they see is kept in a file."""
SESSION = re.compile(r"[A-Za-z0-9][\w.:-]{0,199}", re.ASCII)
"""What a conversation can be called: it becomes a word of the next round's command line."""
KEPT = 1024 * 1024
"""Characters of what was shown that come back with the result, from its end; the program's own output stays whole in
the attempt's folder, up to `process.KEEP`."""


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

    def begin(self, job: Job) -> str:
        """Task, rules and handoff."""
        return prompts.first(job)

    def work(self, prompt: str, site: Site, bounds: Bounds) -> Turn:
        """One round. Raises WrongSetting where the way to the model cannot be opened, OSError."""
        site.home.mkdir(exist_ok=True)
        brief = Brief(
            prompt=prompt,
            tree=site.tree,
            home=site.home,
            session=site.kept.session,
            budget_usd=_left(site, bounds),
            tools=site.job.tools,
        )
        launch = self.program.launch(brief)
        if astray := [each for each in launch.hidden if _leads_away(site.tree, each)]:
            why = f"{astray[0]} of the project is a link, and {self.name} would do what is said where it leads"
            raise WorkspaceFailed(f"{why}: take the link out of the project")
        heard = _Heard(self.program.reading(), site, bounds)
        watch = bounds.watch(lambda: heard.told(None).ended)
        with self._line(launch, site, bounds) as line:
            ran = self._run(launch, line, site, bounds, watch, heard)
        return _turn(self.name, ran, heard, watch, launch, _of_the_line(line))

    def _run(self, launch: Launch, line: Line | None, site: Site, bounds: Bounds, watch: Watch, heard: _Heard) -> Ran:
        environment = {
            **site.environment(site.home),
            "SHIFTBOOK_PROPOSALS": str(site.proposals),
            **launch.environment,
            **(line.environment if line else {}),
        }
        confinement = replace(
            confined(site, environment),
            readable=launch.readable,
            hidden=tuple(site.tree / each for each in launch.hidden),
            kept=(site.home, site.proposals),
            line=line.socket if line else None,
        )
        return run(
            self.sandbox.command(launch.argv, confinement),
            folder=site.tree,
            environment=environment,
            output=_output(site),
            timeout=bounds.left,
            stop=watch,
            say=heard.take,
            whole=True,
            confinement=confinement,
        )

    def _line(self, launch: Launch, site: Site, bounds: Bounds) -> AbstractContextManager[Line | None]:
        """The way to the program's model; none for one that needs none."""
        if not (launch.upstreams or launch.hosts):
            return nullcontext()
        return open_line(
            site.job.folder,
            upstreams=launch.upstreams,
            hosts=launch.hosts,
            note=bounds.bill.hear,
            over=bounds.bill.over,
            environ=self.environ,
        )


class _Heard:
    """What a program has said so far, kept in step with the session and the bill."""

    def __init__(self, reading: Reading, site: Site, bounds: Bounds) -> None:
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
            self._bounds.bill.tell(told.usage)

    def _show(self, shown: str) -> None:
        """Keeps the end of it, and tells people who watch, but not without end."""
        for each in shown.splitlines():
            self._shown.append(f"{each[:SHOWN]}\n")
            self._size += len(self._shown[-1])
        while self._size > KEPT:
            gone = len(self._shown.popleft())
            self._size, self._dropped = self._size - gone, self._dropped + gone
        if self._said < SAID:
            self._site.job.say(shown[:SHOWN])
            self._said += min(len(shown), SHOWN) + 1
            if self._said >= SAID:
                self._site.job.say("[more output than is shown live]")

    def told(self, exit_code: int | None) -> Told:
        told = self._reading.told(exit_code)
        if told.usage != self._counted:
            self._counted, self._priced = told.usage, told.usage
            if told.usage.cost_usd is None and told.usage.model:
                self._priced = replace(told.usage, cost_usd=pricing.cost(told.usage))
        named = told.session if SESSION.fullmatch(told.session) else ""
        return replace(told, usage=self._priced, session=named)

    @property
    def text(self) -> str:
        head = f"[… {self._dropped:,} characters are left out here …]\n" if self._dropped else ""
        return head + "".join(self._shown)


def _turn(name: str, ran: Ran, heard: _Heard, watch: Watch, launch: Launch, notes: tuple[str, ...]) -> Turn:
    ended = heard.told(None).ended
    hung = ended and (watch.lingered or ran.ending is Ending.TIMEOUT)
    code = None if hung or ran.ending is not Ending.EXIT else ran.exit_code
    told = heard.told(code)
    if hung:
        notes += (f"{name} hung after its last event and was ended",)
    if ran.cut_bytes:
        notes += (f"{ran.cut_bytes:,} bytes in the middle of the output were not kept",)
    return Turn(
        told=told,
        says=f"{name} worked for {ran.seconds:.1f} s",
        ending=Ending.EXIT if hung else ran.ending,
        exit_code=code,
        output=heard.text or ran.output,
        seconds=ran.seconds,
        why=ran.why,
        parked=_parked(ran, told, watch, hung=hung),
        notes=notes,
        leaves=launch.leaves,
    )


def _parked(ran: Ran, told: Told, watch: Watch, *, hung: bool) -> str:
    """Why only a person can go on from here."""
    if ran.ending is Ending.DISK:
        return ran.why
    if ran.ending is Ending.STOPPED and not hung and watch.over:
        return watch.over
    if told.trouble in PERSONS:
        return f"{told.trouble}: {told.error}" if told.error else f"{told.trouble}"
    return ""


def _of_the_line(line: Line | None) -> tuple[str, ...]:
    """What went over the line, or did not, that a person should know."""
    if line is None:
        return ()
    unpriced = (f"what {model} costs is not known: it is not in the cost" for model in sorted(line.unpriced))
    refused = line.refused[:REFUSALS]
    more = len(line.refused) - len(refused)
    return (
        *unpriced,
        *(f"the network refused: {why}" for why in refused),
        *((f"the network refused {more} more",) if more else ()),
    )


def _leads_away(tree: Path, name: str) -> bool:
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


def _left(site: Site, bounds: Bounds) -> float | None:
    """USD that are left of the mission's own budget."""
    budget = site.job.mission.budget_usd
    if budget is None:
        return None
    return max(0.0, budget - (bounds.bill.total.cost_usd or 0.0))


def _output(site: Site) -> Path:
    """The first file for a round's output that is not there yet."""
    first = site.job.folder / "output.log"
    numbered = (site.job.folder / f"output-{number}.log" for number in range(2, 1000))
    return next(path for path in (first, *numbered) if not path.exists())
