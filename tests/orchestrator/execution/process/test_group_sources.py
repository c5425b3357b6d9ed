"""Where a run's control group comes from (group sources), and what the kernel then holds.

The second half needs a machine that lets this user have groups: cgroup v2, and root, `Delegate=yes` or a systemd.
"""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.adapters.sandbox.none import NoSandbox
from orchestrator.core.ports.sandbox import Confinement, Sandbox
from orchestrator.execution.process.group_sources import (
    NotBounded,
    SystemdScopes,
    _sweep,
    find_source,
    group_source,
    mount_point,
    own_folder,
)
from orchestrator.execution.process.runner import CommandResult, Ending, run

V1 = "30 24 0:27 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
V2 = "35 24 0:30 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
PYTHON = "/usr/bin/python3"


@pytest.mark.parametrize(
    ("mounts", "found"), [(V1, None), (V1 + V2, Path("/sys/fs/cgroup/unified")), ("", None)], ids=["v1", "both", "none"]
)
def test_only_version_two_counts(tmp_path: Path, mounts: str, found: Path | None) -> None:
    """Of the mounts only that of cgroup v2 is taken."""
    (tmp_path / "mountinfo").write_text(mounts)
    assert mount_point(str(tmp_path / "mountinfo")) == found
    assert mount_point(str(tmp_path / "missing")) is None


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ("4:memory:/x\n0::/user.slice/a.scope\n", Path("/m/user.slice/a.scope")),
        ("0::/\n", Path("/m")),
        ("0::/../outside\n", None),
        ("4:memory:/x\n", None),
    ],
)
def test_own_group_is_read(tmp_path: Path, listed: str, found: Path | None) -> None:
    """A process's group is a folder below the mount; one outside of what is seen is none."""
    (tmp_path / "cgroup").write_text(listed)
    assert own_folder(Path("/m"), str(tmp_path / "cgroup")) == found


def test_what_is_lacking_is_said_with_a_remedy(tmp_path: Path) -> None:
    """No version 2, or one whose controllers are with version 1: the reason and what to do."""
    (tmp_path / "cgroup.controllers").write_text("hugetlb pids\n")
    for source in (find_source(mount=None, root=True), find_source(mount=tmp_path, root=True)):
        assert isinstance(source, NotBounded)
        assert "cgroup v2" in source.why
        assert "unified_cgroup_hierarchy" in source.remedy


def test_only_what_the_dead_left_is_swept(tmp_path: Path) -> None:
    """The folder of a node that lives stays, that of one that was killed goes, also where it had this very number, as
    each node of a container has: its probe would be in the way, and nothing would be bounded."""
    gone = subprocess.Popen(["/bin/true"])
    gone.wait()
    for name in (f"run-{gone.pid}-a", f"run-{os.getpid()}-probe", "run-1-b", "shiftbook-node"):
        (tmp_path / name).mkdir()
    _sweep(tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["run-1-b", "shiftbook-node"]


def test_a_run_is_not_told_where_the_users_systemd_is() -> None:
    """The way to the manager is given to systemd-run and taken from the command."""
    environ = {"XDG_RUNTIME_DIR": "/run/user/7", "HOME": "/home/x"}
    scopes = SystemdScopes(mount=Path("/m"), user=True, environ=environ)
    command = scopes.open("n", Confinement(writable=Path("/w"), all_memory_mib=0)).command(["true"])
    assert command[:2] == ["env", "XDG_RUNTIME_DIR=/run/user/7"]
    assert command[command.index("--") :] == ["--", "env", "-u", "XDG_RUNTIME_DIR", "true"]
    assert "MemoryMax=infinity" in command
    assert "TasksMax=512" in command


@pytest.fixture(params=["bubblewrap", "none"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Both ways of running; skips where the kernel gives this user no groups, which CI need not have."""
    source = group_source()
    if isinstance(source, NotBounded):
        pytest.skip(f"no control groups for this user: {source.why}")
    return Bubblewrap() if request.param == "bubblewrap" else NoSandbox()


def _run(folder: Path, sandbox: Sandbox, argv: list[str], *, timeout: float = 60, **limits: int) -> CommandResult:
    tree = folder / "tree"
    tree.mkdir()
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder / "home")}
    confinement = Confinement(writable=tree, environment=environment, **limits)  # type: ignore[arg-type]
    return run(
        sandbox.command(argv, confinement),
        folder=tree,
        environment=environment,
        output=folder / "output.log",
        timeout=timeout,
        stop=threading.Event(),
        say=lambda line: None,
        confinement=confinement,
    )


def test_a_quiet_run_ends_as_it_does_without(tmp_path: Path, sandbox: Sandbox) -> None:
    """Its words and its exit code are its own, and nothing of its group is left."""
    result = _run(tmp_path, sandbox, ["/bin/sh", "-c", "echo hello; exit 3"])
    assert (result.ending, result.exit_code, result.output) == (Ending.EXIT, 3, "hello\n")
    source = group_source()
    parent = getattr(source, "parent", None)
    assert parent is None or not list(parent.glob("run-*"))


MEMORY = "kept = [bytearray(b'x' * 2**20) for _ in range(512)]"
SOCKETS = """
import socket
kept, sent = [], 0
while True:
    pair = socket.socketpair()
    pair[0].setblocking(False)
    pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 200_000)
    kept.append(pair)
    try:
        while True:
            sent += pair[0].send(bytes(60_000))
            print(sent, flush=True)
    except BlockingIOError:
        pass
"""


def test_memory_of_all_is_held_by_the_kernel(tmp_path: Path, sandbox: Sandbox) -> None:
    """Memory beyond the run's roof ends it with the reason, at once."""
    result = _run(tmp_path, sandbox, [PYTHON, "-c", MEMORY], all_memory_mib=96)
    assert result.ending is Ending.LIMIT, result.output
    assert "96 MiB of memory" in result.why


def test_what_lies_in_sockets_counts(tmp_path: Path, sandbox: Sandbox) -> None:
    """No process shows it, and the kernel counts it: at the roof nothing more is taken in."""
    result = _run(tmp_path, sandbox, [PYTHON, "-c", SOCKETS], timeout=20, all_memory_mib=48)
    assert int(result.output.split()[-1]) < 48 * 2**20


def test_threads_count_too(tmp_path: Path, sandbox: Sandbox) -> None:
    """A run of one process with more threads than it may have processes is refused and ended, as root too."""
    program = "import threading, time\nfor _ in range(90): threading.Thread(target=time.sleep, args=(30,)).start()"
    result = _run(tmp_path, sandbox, [PYTHON, "-c", program], processes=40)
    refused = result.ending is Ending.LIMIT and "40 processes" in result.why
    assert refused or "can't start new thread" in result.output


def test_who_detaches_and_forgets_its_name_ends_with_the_run(tmp_path: Path, sandbox: Sandbox) -> None:
    """A process in a session of its own with an empty environment is in the group still."""
    mark = tmp_path / "tree" / "alive"
    line = f"setsid env -i /bin/sh -c 'sleep 1; echo x > {mark}' >/dev/null 2>&1 & exit 0"
    result = _run(tmp_path, sandbox, ["/bin/sh", "-c", line])
    assert result.ending is Ending.EXIT
    threading.Event().wait(2)
    assert not mark.exists()


def test_a_sandboxed_run_sees_no_groups(tmp_path: Path, sandbox: Sandbox) -> None:
    """Inside there is nothing by which a group could be left or loosened."""
    if sandbox.name == "none":
        pytest.skip("without a sandbox everything is seen")
    result = _run(tmp_path, sandbox, ["/bin/sh", "-c", "ls /sys/fs/cgroup; cat /proc/self/cgroup; cat /proc/mounts"])
    assert "cgroup2" not in result.output
    assert "run-" not in result.output.replace("shiftbook-run-", "run-")
