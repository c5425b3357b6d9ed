"""How does a model run Python or a shell line, so that only its workspace can change?"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from orchestrator.chat.tools.tool import ToolResult, shorten_middle
from orchestrator.chat.tools.tool_arguments import ToolArguments
from orchestrator.core.errors import Refused
from orchestrator.core.ports.model import Stop
from orchestrator.core.ports.sandbox import Confinement, Sandbox
from orchestrator.execution.process.runner import CommandResult, Ending, run

Confine = Callable[[Path], Confinement]
DEFAULT_TIMEOUT_SECONDS = 120
PASSED_VARIABLES = ("LANG", "LC_ALL", "LC_CTYPE", "TZ")
"""What a command sees of the node's own environment, besides a plain PATH. Everything else may be a secret."""
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
"""Programs that a sandbox shows: a virtual environment lies elsewhere."""


@dataclass(frozen=True, kw_only=True)
class CommandRunner:
    """Where commands run: `tree` is theirs to write, `protected` parts of it are not, `spare` is our own folder.

    `confine` says for a home folder what a command may touch, where that is more than the tree.
    """

    sandbox: Sandbox
    tree: Path
    spare: Path
    protected: tuple[Path, ...] = ()
    confine: Confine | None = None

    def run(self, argv: Sequence[str], seconds: int, stop: Stop) -> ToolResult:
        """Runs a command line. Its end, its time-out and a stop are results; raises Refused without a sandbox."""
        if why := self.sandbox.missing():
            raise Refused(f"no command is run here: {why}")
        with tempfile.TemporaryDirectory(dir=self.spare) as spare:
            home = Path(spare, "home")
            home.mkdir()
            confinement = (self.confine or self._tree_only)(home)
            ran = run(
                self.sandbox.command(argv, confinement),
                folder=self.tree,
                environment=confinement.environment,
                output=Path(spare, "output.log"),
                timeout=seconds,
                stop=stop,
                say=lambda line: None,
                keep=256 * 1024,
                confinement=confinement,
            )
        return _command_result(ran)

    def _tree_only(self, home: Path) -> Confinement:
        kept = {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}
        environment = {"PATH": SYSTEM_PATH, "HOME": str(home), **kept}
        return Confinement(writable=self.tree, protected=self.protected, environment=environment)


class RunArguments(ToolArguments):
    """A Python program, run in the workspace."""

    code: str = Field(min_length=1, max_length=100_000)
    seconds: int = Field(DEFAULT_TIMEOUT_SECONDS, ge=1, le=900)


@dataclass(frozen=True, kw_only=True)
class RunTool:
    """Runs Python code in the sandbox."""

    bench: CommandRunner
    name: str = "run"
    says: str = "run a Python program in the workspace: code"
    takes: type[ToolArguments] = RunArguments

    def act(self, given: RunArguments) -> str:
        """Always the same."""
        return self.name

    def use(self, given: RunArguments, stop: Stop) -> ToolResult:
        """What it printed. Raises Refused."""
        # `env` finds it where the sandbox is: the Python of a project's set-up first, never this node's own.
        return self.bench.run(["/usr/bin/env", "python3", "-I", "-B", "-c", given.code], given.seconds, stop)


class ShellArguments(ToolArguments):
    """One line for /bin/sh, run in the workspace."""

    line: str = Field(min_length=1, max_length=100_000)
    seconds: int = Field(DEFAULT_TIMEOUT_SECONDS, ge=1, le=900)


@dataclass(frozen=True, kw_only=True)
class ShellTool:
    """Runs a shell line in the sandbox."""

    bench: CommandRunner
    name: str = "shell"
    says: str = "run a shell line in the workspace, without network: line"
    takes: type[ToolArguments] = ShellArguments

    def act(self, given: ShellArguments) -> str:
        """Always the same."""
        return self.name

    def use(self, given: ShellArguments, stop: Stop) -> ToolResult:
        """What it printed. Raises Refused."""
        return self.bench.run(["/bin/sh", "-c", given.line], given.seconds, stop)


def _command_result(ran: CommandResult) -> ToolResult:
    how = {
        Ending.EXIT: f"exit code {ran.exit_code}",
        Ending.TIMEOUT: f"ended after {ran.seconds:.0f} s: its time was over",
        Ending.STOPPED: "stopped",
        Ending.LIMIT: f"ended: {ran.why}",
        Ending.DISK: f"ended: {ran.why}",
    }[ran.ending]
    ok = ran.ending is Ending.EXIT and ran.exit_code == 0
    return ToolResult(text=f"{shorten_middle(ran.output.rstrip())}\n[{how}]".lstrip("\n"), ok=ok, changed=True)
