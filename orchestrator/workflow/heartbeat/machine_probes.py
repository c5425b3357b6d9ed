"""The probes of this machine: has the disk room, are its clones behind, what do its owner's own commands say?"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from handoff.secrets.excerpts import redacted_line
from orchestrator.execution.process.runner import Ending, run
from orchestrator.execution.workspace.isolated_git import ISOLATED_GIT_ENV
from orchestrator.ledger.heartbeat.probe_phrases import Request
from orchestrator.workflow.heartbeat.probe import Finding, ProbeFailed, ProbeScene
from sync.errors import GitError, GitTimeout
from sync.git import Git

COMMAND_SECONDS, GIT_SECONDS = 60.0, 20.0
KEPT_OUTPUT_BYTES = 4096
GIB = 1024**3
COMMAND_PATH = "/usr/local/bin:/usr/bin:/bin"


def disk(scene: ProbeScene, request: Request) -> Iterator[Finding]:
    """Whether the disk with the node's folder has less room than it should."""
    try:
        found = shutil.disk_usage(scene.home)
    except OSError as error:
        raise ProbeFailed(f"the disk of {scene.home} cannot be looked at: {error}") from error
    share = 100 * found.free / found.total if found.total else 0.0
    percent = request.numbers.get("percent")
    low = share < percent if percent is not None else found.free < request.numbers["bytes"]
    if low:
        room = f"{found.free / GIB:.1f} GiB ({share:.0f} %) free"
        yield Finding(subject="disk", says=f"the disk of {scene.node} has {room}")


def command(scene: ProbeScene, request: Request) -> Iterator[Finding]:
    """Whether a program says by its exit code that something is wrong.

    Which program a name stands for only the machine's owner says (SHIFTBOOK_HEARTBEAT_COMMANDS): the checklist gives it
    no words, no shell reads it, and of the node's environment it sees nothing.
    """
    name = request.words
    program = scene.commands.get(name)
    if program is None:
        raise ProbeFailed(f"{scene.node} has no command {name}: set SHIFTBOOK_HEARTBEAT_COMMANDS={name}=/PATH there")
    with tempfile.TemporaryDirectory(prefix="shiftbook-probe-") as folder:
        try:
            done = run(
                [str(program)],
                folder=Path(folder),
                environment={"PATH": COMMAND_PATH, "LANG": "C.UTF-8", "HOME": str(Path.home())},
                output=Path(folder) / "output.log",
                timeout=COMMAND_SECONDS,
                stop=threading.Event(),
                say=lambda _line: None,
                keep=KEPT_OUTPUT_BYTES,
            )
        except OSError as error:
            raise ProbeFailed(f"{name} on {scene.node} cannot be started: {error}") from error
    if done.ending is not Ending.EXIT:
        yield Finding(subject=name, says=f"{name} on {scene.node} had not ended after {COMMAND_SECONDS:g} s")
    elif done.exit_code:
        first = next((redacted_line(line, 200) for line in done.output.splitlines() if line.strip()), "")
        said = f": {first}" if first else ""
        yield Finding(subject=name, says=f"{name} on {scene.node} ended with exit code {done.exit_code}{said}")


def repositories(scene: ProbeScene, request: Request) -> Iterator[Finding]:
    """Work trees on this machine that lack commits which their last fetch brought. Nothing is fetched for it."""
    roof = int(request.numbers["count"])
    for name, folder in sorted(scene.clones.items()):
        behind = _commits_behind(folder)
        if behind > roof:
            commits = f"{behind} commit{'s' * (behind != 1)}"
            yield Finding(subject=name, says=f"{name} on {scene.node} ({folder}) is {commits} behind its remote")


def _commits_behind(folder: Path) -> int:
    """How many commits the branch's remote has that it has not; 0 where it follows none. Raises ProbeFailed."""
    git = Git(folder, env={**ISOLATED_GIT_ENV, "GIT_NO_LAZY_FETCH": "1"})
    try:
        code, out, _ = git.call("rev-list", "--count", "HEAD..@{upstream}", timeout=GIT_SECONDS, codes=(0, 128))
    except (GitError, GitTimeout, OSError) as error:
        raise ProbeFailed(f"{folder} cannot be looked at: {error}") from error
    return int(out) if code == 0 else 0
