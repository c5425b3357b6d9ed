"""Where do the tests of a run write? Into memory, where the machine has plenty of it: no test then waits for a disk.

`python -m tests.in_memory WORD...` runs a command with TMPDIR in a folder of its own, which is gone when it has ended;
what a run left that was killed is taken away by the next one.
A TMPDIR that is set stays as it is: `TMPDIR=/tmp make test` writes to the disk, and leaves there what pytest leaves.
What a sync has to survive is told by the order of the calls (`tests/sync/test_files.py`), on a disk and here.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
MEMORY = Path("/dev/shm")
ROOM = 6 << 30
"""Bytes that must be free, of the file system and of memory: the suite writes half of it, its processes take more."""
MEMINFO = Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")
"""Where a container sees what it may have: of the machine's memory `MEMINFO` tells."""
PREFIX, IN_USE = "sb-", ".in-use"
"""Of a run's folder, and of the file in it that is locked while the run, or the command that it started, lives."""
ENDINGS = (signal.SIGTERM, signal.SIGHUP)
"""What is passed on to the command. Ctrl-C reaches it by itself."""


def fits(memory: Path, meminfo: Path = MEMINFO) -> bool:
    """Whether a folder has room for what the suite writes, and lets programs be run: some tests write their own."""
    if not memory.is_dir() or not os.access(memory, os.W_OK | os.X_OK):
        return False
    found = os.statvfs(memory)
    runs = not found.f_flag & os.ST_NOEXEC
    return runs and found.f_bavail * found.f_frsize >= ROOM and available(meminfo) >= ROOM


def available(meminfo: Path = MEMINFO, group: Path = GROUP) -> int:
    """Bytes of memory that can still be had; 0 where the system does not say."""
    try:
        lines = meminfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    found = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), 0)
    with suppress(OSError, ValueError):  # no group, or one that may have all
        limit, used = (int((group / name).read_text(encoding="utf-8")) for name in ("memory.max", "memory.current"))
        return min(found, limit - used)
    return found


@contextmanager
def folder(memory: Path = MEMORY) -> Iterator[tuple[Path, int]]:
    """A new folder in memory, with a short name (sockets lie below it), which is gone afterwards, and the lock that
    says that it is in use. As in /tmp anybody may write there: tests have programs run by other users, as a PostgreSQL
    server that root may not start."""
    made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=memory))
    try:
        made.chmod(0o1777)
        fresh = made / f"{IN_USE}.new"
        with fresh.open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            fresh.rename(made / IN_USE)  # whoever finds it finds it locked
            yield made, lock.fileno()
    finally:
        shutil.rmtree(made, ignore_errors=True)


def sweep(memory: Path = MEMORY) -> None:
    """Takes away the folders of runs that were killed: ours, and locked by nobody."""
    for left in memory.glob(f"{PREFIX}*"):
        with suppress(OSError):
            found = left.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
                continue
            with os.fdopen(os.open(left / IN_USE, os.O_RDONLY | os.O_NOFOLLOW), "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)


def run(words: Sequence[str], environment: Mapping[str, str], memory: Path = MEMORY) -> int:
    """Runs a command to its end, in memory if it may. Returns its exit code, 128 and the signal if one ended it."""
    if environment.get("TMPDIR"):
        return _ended(words, environment)
    sweep(memory)
    if not fits(memory):
        return _ended(words, environment)
    with folder(memory) as (made, lock):
        return _ended(words, {**environment, "TMPDIR": str(made)}, lock)


def _ended(words: Sequence[str], environment: Mapping[str, str], *kept: int) -> int:
    told: list[int] = []
    running: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        told.append(number)
        for each in running:
            each.send_signal(number)

    for ending in ENDINGS:
        if signal.getsignal(ending) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(ending, pass_on)
    process = subprocess.Popen(words, env=environment, pass_fds=kept)
    running.append(process)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the command itself, which says what it has
    for number in told:  # while it was being started
        process.send_signal(number)
    code = process.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:], os.environ))
