"""How is a command confined on Linux, without a container daemon?

bubblewrap builds a root of its own: system folders read-only, no home, no other user's files, an empty /tmp, its own
PID, IPC, UTS and (where the kernel allows it) user namespace, no network unless asked for, no capabilities, and no
system calls that only the machine's owner needs (`seccomp`). Only the workspace is writable, less what is protected in
it.
"""

from __future__ import annotations

import functools
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from orchestrator.adapters.sandbox import relay
from orchestrator.adapters.sandbox.root_folders import folder_root, is_systems, machine_root, root_problem
from orchestrator.adapters.sandbox.seccomp import ARCHITECTURES, FILTER_FD, filter_path
from orchestrator.core.ports.sandbox import PROXY_PORT, RUN_VARIABLE, Confinement
from orchestrator.execution.node_python import node_python, python_files
from sync.process import own_session

MIB = 1024 * 1024
NOBODY = "65534"
"""The user and group `nobody` (the kernel's overflow id), which every system's passwd names."""
PROBE_SECONDS = 10.0
PROXY_SOCKET = Path("/run/shiftbook/line")
"""Where the line's socket is inside."""
RELAY_SCRIPT = Path("/run/shiftbook/relay.py")
EMPTY_FILE = Path(__file__).with_name("nothing.json")
"""What a hidden file holds: `{}`, because programs refuse settings that are no object. (And /dev/null would not do: no
device can be opened where it is bound.)"""


class Bubblewrap:
    """The sandbox of Linux nodes. `readable` names further trees (a tool's own folder) that are shown read-only,
    `rootfs` a folder with a root file system that is shown in the place of this machine's system folders.

    What it cannot do: limit the number of processes of a node that runs as root (the kernel exempts root from
    RLIMIT_NPROC, in a user namespace too), and filter which hosts are reached once the network is on.
    """

    name = "bubblewrap"

    def __init__(
        self,
        *,
        readable: Sequence[Path] = (),
        program: str = "bwrap",
        rootfs: Path | None = None,
        trouble: str = "",
    ) -> None:
        """`trouble` is why what is named as a root file system gave none."""
        self._readable, self._trouble = tuple(readable), trouble
        self._program = program
        self._rootfs = rootfs

    @functools.cached_property
    def _found(self) -> str | None:
        return shutil.which(self._program)

    @functools.cached_property
    def _user_namespace_options(self) -> tuple[str, ...]:
        """A user namespace in which no further one can be made (in it a command would be root again, and could mount);
        where the system cannot promise that, whatever it can.
        """
        strict = ("--unshare-user", "--disable-userns")
        tried = [self._found or self._program, *strict, "--ro-bind", "/", "/", "--proc", "/proc", "--", "/bin/true"]
        return strict if _try_command(tried) is None else ("--unshare-user-try",)

    def _user_options(self, confinement: Confinement) -> tuple[str, ...]:
        """A root's run as somebody else, where it has a user namespace: there is one user in it, under either name."""
        mapped = confinement.ordinary_user and os.geteuid() == 0 and "--unshare-user" in self._user_namespace_options
        return ("--uid", NOBODY, "--gid", NOBODY) if mapped else ()

    @functools.cached_property
    def _filter_command(self) -> tuple[str, ...]:
        """What opens the filter of system calls for bubblewrap, which reads it from a descriptor."""
        path = filter_path()
        return ("/bin/sh", "-c", f'exec {FILTER_FD}<"$0" "$@"', str(path)) if path.exists() else ()

    @property
    def _filter_options(self) -> tuple[str, ...]:
        return ("--seccomp", str(FILTER_FD)) if self._filter_command else ()

    def _within_root(self, confinement: Confinement) -> Confinement:
        """Of a root file system's folders nothing is shown as this machine has it: they are read-only, and its own."""
        if not self._rootfs:
            return confinement
        return replace(confinement, readable=tuple(path for path in confinement.readable if not is_systems(path)))

    @functools.cached_property
    def _unavailable_reason(self) -> str | None:
        if not self._rootfs:
            return self._machines_reason
        why = self._trouble or root_problem(self._rootfs) or self._machines_reason
        return f"the root file system {self._rootfs} cannot be used: {why}" if why else None

    @functools.cached_property
    def _machines_reason(self) -> str | None:
        if not self._found:
            return "bubblewrap is not installed: apt-get install bubblewrap"
        if not shutil.which("prlimit"):
            return "prlimit is not installed: apt-get install util-linux"
        if platform.machine() in ARCHITECTURES and not filter_path().exists():
            return f"{filter_path()} is missing, without which no system call is refused: install shiftbook again"
        with tempfile.TemporaryDirectory() as folder:
            line = Path(folder, "line")
            line.touch()
            return _try_command(
                self.command(["/bin/sh", "-c", "exit 0"], Confinement(writable=Path(folder), line=line))
            )

    def missing(self) -> str | None:
        """Why it does not work here; tried once by running it."""
        return self._unavailable_reason

    def command(self, argv: Sequence[str], confinement: Confinement) -> list[str]:
        """The bwrap command line. Start it with `confinement.environment` as its environment: values such as keys
        would else stand in a command line that every user of the machine can read. Any other variable is taken away.
        """
        return [
            *oom_first_command(),
            *self._filter_command,
            self._found or self._program,
            *self._filter_options,
            *self._user_namespace_options,
            *self._user_options(confinement),
            *_namespaces(confinement),
            *(folder_root(self._rootfs) if self._rootfs else machine_root()),
            *_scratch(confinement),
            *_relay_mounts(confinement),
            *_mounts(self._within_root(confinement), self._readable),
            # /proc, because the kernel's settings in it are root's to write without any capability
            *("--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/"),
            *("--chdir", str(confinement.writable)),
            *(word for name in foreign_variables(confinement.environment) for word in ("--unsetenv", name)),
            *(
                "--",
                *prlimit_command(confinement),
                *(relay_command(RELAY_SCRIPT, PROXY_SOCKET, "alone") if confinement.line else ()),
                *argv,
            ),
        ]


def relay_command(script: Path, socket: Path, how: str) -> list[str]:
    """What stands before a command so that it finds its line: our relay, run by the Python that this node runs on."""
    return [str(node_python()), "-I", "-S", "-B", str(script), str(socket), str(PROXY_PORT), how]


def _relay_mounts(confinement: Confinement) -> list[str]:
    """The one line to the outside, and the relay to it. Connecting writes nothing: read-only is enough."""
    if not confinement.line:
        return []
    shown = ((confinement.line, PROXY_SOCKET), (Path(relay.__file__), RELAY_SCRIPT))
    return [word for source, target in shown for word in ("--ro-bind", str(source), str(target))]


def _mounts(confinement: Confinement, readable: Sequence[Path]) -> list[str]:
    """The folders that are shown, outer before inner, so that none hides another; of one path the strictest last."""
    shown = (*readable, *confinement.readable, *(python_files() if confinement.line else ()))
    work = confinement.writable
    written = (*((path, path) for path in confinement.kept), *((work, at) for at in _workspace_places(confinement)))
    ways: tuple[tuple[str, Iterable[tuple[Path, Path]]], ...] = (
        ("--ro-bind-try", ((path, path) for path in shown)),
        ("--bind", written),
        ("--ro-bind", (*confinement.views, *_everywhere(confinement, confinement.protected))),
    )
    ordered = sorted(
        (len(at.parts), rank, how, path, at)
        for rank, (how, pairs) in enumerate(ways)
        for path, at in dict.fromkeys(pairs)
    )
    return [*(word for _, _, how, path, at in ordered for word in (how, str(path), str(at))), *_hidden(confinement)]


def _workspace_places(confinement: Confinement) -> tuple[Path, ...]:
    return (confinement.writable, *((confinement.also_at,) if confinement.also_at else ()))


def _everywhere(confinement: Confinement, paths: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """Paths with each place at which they are seen: those in the workspace wherever that is shown."""
    for path in paths:
        yield path, path
        if confinement.also_at and path.is_relative_to(confinement.writable):
            yield path, confinement.also_at / path.relative_to(confinement.writable)


def _hidden(confinement: Confinement) -> Iterator[str]:
    """Empties what must not be seen. Where a link leads out of the workspace there is nothing to see anyway."""
    work = confinement.writable.resolve()
    for path in dict.fromkeys(each.resolve() for each in confinement.hidden):
        if path == work or not path.is_relative_to(work):
            continue
        for place in dict.fromkeys((work, *_workspace_places(confinement)[1:])):
            at = str(place / path.relative_to(work))
            if path.is_dir():
                yield from ("--tmpfs", at, "--remount-ro", at)
            elif path.exists():
                yield from ("--ro-bind", str(EMPTY_FILE), at)


def foreign_variables(allowed: Mapping[str, str]) -> list[str]:
    """The variables of this process that a command must not see."""
    return sorted(os.environ.keys() - allowed.keys() - {RUN_VARIABLE})


def oom_first_command() -> list[str]:
    """What makes a command the first that dies when the machine runs out of memory, and not the node."""
    program = shutil.which("choom")
    return [program, "-n", "1000", "--"] if program else []


def prlimit_command(confinement: Confinement) -> list[str]:
    """The prlimit prefix for a confinement.

    RLIMIT_DATA, not RLIMIT_AS: V8, Go and Java reserve many gigabytes of addresses that they never use, and die at
    start under an address limit; data counts what is really writable. Zero means no limit.
    """
    wanted = (
        ("data", confinement.memory_mib * MIB),
        ("nproc", confinement.processes),
        ("fsize", confinement.file_mib * MIB),
        ("cpu", confinement.cpu_seconds or 0),
    )
    program = shutil.which("prlimit") or "prlimit"
    return [program, "--core=0", *(f"--{name}={value}" for name, value in wanted if value), "--"]


def _namespaces(confinement: Confinement) -> list[str]:
    return [
        "--die-with-parent",
        "--new-session",  # no way to type into the person's terminal (TIOCSTI)
        *("--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"),
        *(() if confinement.network else ("--unshare-net",)),
        *("--cap-drop", "ALL", "--hostname", "sandbox"),
    ]


def _scratch(confinement: Confinement) -> list[str]:
    """What every program expects and nobody keeps: /proc, /dev, empty temporary folders and an empty home.

    They lie in memory, and hold together no more than one process may.
    """
    home = Path(confinement.environment.get("HOME", "/"))
    shares = {"/tmp": 2, "/dev/shm": 4}  # noqa: S108  # the sandbox's own ones
    if home.is_absolute() and home != Path("/") and home not in confinement.kept:
        shares[str(home)] = 4
    sized = (word for path, share in shares.items() for word in (*_size_limit(confinement, share), "--tmpfs", path))
    return ["--proc", "/proc", *_hidden_keys(), "--dev", "/dev", *sized, "--symlink", "/tmp", "/var/tmp"]  # noqa: S108


def _hidden_keys() -> list[str]:
    """The kernel's keyrings are no namespace's: which keys the node can see must not be listed inside."""
    lists = [path for path in (Path("/proc/keys"), Path("/proc/key-users")) if path.exists()]
    return [word for path in lists for word in ("--ro-bind", str(EMPTY_FILE), str(path))]


def _size_limit(confinement: Confinement, share: int) -> tuple[str, ...]:
    sizes = [size for size in (confinement.file_mib, confinement.memory_mib // share) if size]
    return ("--size", str(min(sizes) * MIB)) if sizes else ()


def _try_command(command: Sequence[str]) -> str | None:
    try:
        done = own_session.run(command, timeout=PROBE_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not run here: {error}"
    if done.returncode == 0:
        return None
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return f"bubblewrap does not work here: {said[-1] if said else f'exit code {done.returncode}'}"
