"""How is a command run with its project's dev services beside it, and what if they do not come up?"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from handoff.secrets.excerpts import redacted_line
from orchestrator.core.errors import WorkspaceFailed
from orchestrator.core.ports.agent import DevServiceSpec, Project
from orchestrator.core.ports.sandbox import Confinement, Sandbox
from orchestrator.execution.dev_services import service_supervisor
from orchestrator.execution.dev_services.service_supervisor import FAILED, LAST_WORDS, UP
from orchestrator.execution.node_python import node_python, python_files
from orchestrator.execution.process.runner import CommandResult, Ending, run
from sync import files

SERVICES_FILE = "services.json"
MAX_WHY_CHARS = 400


class ServiceFailed(WorkspaceFailed):
    """A dev service did not come up, so that the command beside it was not run. `output` has the services' last
    words."""

    def __init__(self, why: str, output: str = "") -> None:
        self.output = output
        super().__init__(why)


def split_last_words(output: str) -> tuple[str, str]:
    """What a command printed, and what the services beside it said, which stands behind that where it failed."""
    printed, mark, words = output.rpartition(f"{LAST_WORDS}\n")
    return (printed, words) if mark else (output, "")


class StartReport:
    """Hears the first line of a command with services, which says whether they are up, and passes on the rest."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self.first = say, ""

    def hear(self, line: str) -> None:
        """Takes one line."""
        if self.first:
            self._say(line)
        else:
            self.first = line or " "

    @property
    def up(self) -> bool:
        """Whether the command was begun."""
        return self.first.rstrip() == UP


def run_served(
    sandbox: Sandbox,
    argv: Sequence[str],
    confinement: Confinement,
    *,
    project: Project | None,
    services: Sequence[DevServiceSpec],
    folder: Path,
    say: Callable[[str], None],
    **how: Any,
) -> CommandResult:
    """`runner.run` in the sandbox, with the services up before `argv` begins, in the same sandbox.

    `folder` is the attempt's own, where no run writes; `how` is what else the runner is told. The services' time is
    the command's. Raises ServiceFailed, and OSError as the runner does.
    """
    if not services or project is None:
        return _run(sandbox, argv, confinement, say=say, **how)
    names = ", ".join(each.name for each in services)
    if sandbox.name == "none":
        raise ServiceFailed(f"{project.name} has services ({names}), which a node without a sandbox does not start")
    say(f"[the project's services: {names}]")
    report = StartReport(say)
    ran = _run(sandbox, *_beside(services, argv, confinement, folder), say=report.hear, **how)
    if report.up:
        return replace(ran, output=ran.output.partition("\n")[2])
    if ran.ending is Ending.STOPPED:
        return ran
    raise ServiceFailed(_why(project, report, ran), ran.output.partition(LAST_WORDS)[2].strip())


def _run(
    sandbox: Sandbox, argv: Sequence[str], confinement: Confinement, *, say: Callable[[str], None], **how: Any
) -> CommandResult:
    return run(
        sandbox.command(argv, confinement),
        folder=confinement.writable,
        environment=confinement.environment,
        confinement=confinement,
        say=say,
        **how,
    )


def _beside(
    services: Sequence[DevServiceSpec], argv: Sequence[str], confinement: Confinement, folder: Path
) -> tuple[list[str], Confinement]:
    """The command line with the supervisor before it, and what that must be shown."""
    said, script = folder / SERVICES_FILE, Path(service_supervisor.__file__)
    files.replace(said, json.dumps([asdict(each) for each in services]), durable=False)
    words = [str(node_python()), "-I", "-S", "-B", str(script), str(said), *argv]
    shown = (*confinement.readable, script, said, *python_files())
    return words, replace(confinement, readable=shown, ordinary_user=True)


def _why(project: Project, report: StartReport, ran: CommandResult) -> str:
    said = report.first.strip()
    if said.startswith(FAILED.strip()):
        why = said.removeprefix(FAILED.strip()).strip()
    elif ran.ending is Ending.TIMEOUT:
        why = "the time was over before the services were up"
    else:
        why = f"the services could not be started: {ran.why or said or f'exit code {ran.exit_code}'}"
    told = redacted_line(f"{project.name}: {why}", MAX_WHY_CHARS)
    return f"{told}; its last words end the output; `projects.{project.name}.services` in fleet.toml says how it starts"
