"""Which source of control groups does this machine offer its node?

Three ways, the first that works: a folder of the kernel's that was handed to this process (`Delegate=yes` in its unit,
or a container with one of its own); the system's or the user's systemd, which makes a scope for each run; and, for root
on a machine without systemd, a folder of the node's own at the top. Each is tried, and not only looked for.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.core.disk_space import MIB
from orchestrator.core.own_installation import document_place
from orchestrator.core.ports.sandbox import Confinement
from orchestrator.execution.process.run_group import (
    CPU_WEIGHT,
    GroupSource,
    NoGroup,
    OwnGroups,
    RunGroup,
    beyond_memory,
    refused,
    remove,
    write,
)

NEEDED = ("memory", "pids")
WANTED = (*NEEDED, "cpu")
NODE_LEAF = "shiftbook-node"
"""Where this process goes below a folder that it was given: a group that bounds others must hold no process itself."""
ROOT_FOLDER = "shiftbook"
DELEGATED = ("user.delegate", "trusted.delegate")
"""What systemd writes on a folder that it has handed over: https://systemd.io/CGROUP_DELEGATION/"""
PROBE_SECONDS = 10.0
MANAGER_VARIABLES = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
"""How the user's systemd is found. A run must not see them."""
PROBE = 'g=$(sed -n "s/^0:://p" /proc/self/cgroup); cat "$0$g/memory.max" "$0$g/pids.max"'
PROBE_BOUNDS = (64 * MIB, 32)
_lock = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class NotBounded:
    """Why no group can be had, and what a person can do."""

    why: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class SystemdScope:
    """A scope that systemd makes when the run begins, and takes away when it is empty."""

    prefix: tuple[str, ...]
    asked: tuple[str, ...]
    """What is typed to ask systemd about it, less the verb."""
    unit: str
    mount: Path
    confinement: Confinement
    _seen: list[Path] = field(default_factory=list)

    def command(self, argv: Sequence[str]) -> list[str]:
        """`argv` in the scope; systemd-run becomes the command, so whose child it is does not change."""
        return [*self.prefix, *argv]

    def exceeded(self, leader: int, *, killed: bool = False) -> str:
        """By the scope's counters, which are there as long as anything of the run lives, and then by systemd's word."""
        if not self._seen:
            folder = own_folder(self.mount, f"/proc/{leader}/cgroup")
            if folder is not None and folder.name == self.unit:  # else not yet there, or already gone
                self._seen.append(folder)
        why = refused(self._seen[0], self.confinement) if self._seen else ""
        if why or not killed or "oom-kill" not in _text([*self.asked, "show", "--property=Result", self.unit]):
            return why
        _text([*self.asked, "reset-failed", self.unit])  # else it stays in the list of what failed
        return beyond_memory(self.confinement)

    def close(self) -> None:
        """What is left ends; systemd takes the empty scope away itself."""
        for folder in self._seen:
            with contextlib.suppress(OSError):
                write(folder / "cgroup.kill", "1")


@dataclass(frozen=True, kw_only=True)
class SystemdScopes:
    """Scopes of the user's own systemd, or of the system's where the node runs as root."""

    mount: Path
    user: bool
    options: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    @property
    def kind(self) -> str:
        """Whose systemd it is."""
        return "a scope of your systemd for each run" if self.user else "a scope of the system's systemd for each run"

    def open(self, name: str, confinement: Confinement) -> SystemdScope:
        """The scope's command line; it is made when that is started."""
        unit = f"shiftbook-run-{os.getpid()}-{name}.scope"
        asked = (*self._manager(), shutil.which("systemctl") or "systemctl", self._whose)
        prefix = tuple(self._prefix(unit, confinement))
        return SystemdScope(prefix=prefix, asked=asked, unit=unit, mount=self.mount, confinement=confinement)

    @property
    def _whose(self) -> str:
        return "--user" if self.user else "--system"

    def _manager(self) -> list[str]:
        kept = [each for each in MANAGER_VARIABLES if self.user and each in self.environ]
        return ["env", *(f"{each}={self.environ[each]}" for each in kept)] if kept else []

    def _prefix(self, unit: str, confinement: Confinement) -> list[str]:
        memory = f"{confinement.all_memory_mib}M" if confinement.all_memory_mib else "infinity"
        tasks = str(confinement.processes or "infinity")
        limits = (("MemoryMax", memory), ("MemorySwapMax", memory), ("TasksMax", tasks), ("CPUWeight", str(CPU_WEIGHT)))
        manager = self._manager()
        hidden = [word for each in manager[1:] for word in ("-u", each.partition("=")[0])]
        return [
            *manager,
            *(shutil.which("systemd-run") or "systemd-run", self._whose, "--scope", "--quiet", f"--unit={unit}"),
            *self.options,
            *(word for key, value in limits for word in ("-p", f"{key}={value}")),
            "--",
            *(("env", *hidden) if hidden else ()),
        ]


def open_group(name: str, confinement: Confinement) -> RunGroup:
    """A group for one run; NoGroup where the machine offers none, or did until a moment ago."""
    source = group_source()
    if isinstance(source, NotBounded):
        return NoGroup()
    try:
        return source.open(name, confinement)
    except OSError:
        return NoGroup()


def group_source() -> GroupSource | NotBounded:
    """What this machine offers this process, found out once."""
    with _lock:
        return _found()


def describe_groups() -> tuple[bool, str, str]:
    """Whether the kernel bounds runs of what is started like this process, how or why not, and what can be done."""
    source = group_source()
    if isinstance(source, NotBounded):
        return False, f"memory and processes of a run together are watched, not held: {source.why}", source.remedy
    return True, f"the kernel holds memory and processes of what is started like this command: {source.kind}", ""


@functools.cache
def _found() -> GroupSource | NotBounded:
    return find_source(mount=mount_point(), root=os.geteuid() == 0)


def find_source(*, mount: Path | None, root: bool) -> GroupSource | NotBounded:
    """The first way that works below the mount of cgroup v2."""
    if mount is None:
        return NotBounded(why="this machine has no cgroup v2", remedy="boot with systemd.unified_cgroup_hierarchy=1")
    if lacking := _lacking(mount):
        return NotBounded(
            why=f"cgroup v2 has no {' and no '.join(lacking)} here (an older layout keeps it)",
            remedy="boot with systemd.unified_cgroup_hierarchy=1",
        )
    own = own_folder(mount)
    source: GroupSource | None = _handed_over(own) if own else None
    source = source or _systemd(mount, user=not root)
    if source is None and root and not Path("/run/systemd/system").exists():
        source = _at_the_top(mount)
    how = document_place("docs/operating.md")
    return source or NotBounded(
        why="nobody has given this process a group of its own, and no systemd makes one for it",
        remedy=f"run the node as a unit with Delegate=yes ({how}), or log in with a user's systemd",
    )


def mount_point(mounts: str = "/proc/self/mountinfo") -> Path | None:
    """Where cgroup v2 is mounted; None when it is not."""
    try:
        lines = Path(mounts).read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    split = (line.partition(" - ") for line in lines)
    found = [before.split()[4] for before, _, after in split if after.startswith("cgroup2 ")]
    return Path(found[0]) if found else None


def own_folder(mount: Path, listed: str = "/proc/self/cgroup") -> Path | None:
    """The group that a process is in, as the folder it is; None when it cannot be said."""
    try:
        lines = Path(listed).read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    found = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "")
    return mount / found.lstrip("/") if found and "/.." not in found else None


def _lacking(folder: Path) -> list[str]:
    try:
        there = (folder / "cgroup.controllers").read_text("ascii").split()
    except OSError:
        there = []
    return [each for each in NEEDED if each not in there]


def _handed_over(own: Path) -> OwnGroups | None:
    """Groups below a folder that systemd, or a container, has handed to this process.

    By systemd's rules all processes in it are ours; they move into a leaf of it first.
    """
    parent = own.parent if own.name == NODE_LEAF else own
    if not (_is_delegated(parent) or _is_containers(parent)) or not os.access(parent, os.W_OK):
        return None
    try:
        leaf = parent / NODE_LEAF
        leaf.mkdir(exist_ok=True)
        for process in (parent / "cgroup.procs").read_text("ascii").split():
            with contextlib.suppress(ProcessLookupError):
                write(leaf / "cgroup.procs", process)
        return _with_controllers(parent, "a group of its own, handed over by its unit or container")
    except OSError:
        return None


def _is_delegated(folder: Path) -> bool:
    for name in DELEGATED:
        with contextlib.suppress(OSError):
            if os.getxattr(folder, name) == b"1":
                return True
    return False


def _is_containers(folder: Path) -> bool:
    """Whether this is the top of what is seen, and not the machine's own top, which has no type."""
    return folder.is_mount() and (folder / "cgroup.type").exists() and not Path("/run/systemd/system").exists()


def _at_the_top(mount: Path) -> OwnGroups | None:
    folder = mount / ROOT_FOLDER
    try:
        _enable(mount)
        folder.mkdir(exist_ok=True)
        return _with_controllers(folder, "a group of its own, made as root")
    except OSError:
        return None


def _with_controllers(folder: Path, kind: str) -> OwnGroups | None:
    """The folder as a source, tried: a group in it must bound what it says. Raises OSError."""
    if _lacking(folder):
        return None
    _enable(folder)
    _sweep(folder)
    groups = OwnGroups(parent=folder, kind=kind)
    tried = groups.open("probe", Confinement(writable=Path("/"), all_memory_mib=64, processes=32))
    done = _said(tried.command(["/bin/sh", "-c", PROBE, str(mount_point())]))
    tried.close()
    return groups if done == PROBE_BOUNDS else None


def _enable(folder: Path) -> None:
    """Lets the groups below a folder be bounded. Raises OSError."""
    there = (folder / "cgroup.controllers").read_text("ascii").split()
    write(folder / "cgroup.subtree_control", " ".join(f"+{each}" for each in WANTED if each in there))


def _sweep(parent: Path) -> None:
    """Takes away what nodes that were killed have left; of living ones nothing.

    What bears this process's own number is left by one of before, too: it has made none yet, and in a container each
    node that follows another has the same number.
    """
    for folder in parent.glob("run-*-*"):
        process = folder.name.split("-")[1]
        if process.isdigit() and (process == str(os.getpid()) or not Path("/proc", process).exists()):
            remove(folder)


def _systemd(mount: Path, *, user: bool) -> SystemdScopes | None:
    program = shutil.which("systemd-run")
    if not program or not Path("/run/systemd/system").exists():
        return None
    exact = ("--expand-environment=no",) if "--expand-environment" in _text([program, "--help"]) else ()
    scopes = SystemdScopes(mount=mount, user=user, options=exact)
    tried = Confinement(writable=Path("/"), all_memory_mib=64, processes=32)
    done = _said(scopes.open("probe", tried).command(["/bin/sh", "-c", PROBE, str(mount)]))
    return scopes if done == PROBE_BOUNDS else None


def _said(command: Sequence[str]) -> tuple[int, ...]:
    words = _text(command).split()
    return tuple(int(word) for word in words if word.isdigit())


def _text(command: Sequence[str]) -> str:
    """What a command printed; nothing when it failed, or took too long."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
