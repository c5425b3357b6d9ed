"""By what does one round's program reach its node, beside its model: its hooks, and a server of tools of its own?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.core.ports.agent import ProjectToolServer
from orchestrator.core.ports.steering import Intake
from orchestrator.execution.bounds import AttemptLimits
from orchestrator.execution.bridge.bridge_socket import BridgeLine, open_bridge
from orchestrator.execution.bridge.person_question import PersonQuestion
from orchestrator.execution.bridge.run_bridge import RunBridge
from orchestrator.execution.hooks.bash_lines import VARIABLE
from orchestrator.execution.hooks.hook_socket import HookLine, open_hook_socket
from orchestrator.execution.hooks.tool_hooks import ToolHooks
from orchestrator.execution.process.runner import Ending
from orchestrator.execution.programs.port import Launch, ToolServer
from orchestrator.execution.turn import RoundResult, question_reason
from orchestrator.execution.workspace.attempt_dir import AttemptDir

PROJECT_SERVER_SECONDS = 300.0
"""For so long is a project's server waited for."""


@dataclass(frozen=True, kw_only=True)
class RoundDoors:
    """What is open. `question` is what the agent asks a person in this round."""

    question: PersonQuestion
    hooks: HookLine | None = None
    bridge: BridgeLine | None = None
    project: tuple[ProjectToolServer, ...] = ()
    """The project's own servers of tools, which reach nothing but what the run does."""

    @property
    def servers(self) -> tuple[ToolServer, ...]:
        """All that the program starts."""
        own = (self.bridge.server,) if self.bridge else ()
        return (*own, *(ToolServer(**vars(each), seconds=PROJECT_SERVER_SECONDS) for each in self.project))

    def opened_to(self, launch: Launch) -> Launch:
        """The program's start with what it needs of it: the files that a sandbox must show, and for one without hooks
        what its bash reads first, unless somebody has named another file for that."""
        asks = launch.hooked or launch.of_bash is not None
        lines = (self.hooks if asks else None, self.bridge)
        readable = tuple(path for line in lines if line is not None for path in line.readable)
        bash = {VARIABLE: str(self.hooks.bash_lines)} if self.hooks and launch.of_bash else {}
        return replace(launch, readable=(*launch.readable, *readable), environment={**bash, **launch.environment})


@contextmanager
def open_doors(
    site: AttemptDir, bounds: AttemptLimits, hooks: ToolHooks, bridges: dict[Path, RunBridge]
) -> Iterator[RoundDoors]:
    """Opens those by which something could be said. `bridges` keeps that of each attempt, by its folder: it counts over
    all rounds. Raises OSError."""
    job = site.job
    question = PersonQuestion(
        steering=job.steering, stop=bounds.stop, seconds=min(job.desk.answer_seconds, bounds.left), say=job.say
    )
    with ExitStack() as stack:
        hooked = stack.enter_context(open_hook_socket(job.folder, hooks.answer)) if job.warner.active else None
        bridge = None
        if job.desk.tools:
            run = bridges.setdefault(job.folder, _run_bridge(site))
            stack.enter_context(run.round(question))
            bridge = stack.enter_context(open_bridge(job.folder, run))
        servers = job.project.servers if job.project else ()
        yield RoundDoors(question=question, hooks=hooked, bridge=bridge, project=servers)


def _run_bridge(site: AttemptDir) -> RunBridge:
    job = site.job
    return RunBridge(desk=job.desk, proposals=site.filed, seconds=float(job.mission.timeout_seconds), say=job.say)


def taking_words(say: Intake, question: PersonQuestion) -> Callable[[str], bool]:
    """Takes what a person says into the round, unless it has come to rest: then the next one is told it."""
    return lambda text: not question.open and say(text)


def unanswered_reason(question: PersonQuestion, seconds: float) -> str:
    """Why a program must end that asked a person, knows for so long that it rests, and goes on all the same; "" while
    it need not."""
    return question_reason(question.open) if question.open and question.open_seconds >= seconds else ""


def resting(result: RoundResult, question: PersonQuestion) -> RoundResult:
    """A round that asked a person and was not answered rests, unless it was ended for something else."""
    if not question.open:
        return result
    reason = question_reason(question.open)
    noted = replace(result, notes=(*result.notes, f"it asked a person: {question.open}"))
    if (result.parked and result.parked != reason) or (result.ending is not Ending.EXIT and not result.parked):
        return noted
    return replace(noted, parked=reason, asks=question.open)
