"""How is somebody else's command run (the runner), so that it is watched and nothing of it is left afterwards?

Output goes to a file and is read from there: a slow reader of a pipe costs an agent the end of its answer (65,536 of
301 KB were seen). Descendants are found as such, by their session, and by a mark in their environment,
because one that has called setsid and lost its parent is neither a child nor in the group. Only a PID namespace
(sandbox) holds a process that also wipes its environment.
"""

from __future__ import annotations

import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

import psutil

from orchestrator.core.ports.model import Stop
from orchestrator.core.ports.sandbox import RUN_VARIABLE, Confinement
from orchestrator.execution.process.group_sources import open_group
from orchestrator.execution.process.input_feed import InputFeed
from orchestrator.execution.process.output_tail import OutputTail
from orchestrator.execution.process.process_tree import process_tree, session_members
from orchestrator.execution.process.resource_watch import LimitExceeded, ResourceWatch
from orchestrator.execution.process.run_group import NoGroup
from sync.backoff import Backoff
from sync.process import own_session

TERM_GRACE_SECONDS = 2.0
"""Seconds between SIGTERM and SIGKILL."""
FAREWELL_SECONDS = 1.0
"""Seconds that a command gets to end by itself once it was asked to, before SIGTERM."""
POLL = Backoff(first=0.005, limit=0.05, factor=1.5)
"""Between two looks at a running command; a short one is looked at sooner."""
MAX_OUTPUT_BYTES = 10 * 1024 * 1024
"""Bytes of output that are kept, half of them from the beginning and half from the end."""


class Ending(StrEnum):
    """Why a command ended."""

    EXIT = "exit"
    TIMEOUT = "timeout"
    STOPPED = "stopped"
    LIMIT = "limit"
    """It took more of the machine than it may: `CommandResult.why` says of what."""
    DISK = "disk"
    """The machine has no more room on its disk, whoever took it."""


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """What a command did. `exit_code` is as a shell gives it: 128 + n when signal n ended it."""

    exit_code: int
    output: str
    seconds: float
    ending: Ending
    cut_bytes: int = 0
    why: str = ""
    """What it took too much of."""


def run(
    argv: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    output: Path,
    timeout: float,
    stop: Stop,
    say: Callable[[str], None],
    keep: int = MAX_OUTPUT_BYTES,
    whole: bool = False,
    confinement: Confinement | None = None,
    feed: InputFeed | None = None,
    farewell: Callable[[], bool] = lambda: False,
) -> CommandResult:
    """Runs `argv` in `folder` until it exits, `timeout` seconds are over or `stop` is set; then ends all it started.

    `environment` is its whole environment, `output` the file that standard output and error go to, `say` gets each
    line as it comes, and all of it if `whole`. Returns within 5 s of the time-out or the stop. Must be called in the
    thread that lives as long as the command does: that thread's death is what a sandbox's die-with-parent notices.
    With `confinement`, the run as a whole is bounded, too: by a group of the kernel's where this machine offers one,
    and watched everywhere. `feed` is its standard input; None: it has none. `farewell` asks a command
    that must end to do so by itself; it returns whether that was asked. Raises OSError when the program cannot be
    started.
    """
    mark = uuid.uuid4().hex
    started = time.monotonic()
    # O_APPEND, so that the file may be emptied beneath a command that floods it: its next write lands at the new end.
    output.write_bytes(b"")
    group = open_group(mark, confinement) if confinement else NoGroup()
    with closing(group), output.open("ab", buffering=0) as sink, output.open("r+b", buffering=0) as source:
        tail = OutputTail(source, say=say, keep=keep, whole=whole)
        environment = {**environment, RUN_VARIABLE: mark}
        process = _start(group.command(argv), folder=folder, environment=environment, sink=sink, feed=feed)
        ending, excess = Ending.EXIT, None
        footprint = ResourceWatch(confinement, process.pid, group=group) if confinement else None
        try:
            ending, excess = _watch(process, tail, deadline=started + timeout, stop=stop, footprint=footprint)
            if ending in {Ending.STOPPED, Ending.TIMEOUT} and farewell():
                _await_exit(process, tail)
            killed = process.returncode is not None and not 0 <= process.returncode < 128
            if not excess and (why := group.exceeded(process.pid, killed=killed)):
                ending, excess = Ending.LIMIT, LimitExceeded(why=why)
        finally:
            end_process_tree(process, mark, politely=not excess)
        text, cut = tail.close()
    return CommandResult(
        exit_code=_shell_code(process.returncode),
        output=text,
        seconds=time.monotonic() - started,
        ending=ending,
        cut_bytes=cut,
        why=excess.why if excess else "",
    )


def _start(
    argv: Sequence[str], *, folder: Path, environment: Mapping[str, str], sink: BinaryIO, feed: InputFeed | None
) -> subprocess.Popen[bytes]:
    process = own_session.begin(
        lambda: subprocess.Popen(
            list(argv),
            cwd=folder,
            env=dict(environment),
            stdin=feed.reading if feed else subprocess.DEVNULL,  # codex and others wait for ever on an open one
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    )
    if feed:
        feed.handed_over()
    return process


def _watch(
    process: subprocess.Popen[bytes], tail: OutputTail, *, deadline: float, stop: Stop, footprint: ResourceWatch | None
) -> tuple[Ending, LimitExceeded | None]:
    """Waits for the end, passing on what is written meanwhile."""
    pause = POLL.first
    while process.poll() is None:
        tail.read()
        if stop.wait(pause):
            return Ending.STOPPED, None
        if time.monotonic() >= deadline:
            return Ending.TIMEOUT, None
        if footprint and (excess := footprint.exceeded_limit()):
            return Ending.DISK if excess.disk_full else Ending.LIMIT, excess
        pause = POLL.next(pause)
    return Ending.EXIT, None


def _await_exit(process: subprocess.Popen[bytes], tail: OutputTail) -> None:
    """Gives a command that was asked to end a moment, in which what it says is still heard."""
    over = time.monotonic() + FAREWELL_SECONDS
    while process.poll() is None and time.monotonic() < over:
        tail.read()
        time.sleep(POLL.first)


def end_process_tree(process: subprocess.Popen[bytes], mark: str, *, politely: bool = True) -> None:
    """Ends a command and all that it started: SIGTERM, SIGKILL after GRACE seconds, until none is left."""
    if not politely:
        process.kill()  # what floods the machine is asked nothing: a sandbox dies whole with its first process
    if (found := _run_processes(process, mark)) and politely:
        _signal(_sigterm_targets(found, process), signal.SIGTERM)
        _wait_until_dead(found, process, seconds=TERM_GRACE_SECONDS)
    for _ in range(20):  # killing races forking: look again until a look finds nothing
        if not found:
            break
        found = _run_processes(process, mark)
        _signal(found, signal.SIGKILL)
        _wait_until_dead(found, process, seconds=0.1)
    process.wait()


def _wait_until_dead(found: Sequence[psutil.Process], process: subprocess.Popen[bytes], *, seconds: float) -> None:
    """Waits until none of `found` is alive. Not psutil's wait: it would take the exit code before Popen sees it."""
    over = time.monotonic() + seconds
    while time.monotonic() < over:
        process.poll()
        if not any(_alive(each) for each in found):
            return
        time.sleep(0.01)


def _sigterm_targets(found: Sequence[psutil.Process], process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Those that SIGTERM is for: all but bubblewrap itself, whose death would SIGKILL the rest without a word."""
    return [each for each in found if each.pid != process.pid or _name(each) != "bwrap"]


def _run_processes(process: subprocess.Popen[bytes], mark: str) -> list[psutil.Process]:
    """Every living process of this run."""
    known = set(process_tree(process.pid) if process.poll() is None else session_members(process.pid))
    every = psutil.process_iter()
    return [each for each in every if (each.pid in known or _has_mark(each, mark)) and _alive(each)]


def _has_mark(each: psutil.Process, mark: str) -> bool:
    try:
        return each.environ().get(RUN_VARIABLE) == mark
    except (psutil.Error, OSError):
        return False  # gone, or somebody else's


def _alive(each: psutil.Process) -> bool:
    try:
        return each.is_running() and each.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _name(each: psutil.Process) -> str:
    try:
        return each.name()
    except psutil.Error:
        return ""


def _signal(found: Sequence[psutil.Process], number: signal.Signals) -> None:
    for each in found:
        try:
            each.send_signal(number)
        except psutil.Error:
            continue  # it was quicker, or has changed its user: the sandbox's namespace ends that one


def _shell_code(code: int) -> int:
    return 128 - code if code < 0 else code
