"""Do a project's set-up and tests work in the sandbox of this machine, on its default branch as it is?"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from handoff.secrets.excerpts import redacted_excerpt
from missions.mission import Mission
from orchestrator.core.errors import WorkspaceFailed
from orchestrator.core.ports.agent import AgentJob, Project, Unmetered
from orchestrator.core.ports.model import Stop
from orchestrator.core.ports.sandbox import Sandbox
from orchestrator.execution.bounds import AttemptLimits, UsageMeter
from orchestrator.execution.dev_services.served_run import ServiceFailed, split_last_words
from orchestrator.execution.project_setup import ProjectSetups
from orchestrator.execution.verification import run_project_tests
from orchestrator.execution.workspace.attempt_dir import AttemptDir, open_attempt_dir
from orchestrator.execution.workspace.clone import Workspaces

TEST_TIMEOUT_SECONDS = 900
MISSING = (
    (r"No module named '?([\w.]+)", "{0} is not installed: `setup` must install it"),
    (r"ModuleNotFoundError: .{0,200}'([\w.]+)'", "{0} is not installed: `setup` must install it"),
    (r"Cannot find (?:module|package) '([^'./][^']*)'", "{0} is not installed: `setup` must install it"),
    (r"(?<![\w.+-])([\w.+-]+): (?:command )?not found", "{0} is not seen: `tools` must show it"),
    (r"make: ([\w.+-]+): No such file or directory", "{0} is not seen: `tools` must show it"),
    (
        r"(?i)(could not resolve host|temporary failure in name resolution|EAI_AGAIN|network is unreachable)",
        "they want the network, which tests do not get: what they need must be fetched by `setup`",
    ),
    (r"(?<![^\s:])([^\s:]+): Read-only file system", "they write to {0}, which is shared and read-only"),
)
"""What a failed command prints, and what that means. Nothing begins within a word, of which somebody else's code may
print megabytes."""


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """How a trial ended. `wrong` is why the tests cannot run as they are, in one line; `hint` what would mend it.

    `untried`: nothing could be run here at all, so nothing is known. `ran`: the tests ran, and ended by themselves or
    at their time limit; so what they say is about the tree and not about this machine.
    """

    passed: bool
    untried: bool = False
    ran: bool = False
    how: str = ""
    """How the tests ended, with their line."""
    wrong: str = ""
    hint: str = ""
    output: str = ""
    seconds: float = 0.0

    @property
    def printed(self) -> str:
        """The output without what services said behind it."""
        return split_last_words(self.output)[0]


@dataclass(frozen=True, kw_only=True)
class ProjectTrial:
    """Tries projects in `folder`, which is empty and thrown away afterwards. Nothing is pushed anywhere."""

    sandbox: Sandbox
    workspaces: Workspaces
    setups: ProjectSetups
    folder: Path
    say: Callable[[str], None]
    seconds: int = TEST_TIMEOUT_SECONDS
    """How long the tests may run."""

    def check_out(self, project: Project, stop: Stop) -> AttemptDir:
        """The default branch as its server has it. Raises WorkspaceFailed."""
        mission = Mission(name="trial", title="trial", body="", project=project.name, timeout_seconds=self.seconds)
        job = AgentJob(mission=mission, attempt=1, project=project, context="", folder=self.folder, say=self.say)
        return open_attempt_dir(job, "trial", self.workspaces, stop)

    def run(self, project: Project, site: AttemptDir, stop: Stop | None = None) -> TrialResult:
        """Sets the project up and runs its tests, if it says how; until it is done, or stopped."""
        began = time.monotonic()
        if why := self.sandbox.missing():
            return TrialResult(passed=False, untried=True, wrong=f"nothing can be tried here: {why}")
        assert site.workspace
        stop = stop or threading.Event()
        try:
            site.tools = self.setups.tools(project, site.workspace, stop, self.say)
        except WorkspaceFailed as error:
            return TrialResult(passed=False, wrong=str(error), hint=explain(str(error)))
        site.started = time.monotonic()
        if not project.test:
            return TrialResult(passed=True, seconds=time.monotonic() - began)
        bounds = AttemptLimits(stop=stop, usage_meter=UsageMeter(Unmetered()), deadline=site.deadline)
        try:
            tests = run_project_tests(project.test, site, self.sandbox, bounds, 1)
        except ServiceFailed as error:
            return TrialResult(passed=False, wrong=str(error), hint=explain(error.output), output=error.output)
        if tests is None:
            return TrialResult(passed=False, wrong="the tests were stopped", seconds=time.monotonic() - began)
        if tests.passed:
            return TrialResult(passed=True, ran=True, seconds=time.monotonic() - began)
        last = [line.strip() for line in split_last_words(tests.output)[0].splitlines() if line.strip()][-1:]
        how = f"`{project.test}` {tests.how}"
        wrong = f"{how}{f': {redacted_excerpt(last[0], 160)}' if last else ''}"
        return TrialResult(
            passed=False,
            ran=not tests.disk_full,
            how=how,
            wrong=wrong,
            hint=explain(tests.output),
            output=tests.output,
            seconds=time.monotonic() - began,
        )


def explain(output: str) -> str:
    """What a failed command lacked, as far as its output tells."""
    for pattern, meaning in MISSING:
        if found := re.search(pattern, output):
            return meaning.format(*found.groups())
    return ""
