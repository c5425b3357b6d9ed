"""How is a command confined on Linux, without a container daemon?

bubblewrap builds a root of its own: system folders read-only, no home, no other user's files, an empty /tmp, its own
PID, IPC, UTS and (where the kernel allows it) user namespace, no network unless asked for, no capabilities. Only the
workspace is writable, less what is protected in it.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from orchestrator.ports import RUN_MARK, Confinement

MIB = 1024 * 1024
PROBE_SECONDS = 10.0

ETC = (
    *("alternatives", "bash.bashrc", "ca-certificates*", "crypto-policies", "fonts", "gai.conf", "group"),
    *("host.conf", "hosts", "inputrc", "java*", "ld.so.*", "locale.alias", "localtime", "magic", "maven", "mime.types"),
    *(
        "nsswitch.conf",
        "os-release",
        "passwd",
        "perl",
        "pki/tls/certs",
        "profile",
        "profile.d",
        "protocols",
        "python3*",
    ),
    *("resolv.conf", "services", "shells", "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone"),
)
"""What is shown of /etc, name by name: a sandbox whose node runs as root could else read shadow and ssh keys there."""


class Bubblewrap:
    """The sandbox of Linux nodes. `readable` names further trees (a tool's own folder) that are shown read-only.

    What it cannot do: limit the number of processes of a node that runs as root (the kernel exempts root from
    RLIMIT_NPROC, in a user namespace too), and filter which hosts are reached once the network is on.
    """

    name = "bubblewrap"

    def __init__(self, *, readable: Sequence[Path] = (), program: str = "bwrap") -> None:
        self._readable = tuple(readable)
        self._program = program

    @functools.cached_property
    def _found(self) -> str | None:
        return shutil.which(self._program)

    @functools.cached_property
    def _why_not(self) -> str | None:
        if not self._found:
            return "bubblewrap is not installed: apt-get install bubblewrap"
        if not shutil.which("prlimit"):
            return "prlimit is not installed: apt-get install util-linux"
        with tempfile.TemporaryDirectory() as folder:
            return _try(self.command(["/bin/sh", "-c", "exit 0"], Confinement(writable=Path(folder))))

    def missing(self) -> str | None:
        """Why it does not work here; tried once by running it."""
        return self._why_not

    def command(self, argv: Sequence[str], confinement: Confinement) -> list[str]:
        """The bwrap command line. Start it with `confinement.environment` as its environment: values such as keys
        would else stand in a command line that every user of the machine can read. Any other variable is taken away.
        """
        work = str(confinement.writable)
        return [
            self._found or self._program,
            *_namespaces(confinement),
            *_root(),
            *_scratch(confinement),
            *_bind("--ro-bind-try", self._readable),
            *("--bind", work, work),
            *_bind("--ro-bind", confinement.protected),
            *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", work),
            *(word for name in foreign(confinement.environment) for word in ("--unsetenv", name)),
            *("--", *limits(confinement), *argv),
        ]


def foreign(allowed: Mapping[str, str]) -> list[str]:
    """The variables of this process that a command must not see."""
    return sorted(os.environ.keys() - allowed.keys() - {RUN_MARK})


def limits(confinement: Confinement) -> list[str]:
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
        *("--unshare-user-try", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"),
        *(() if confinement.network else ("--unshare-net",)),
        *("--cap-drop", "ALL", "--hostname", "sandbox"),
    ]


def _root() -> list[str]:
    """System folders, read-only; /bin and its like as the links that they are on a merged system."""
    words = ["--ro-bind", "/usr", "/usr"]
    for path in (Path("/", name) for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32")):
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    return words + _bind("--ro-bind-try", [path for glob in ETC for path in sorted(Path("/etc").glob(glob))])


def _scratch(confinement: Confinement) -> list[str]:
    """What every program expects and nobody keeps: /proc, /dev, empty temporary folders and an empty home."""
    roof = ("--size", str(confinement.file_mib * MIB)) if confinement.file_mib else ()
    home = confinement.environment.get("HOME", "")
    folders = ["/tmp", "/var/tmp", "/dev/shm", *([home] if home.startswith("/") and home != "/" else [])]  # noqa: S108  # its own ones
    return ["--proc", "/proc", "--dev", "/dev", *(word for each in folders for word in (*roof, "--tmpfs", each))]


def _bind(how: str, paths: Iterable[Path]) -> list[str]:
    return [word for path in paths for word in (how, str(path), str(path))]


def _try(command: Sequence[str]) -> str | None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not run here: {error}"
    if done.returncode == 0:
        return None
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return f"bubblewrap does not work here: {said[-1] if said else f'exit code {done.returncode}'}"
