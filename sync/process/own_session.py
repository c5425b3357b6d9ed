"""How does a program begin that a terminal's Ctrl-C does not reach?

In a session of its own, which the child enters itself: between fork and exec it is still in the terminal's foreground
group, and a Ctrl-C in that moment ends it before it was what it should become (of 3,133 starts under a flood of
SIGINT 2,376 ended so). Its caller then sees a program that SIGINT killed, and would say that an agent failed or that a
signature is bad. The kernel tells the two apart (PF_FORKNOEXEC, proc_pid_stat(5)), so such a start is made again.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import AnyStr

PF_FORKNOEXEC = 0x40
"""The kernel's mark of a process that was forked and has not become a program of its own (include/linux/sched.h)."""
MAX_STARTS = 8
"""Each but the first takes one more Ctrl-C in the same millisecond: whoever presses on gets what that does."""


def begin(start: Callable[[], subprocess.Popen[AnyStr]]) -> subprocess.Popen[AnyStr]:
    """What `start` starts, with `start_new_session`; once more if a signal ended it before it was that program.

    Raises what `start` raises.
    """
    process = start()
    for _ in range(MAX_STARTS - 1):
        if not _ended_before_exec(process.pid):
            break
        with process:  # takes its end, and closes its pipes
            pass
        process = start()
    return process


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    stdin: bytes = b"",
    folder: Path | str | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Runs `argv` to its end, at most `timeout` seconds, with all that it says. Raises OSError, TimeoutExpired."""
    process = begin(
        lambda: subprocess.Popen(
            list(argv),
            cwd=folder,
            env=dict(environment) if environment is not None else None,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    )
    with process:
        try:
            out, err = process.communicate(stdin or None, timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(argv, process.returncode, out, err)


def _ended_before_exec(pid: int) -> bool:
    """Whether a child whose start has returned never became its program: then it has ended, or is just ending.

    Its entry stands until its end is taken. Where there is no /proc nobody knows, and it is taken for begun.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    flags = int(stat.rpartition(")")[2].split()[6])
    return bool(flags & PF_FORKNOEXEC)
