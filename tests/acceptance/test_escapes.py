"""What a run tries to get out of its sandbox with, a table; each is really tried, and none gets anywhere.

An attempt is a Python program that prints ESCAPED when it has got somewhere. Those that can do no lasting harm are
tried without a sandbox, too, where they must succeed: an attempt that cannot work anywhere would prove nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.adapters.sandbox.none import NoSandbox
from orchestrator.adapters.sandbox.seccomp import ARCHITECTURES
from orchestrator.chat.tools.workspace import ChatWorkspaces
from orchestrator.core.ports.sandbox import PROXY_PORT, Confinement, Sandbox
from orchestrator.execution.egress.proxy import EgressProxy, open_egress_proxy
from orchestrator.execution.process.runner import CommandResult, Ending, run
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs, AttemptLabel
from orchestrator.execution.workspace.clone import Workspaces
from orchestrator.execution.workspace.tree_walk import remove_tree
from tests.conftest import lacking
from tests.orchestrator.execution.egress.conftest import ANTHROPIC
from tests.orchestrator.execution.egress.upstream import KEY, api, whole
from tests.waiting import PATIENCE, until

ROOT = os.getuid() == 0
PYTHON = "/usr/bin/python3"
STAYS = int(PATIENCE)
"""Seconds for which what is to be ended stays as it is; whoever looks at it has looked long before."""


@dataclass(kw_only=True)
class World:
    """What lies around a workspace: things that are none of the run's business."""

    folder: Path
    listener: socket.socket
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def tree(self) -> Path:
        """The run's own."""
        return self.folder / "attempt" / "tree"

    def run(self, sandbox: Sandbox, program: str, *, timeout: float = PATIENCE, **rest: object) -> CommandResult:
        """Runs a Python program; what it must know of the world is in `w`."""
        start = "import json, os, socket, sys; w = json.loads(os.environ['WORLD'])\n"
        return self.command(sandbox, [PYTHON, "-c", start + program], timeout=timeout, **rest)

    def command(
        self,
        sandbox: Sandbox,
        argv: list[str],
        *,
        timeout: float = PATIENCE,
        environment: Mapping[str, str] | None = None,
        **rest: object,
    ) -> CommandResult:
        """Runs a command line."""
        environment = {
            "PATH": "/usr/bin:/bin",
            **(environment or {}),
            "HOME": str(self.tree.parent / "home"),
            "WORLD": json.dumps({**self.facts, "home": str(self.folder / "person"), "tree": str(self.tree)}),
        }
        git = self.tree / ".git"
        confinement = Confinement(
            writable=self.tree,
            protected=(git,),
            environment=environment,
            **rest,  # type: ignore[arg-type]
        )
        return run(
            sandbox.command(argv, confinement),
            folder=self.tree,
            environment=environment,
            output=self.tree.parent / "output.log",
            timeout=timeout,
            stop=threading.Event(),
            say=lambda line: None,
            confinement=confinement,
        )


def _plant(folder: Path, *paths: str) -> None:
    for each in paths:
        (folder / each).parent.mkdir(parents=True, exist_ok=True)
        (folder / each).write_text("sesame")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A person's home with an ssh key, a node's home with its keys and ledger, somebody's processes and servers."""
    tcp = socket.create_server(("127.0.0.1", 0))
    tcp.setblocking(False)
    here = World(folder=tmp_path, listener=tcp)
    for each in (here.tree / ".git" / "hooks", tmp_path / "attempt" / "home"):
        each.mkdir(parents=True)
    (here.tree / ".git" / "config").write_text("[core]\n")
    _plant(tmp_path, "person/.ssh/id_ed25519", "person/.config/shiftbook/.env")
    _plant(tmp_path, "node/keys/node", "node/ledger.git/HEAD", "node/work/other-1/tree/file", "node/shiftbook.db")
    name = f"shiftbook-{uuid.uuid4().hex}"
    victim = subprocess.Popen(["/bin/sleep", "300"], env={"SECRET": "sesame"})
    with contextlib.ExitStack() as stack:
        stack.enter_context(tcp)
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        udp.setblocking(False)
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind(f"\0{name}")
        abstract.listen()
        plain = stack.enter_context(socket.socket(socket.AF_UNIX))
        stack.callback(os.chdir, Path.cwd())
        os.chdir(tmp_path)  # a path of a socket has its limit
        plain.bind("agent.sock")
        plain.listen()
        here.facts = {
            "outside": str(tmp_path / "outside"),
            "node": str(tmp_path / "node"),
            "tcp": tcp.getsockname()[1],
            "udp": udp.getsockname()[1],
            "abstract": name,
            "socket": "agent.sock" if len(str(tmp_path)) > 90 else str(tmp_path / "agent.sock"),
            "victim": victim.pid,
            "self": os.getpid(),
        }
        (tmp_path / "outside").mkdir()
        _plant(tmp_path, "outside/whole")
        try:
            yield here
        finally:
            victim.kill()
            victim.wait()


@pytest.fixture(scope="module")
def bubblewrap() -> Bubblewrap:
    """The sandbox."""
    sandbox = Bubblewrap()
    if why := sandbox.missing():
        lacking(why)
    return sandbox


def tried(program: str, *, control: bool = True, root: bool = False) -> object:
    """A row: `control` says that it is tried outside, too; `root`, only where the tests run as root."""
    return (program, control and (ROOT or not root))


LIBC = "import ctypes; libc = ctypes.CDLL(None, use_errno=True)\n"
CALL = (
    LIBC
    + "import platform\n"
    + f"numbers = { ({name: dict(arch.refused) for name, arch in ARCHITECTURES.items()})!r}[platform.machine()]\n"
    + "call = lambda name, *words: libc.syscall(numbers[name], *words)\n"
)
READ = """
for path in {paths}:
    try: print('ESCAPED' if open(path).read() else '')
    except OSError as error: print(path, error)
"""

TABLE = {
    # files
    "write outside": tried("open(w['outside'] + '/planted', 'w').write('x'); print('ESCAPED')"),
    "write by ..": tried("open('../planted', 'w').write('x'); open('../../planted', 'w').write('x')"),
    "write over another's file": tried("open(w['outside'] + '/whole', 'w').write('x'); print('ESCAPED')"),
    "link out, then write": tried(
        "os.symlink(w['outside'], 'way'); open('way/planted', 'w').write('x'); print('ESCAPED')"
    ),
    "link up, then write": tried("os.symlink('../..', 'way'); open('way/planted', 'w').write('x')"),
    "hard link to another's file": tried("os.link(w['outside'] + '/whole', 'mine'); print('ESCAPED')"),
    "link out, then remove": tried("os.symlink(w['outside'], 'way'); os.unlink('way/whole'); print('ESCAPED')"),
    "rename over another's file": tried("open('x', 'w'); os.rename('x', w['outside'] + '/whole'); print('ESCAPED')"),
    "read the ssh key": tried(READ.format(paths="[w['home'] + '/.ssh/id_ed25519']")),
    "read settings of a person": tried(READ.format(paths="[w['home'] + '/.config/shiftbook/.env']")),
    "read the node's keys": tried(READ.format(paths="[w['node'] + '/keys/node']")),
    "read the ledger": tried(READ.format(paths="[w['node'] + '/ledger.git/HEAD', w['node'] + '/shiftbook.db']")),
    "read another attempt": tried(READ.format(paths="[os.path.join(w['node'], 'work', 'other-1', 'tree', 'file')]")),
    "read the machine's secrets": tried(
        READ.format(paths="['/etc/shadow', '/etc/ssh/ssh_host_ed25519_key']"), root=True
    ),
    "list what lies around": tried("print('ESCAPED' if 'whole' in os.listdir(w['outside']) else '')"),
    "write in .git": tried("open('.git/config', 'a').write('[core]\\nfsmonitor = evil\\n'); print('ESCAPED')"),
    "plant a hook": tried("open('.git/hooks/pre-commit', 'w').write('#!/bin/sh'); print('ESCAPED')"),
    "put another .git in its place": tried("os.rename('.git', 'old'); os.mkdir('.git'); print('ESCAPED')"),
    "write in the system": tried("open('/usr/local/bin/planted', 'w'); print('ESCAPED')", control=False),
    "write in /etc": tried("open('/etc/planted', 'w'); print('ESCAPED')", control=False),
    # network
    "reach a local server": tried("socket.create_connection(('127.0.0.1', w['tcp']), 2); print('ESCAPED')"),
    "reach a local server by IPv6": tried(
        "socket.create_connection(('::ffff:127.0.0.1', w['tcp']), 2); print('ESCAPED')"
    ),
    "send a datagram": tried(
        "s = socket.socket(type=socket.SOCK_DGRAM); s.connect(('127.0.0.1', w['udp']))\n"
        "s.send(b'x'); s.settimeout(.3)\n"
        "try: s.recv(1)\nexcept TimeoutError: print('ESCAPED')"  # nobody listening would be refused at once
    ),
    "look a name up": tried(
        "s = socket.socket(type=socket.SOCK_DGRAM); s.connect(('192.0.2.53', 53)); s.send(b'x'); print('ESCAPED')",
        control=False,
    ),
    "an abstract socket": tried(
        "s = socket.socket(socket.AF_UNIX); s.connect('\\0' + w['abstract']); print('ESCAPED')"
    ),
    "a socket of another": tried("s = socket.socket(socket.AF_UNIX); s.connect(w['socket']); print('ESCAPED')"),
    "a raw socket": tried("socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); print('ESCAPED')", root=True),
    "a packet socket": tried("socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3); print('ESCAPED')", root=True),
    "see the machine's interfaces": tried("print('ESCAPED' if len(socket.if_nameindex()) > 1 else '')", control=False),
    # processes
    "kill another's process": tried("os.kill(w['victim'], 9); print('ESCAPED')"),
    "kill the node": tried("os.kill(w['self'], 0); print('ESCAPED')"),
    "read another's environment": tried(READ.format(paths="['/proc/%d/environ' % w['victim']]"), root=False),
    "read the node's environment": tried(READ.format(paths="['/proc/%d/environ' % w['self']]")),
    "another's root folder": tried("os.listdir('/proc/%d/root/' % w['victim']); print('ESCAPED')"),
    "another's memory": tried("open('/proc/%d/mem' % w['victim'], 'rb'); print('ESCAPED')"),
    "trace another": tried(LIBC + "print('ESCAPED' if libc.ptrace(16, w['victim'], 0, 0) == 0 else '')", root=True),
    "see any process but its own": tried(
        "def name(p):\n"
        "    try: return open(f'/proc/{p}/comm').read()\n"
        "    except OSError: return ''\n"
        "print('ESCAPED' if any('sleep' in name(p) for p in os.listdir('/proc') if p.isdigit()) else '')"
    ),
    "files that the node has open": tried(
        "print('ESCAPED' if len(os.listdir('/proc/self/fd')) > 4 else '')", control=False
    ),
    "join another's namespaces": tried(
        LIBC + "f = os.open('/proc/%d/ns/mnt' % w['victim'], os.O_RDONLY)\n"
        "print('ESCAPED' if libc.setns(f, 0) == 0 else '')",
        root=True,
    ),
    # power
    "mount": tried(
        LIBC + "print('ESCAPED' if libc.mount(b'none', w['tree'].encode(), b'tmpfs', 0, None) == 0 else '')",
        control=False,
    ),
    "mount the system writable": tried(
        LIBC + "print('ESCAPED' if libc.mount(None, b'/usr', None, 32 | 4096, None) == 0 else '')", control=False
    ),
    "unmount what protects .git": tried(
        LIBC + "print('ESCAPED' if libc.umount2((w['tree'] + '/.git').encode(), 2) == 0 else '')", control=False
    ),
    "a user namespace of its own": tried(LIBC + "print('ESCAPED' if libc.unshare(0x10000000) == 0 else '')"),
    "namespaces without a user's": tried(LIBC + "print('ESCAPED' if libc.unshare(0x00020000) == 0 else '')", root=True),
    "another root folder": tried("os.chroot('/usr'); print('ESCAPED')", root=True),
    "become another user": tried("os.setuid(1); print('ESCAPED')", root=True),
    "a device": tried(
        "import stat; os.mknod('disk', 0o600 | stat.S_IFBLK, os.makedev(254, 0)); print('ESCAPED')", root=True
    ),
    "the machine's disks": tried(
        "disks = ('sd', 'vd', 'nv', 'dm', 'lo', 'me', 'km')\n"
        "print('ESCAPED' if [d for d in os.listdir('/dev') if d[:2] in disks] else '')",
        control=False,
    ),
    "the clock": tried("import time; time.clock_settime(0, time.time()); print('ESCAPED')", control=False),
    "the kernel's settings": tried(
        "open('/proc/sys/kernel/core_pattern', 'w').close(); print('ESCAPED')", control=False
    ),
    "the kernel's keys": tried("open('/proc/sysrq-trigger', 'w').close(); print('ESCAPED')", control=False),
    "a file by its number": tried(
        LIBC + "import struct\n"
        "fd = os.open('/', os.O_RDONLY)\n"
        "h = ctypes.create_string_buffer(struct.pack('IiQ', 8, 1, 2), 24)\n"
        "print('ESCAPED' if libc.open_by_handle_at(fd, h, 0) >= 0 or ctypes.get_errno() != 1 else '')",
        control=False,
    ),
    "a key of the node's session": tried(
        CALL + "print('ESCAPED' if call('add_key', b'user', b'sb-escape', b'x', 1, -3) > 0 else '')", control=False
    ),
    "the node's keys, listed": tried("print('ESCAPED' if len(open('/proc/keys').read()) > 5 else '')", control=False),
    "a ring of the kernel's": tried(
        CALL + "print('ESCAPED' if call('io_uring_setup', 8, ctypes.create_string_buffer(120)) >= 0 else '')",
        control=False,
    ),
    "a socket of the machine's": tried(
        "for family, kind in ((40, 1), (38, 5), (17, 3)):\n"
        "    try: socket.socket(family, kind); print('ESCAPED')\n"
        "    except OSError: pass",
        root=True,
    ),
    "the kernel's messages about others": tried("socket.socket(16, socket.SOCK_RAW, 15); print('ESCAPED')"),
    "a higher priority": tried("os.nice(-5); print('ESCAPED')", root=True),
    "more than its limits": tried(
        "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (r.RLIM_INFINITY,) * 2); print('ESCAPED')", control=False
    ),
    "safe from the memory killer": tried(
        "print('ESCAPED' if int(open('/proc/self/oom_score_adj').read()) < 500 else '')", control=False
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_escape(name: str, world: World, bubblewrap: Bubblewrap) -> None:
    """The attempt fails in the sandbox, and leaves what lies around as it was."""
    before = _state(world)
    ran = world.run(bubblewrap, TABLE[name][0])  # type: ignore[index]
    assert "ESCAPED" not in ran.output
    assert _state(world) == before
    assert psutil.pid_exists(int(str(world.facts["victim"])))


@pytest.mark.parametrize("name", [name for name, (_, control) in TABLE.items() if control])  # type: ignore[misc]
def test_would_have_worked(name: str, world: World) -> None:
    """The same attempt gets somewhere where there is no sandbox."""
    before = _state(world)
    ran = world.run(NoSandbox(), TABLE[name][0])  # type: ignore[index]
    assert "ESCAPED" in ran.output or _state(world) != before, ran.output


def _state(world: World) -> dict[str, str]:
    """All that lies around the workspace, and what is protected in it."""
    found = {}
    for path in sorted(world.folder.rglob("*")):
        if path.is_file() and (world.tree not in path.parents or ".git" in path.parts) and path.name != "output.log":
            found[str(path)] = path.read_text()
    return found


BOMB = """
import time
def grow():
    while True:
        try: os.fork()
        except OSError: pass
grow()
"""
FLOOD = f"""
import time
for _ in range(12): os.fork()
time.sleep({STAYS})
"""
"""As fast, but it ends at 4,096: where the watch gets no turn, what is not ended is not the whole machine."""
DETACHED = """
import time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve('/bin/sh', ['sh', '-c', 'while :; do echo x >> alive; sleep 0.02; done'], {})
    os._exit(0)
while not os.path.exists('alive'): time.sleep(.02)
"""


@pytest.mark.parametrize(
    "program",
    [FLOOD, pytest.param(BOMB, marks=pytest.mark.nightly)],  # without an end it once took a busy machine's last process
    ids=["bounded", "endless"],
)
def test_fork_bomb(world: World, bubblewrap: Bubblewrap, program: str) -> None:
    """A fork bomb is ended with all its processes, for root too, and the reason is said."""
    ran = world.run(bubblewrap, program, processes=200)
    if ran.ending is not Ending.LIMIT:  # then the kernel's own limit held it, and the time-out ended it
        assert not ROOT
    else:
        assert ran.why == "it had more than 200 processes at once"
    _nobody_left(world)


def test_few_processes(world: World, bubblewrap: Bubblewrap) -> None:
    """Fewer processes than are allowed are no reason to end a run."""
    ran = world.command(bubblewrap, ["/bin/sh", "-c", "for i in $(seq 20); do sleep 1 & done; wait"], processes=60)
    assert (ran.ending, ran.exit_code) == (Ending.EXIT, 0)


@pytest.mark.parametrize(
    "program",
    [
        "x = bytearray(400 << 20)",
        "import mmap; x = mmap.mmap(-1, 400 << 20); x.write(b'x' * (400 << 20))",
        "[os.fork() for _ in range(3)]; x = bytearray(50 << 20)",
        "x = [os.memfd_create('x') for _ in range(4)]; [os.write(f, bytes(1 << 20)) for f in x * 100]",
    ],
    ids=["one", "shared", "many", "unmapped"],
)
def test_memory_of_all(program: str, world: World, bubblewrap: Bubblewrap) -> None:
    """What all processes of a run take together is bounded, in whatever way they take it."""
    ran = world.run(bubblewrap, f"import time; {program}; time.sleep({STAYS})", all_memory_mib=200)
    assert (ran.ending, ran.why) == (Ending.LIMIT, "its processes took more than 200 MiB of memory together")
    _nobody_left(world)


def test_memory_that_is_shared(world: World, bubblewrap: Bubblewrap) -> None:
    """Memory that many processes share counts once."""
    program = "import time; x = bytearray(100 << 20); [os.fork() for _ in range(3)]; time.sleep(1.5)"
    assert world.run(bubblewrap, program, all_memory_mib=200).ending is Ending.EXIT


@pytest.mark.parametrize("where", ["/tmp", "/var/tmp", "/dev/shm", "$HOME"])
def test_scratch(where: str, world: World, bubblewrap: Bubblewrap) -> None:
    """Temporary folders lie in memory, and are bounded."""
    line = f"df -k --output=size {where} | tail -1; head -c 300000000 /dev/zero > {where}/big"
    ran = world.command(bubblewrap, ["/bin/sh", "-c", line], memory_mib=256)
    assert "No space left" in ran.output
    assert int(ran.output.split()[0]) <= 128 * 1024


def test_hundred_gigabytes(world: World, bubblewrap: Bubblewrap) -> None:
    """A file of 100 GB fails, whichever way it is made."""
    ways = ("fallocate -l 100G big", "truncate -s 100G big", "dd if=/dev/zero of=big bs=1M count=102400 status=none")
    for way in ways:
        ran = world.command(bubblewrap, ["/bin/sh", "-c", way], file_mib=20)
        assert ran.exit_code != 0, way
        assert not (world.tree / "big").exists() or (world.tree / "big").stat().st_size <= 20 << 20, way


def test_many_large_files(world: World, bubblewrap: Bubblewrap) -> None:
    """A run that fills the disk with many files is ended, and the reason is said."""
    line = "i=0; while :; do i=$((i+1)); head -c 4000000 /dev/zero > file-$i; sleep 0.05; done"
    ran = world.command(bubblewrap, ["/bin/sh", "-c", line], disk_mib=60)
    assert (ran.ending, ran.why) == (Ending.LIMIT, "its files took more than 60 MiB of the disk")
    assert sum(each.stat().st_size for each in world.tree.glob("file-*")) < 600_000_000


def test_many_small_files(world: World, bubblewrap: Bubblewrap) -> None:
    """So is one that makes files without end, however small."""
    program = (
        "import itertools, time\nfor i in itertools.count(): open(f'f{i}', 'w').close(); i % 100 or time.sleep(.002)"
    )
    ran = world.run(bubblewrap, program, files=2000)
    assert (ran.ending, ran.why) == (Ending.LIMIT, "it made more than 2,000 files")


@pytest.mark.parametrize("where", ["nowhere", "mapped", "in flight", "deep", "closed"])
def test_files_that_no_listing_shows(where: str, world: World, bubblewrap: Bubblewrap) -> None:
    """Files without a name, or below a path longer than the kernel's longest."""
    program = f"""import ctypes, time
here, there = socket.socketpair()
libc = ctypes.CDLL(None); libc.mmap.restype = ctypes.c_void_p
def map_alone(f):
    assert libc.mmap(None, ctypes.c_size_t(4 << 20), 1, 1, f, ctypes.c_long(0)) < 1 << 62
def fill(name):
    for n in range(40):
        f = os.open(name + str(n), os.O_CREAT | os.O_RDWR)
        os.write(f, bytes(4 << 20))
        if "{where}" in ("nowhere", "mapped", "in flight"): os.unlink(name + str(n))
        if "{where}" == "mapped": map_alone(f)
        elif "{where}" == "in flight": socket.send_fds(there, [b"x"], [f])
        if "{where}" == "nowhere": continue
        os.close(f)
        time.sleep(0.01)
if "{where}" == "deep":
    for _ in range(30):
        os.mkdir("d" * 200); os.chdir("d" * 200)
fill("big")
time.sleep({STAYS})
"""
    ran = world.run(bubblewrap, program, disk_mib=60)
    assert ran.ending is Ending.LIMIT
    assert "60 MiB" in ran.why
    assert remove_tree(world.tree)


def test_full_disk(world: World, bubblewrap: Bubblewrap, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is ended before the disk is full, whoever fills it, and that is another reason than its own excess."""
    monkeypatch.setattr("orchestrator.execution.free_space.MIN_FREE_BYTES_RUN", 1 << 60)
    ran = world.command(bubblewrap, ["sleep", str(STAYS)])
    assert ran.ending is Ending.DISK
    assert ran.why.startswith("the disk is full: ")


def test_outliving_the_run(world: World, bubblewrap: Bubblewrap) -> None:
    """A process that detached itself and wiped its environment ends with the run."""
    assert world.run(bubblewrap, DETACHED).exit_code == 0
    size = (world.tree / "alive").stat().st_size
    time.sleep(0.3)
    assert (world.tree / "alive").stat().st_size == size


def test_outliving_without_a_sandbox(world: World) -> None:
    """Without a sandbox it does outlive it, which is what is said of having none."""
    world.run(NoSandbox(), DETACHED)
    try:
        size = (world.tree / "alive").stat().st_size
        until(lambda: (world.tree / "alive").stat().st_size > size, "it goes on")
        assert any("outlives" in each for each in NoSandbox().lacks)
    finally:
        while left := _running(world.tree):
            for each in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()


TYPE = "import fcntl, os, termios; fcntl.ioctl(os.open('/dev/tty', os.O_RDWR), termios.TIOCSTI, b'x'); print('TYPED')"
TYPE_ON_INPUT = "import fcntl, termios\nfcntl.ioctl(0, termios.TIOCSTI, b'x')\nprint('TYPED')"


@pytest.mark.parametrize("program", [TYPE, TYPE_ON_INPUT])
def test_typing_into_a_terminal(program: str, tmp_path: Path, bubblewrap: Bubblewrap) -> None:
    """A run that is started from somebody's terminal cannot type into it."""
    argv = [PYTHON, "-c", program]
    assert "TYPED" not in _at_a_terminal(bubblewrap.command(argv, Confinement(writable=tmp_path)))
    if Path("/proc/sys/dev/tty/legacy_tiocsti").read_text().strip() == "1" or ROOT:
        assert "TYPED" in _at_a_terminal(argv)


def test_set_user_id(world: World, bubblewrap: Bubblewrap) -> None:
    """A program that is made to run as its owner gains nothing inside: neither the mark nor a capability counts."""
    line = "cp /usr/bin/id me; chmod 4755 me; ./me -u; grep NoNewPrivs /proc/self/status; grep ' /usr ' /proc/mounts"
    ran = world.command(bubblewrap, ["/bin/sh", "-c", line])
    assert ran.output.splitlines()[0] == str(os.getuid())
    assert "NoNewPrivs:\t1" in ran.output
    assert "nosuid" in ran.output


def test_set_user_id_outside(tmp_path: Path) -> None:
    """Nor outside: no other user gets into the folder in which a run leaves such a program."""
    attempt, _ = AttemptDirs(tmp_path / "work").open(AttemptLabel(mission="fix", epoch=1, attempt=1))
    ChatWorkspaces(folder=tmp_path / "chats", workspaces=Workspaces(cache=tmp_path)).open(
        "one", None, threading.Event()
    )
    for each in (attempt, tmp_path / "chats" / "one"):
        assert each.stat().st_mode & 0o077 == 0


BY_LINE = {
    "a host that is not listed": "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "the machine's loopback": "CONNECT 127.0.0.1:{tcp} HTTP/1.1\r\nHost: a\r\n\r\n",
    "loopback in other words": "CONNECT 127.1:{tcp} HTTP/1.1\r\nHost: a\r\n\r\n",
    "loopback as a number": "CONNECT 2130706433:{tcp} HTTP/1.1\r\nHost: a\r\n\r\n",
    "loopback by IPv6": "CONNECT [::ffff:127.0.0.1]:{tcp} HTTP/1.1\r\nHost: a\r\n\r\n",
    "a listed name that is loopback": "CONNECT localhost:{tcp} HTTP/1.1\r\nHost: a\r\n\r\n",
    "the same, fetched": "GET http://localhost:{tcp}/ HTTP/1.1\r\nHost: localhost:{tcp}\r\n\r\n",
    "another port of a listed host": "CONNECT localhost:22 HTTP/1.1\r\nHost: a\r\n\r\n",
    "the cloud's own data": "GET http://169.254.169.254/latest/ HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n",
    "another Host": "GET http://evil.example/ HTTP/1.1\r\nHost: localhost:{tcp}\r\n\r\n",
    "two Hosts": "GET /anthropic/v1/models HTTP/1.1\r\nHost: a\r\nHost: 127.0.0.1:{tcp}\r\n\r\n",
    "a length and chunks": (
        "POST /anthropic/v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\nPOST /anthropic/v1/files HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    ),
    "a line in a header": "POST /anthropic/v1/messages HTTP/1.1\r\nHost: a\r\nX: y\rContent-Length: 0\r\n\r\n",
    "a line in the address": "POST /anthropic/v1/messages%0d%0aX:y HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "out of the gateway by ..": "GET /anthropic/../../latest/ HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n",
    "out of the gateway by @": "GET /anthropic@127.0.0.1:{tcp}/v1/models HTTP/1.1\r\nHost: a\r\n\r\n",
    "what is not counted": "POST /anthropic/v1/messages/batches HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}",
    "what others have there": "GET /anthropic/v1/files HTTP/1.1\r\nHost: a\r\n\r\n",
    "a call for another API": "POST /openai/v1/responses HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}",
}
SAY = (
    f"s = socket.create_connection(('127.0.0.1', {PROXY_PORT})); s.sendall(w['say'].encode('latin-1'))\n"
    "print(s.makefile('rb').readline().decode(), end='')"
)


@pytest.mark.parametrize("name", BY_LINE)
def test_escape_by_line(name: str, world: World, bubblewrap: Bubblewrap) -> None:
    """A run with a line to one API reaches nothing else by it: it is refused, and nobody hears of it."""
    port = int(str(world.facts["tcp"]))
    hosts = [f"localhost:{port}", "169.254.169.254:81"]
    with api() as stand, _line(world, stand.url, hosts) as line:
        world.facts["say"] = BY_LINE[name].format(tcp=port)
        ran = world.run(bubblewrap, SAY, line=line.socket, environment=line.environment)
        assert ran.output.startswith(("HTTP/1.1 403", "HTTP/1.1 400")), ran.output
        assert stand.asked == []
        assert line.refused
    with pytest.raises(BlockingIOError):
        world.listener.accept()


def test_the_line_works(world: World, bubblewrap: Bubblewrap) -> None:
    """The same way in leads to the API; the key is nowhere inside, an API that repeats it included."""
    call = "POST /anthropic/v1/messages HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    with api() as stand, _line(world, stand.url, []) as line:
        stand.answer = lambda handler: whole(handler, {"you sent": dict(handler.headers)})
        world.facts["say"] = call
        program = SAY.replace("readline", "read") + "\nprint(dict(os.environ), open('/proc/self/environ').read())"
        ran = world.run(bubblewrap, program, line=line.socket, environment=line.environment)
        assert ran.output.startswith("HTTP/1.1 200")
        assert "you sent" in ran.output
        assert KEY not in ran.output
        assert stand.asked[0].headers["x-api-key"] == KEY


def _line(world: World, url: str, hosts: list[str]) -> AbstractContextManager[EgressProxy]:
    environ = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": KEY}
    return open_egress_proxy(world.folder / "attempt", upstreams=[ANTHROPIC], hosts=hosts, environ=environ)


def _nobody_left(world: World) -> None:
    """Nothing runs in the workspace; what is dying gets a moment to be gone."""
    until(lambda: not _running(world.tree), "nobody is left")


def _running(tree: Path) -> list[psutil.Process]:
    found = []
    for each in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if Path(f"/proc/{each.pid}/cwd").readlink() == tree and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
    return found


def _at_a_terminal(argv: list[str]) -> str:
    """What a command says that is started from a terminal of its own."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(argv[0], argv)
    said = b""
    with contextlib.suppress(OSError):  # a terminal's end is an error
        while data := os.read(terminal, 4096):
            said += data
    os.waitpid(child, 0)
    os.close(terminal)
    return said.decode()
