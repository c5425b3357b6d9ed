"""How does a node get a disk of its own that can be filled, without rights that a test does not have?

A small tmpfs in a user and mount name space. What is on it is gone when the node is killed: its disk died with it.
"""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

SIZE = "64m"


def on_small_disk(home: Path) -> list[str]:
    """The words before a command that give it its home on a small disk; what is in `home` now is copied onto it."""
    before = home.with_name(f"{home.name}.before")
    if not before.exists():
        shutil.copytree(home, before, symlinks=True)
    script = f'mount -t tmpfs -o size={SIZE} tmpfs "$1" && cp -a "$2/." "$1" && shift 2 && exec "$@"'
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", str(home), str(before)]


def possible() -> bool:
    """Whether this machine lets us make one."""
    words = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return (
        shutil.which("unshare") is not None and subprocess.run(words, capture_output=True, check=False).returncode == 0
    )


def fill(pid: int, home: Path) -> None:
    """Takes all the room that is left, seen from outside of the process' own mounts."""
    with suppress(OSError), _filler(pid, home).open("wb") as file:
        while True:
            file.write(b"\0" * 65536)
            file.flush()


def empty(pid: int, home: Path) -> None:
    """Gives the room back."""
    with suppress(OSError):
        _filler(pid, home).unlink(missing_ok=True)


def _filler(pid: int, home: Path) -> Path:
    return Path(f"/proc/{pid}/root{home}/filler")
