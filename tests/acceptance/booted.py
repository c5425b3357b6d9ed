"""How does a test get a whole host? A real systemd is process 1 of namespaces with an /etc and a network of its own.

The machine's programs are shared, read-only by nature of an overlay; nothing that the host writes outlives it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.waiting import PATIENCE, until

ROOT = Path(__file__).parents[2]
SYSTEMD = Path("/lib/systemd/systemd")
UNITS = "basic sysinit shutdown local-fs paths slices sockets timers multi-user network-online"
GROUPS = Path("/sys/fs/cgroup/systemd")
BOOT = """
set -eu
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/layers
for tree in etc var opt; do
    mkdir -p /run/layers/$tree/upper /run/layers/$tree/work
    mount -t overlay -o lowerdir=/$tree,upperdir=/run/layers/$tree/upper,workdir=/run/layers/$tree/work overlay /$tree
done
umount -R /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
mkdir /sys/fs/cgroup/systemd
mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
mkdir /run/units
for unit in {units}; do cp /lib/systemd/system/$unit.target /run/units/; done
cp /lib/systemd/system/nginx.service /run/units/
mount --bind /run/units /lib/systemd/system
rm -rf /etc/systemd/system /etc/nginx/sites-enabled
mkdir /etc/systemd/system /etc/nginx/sites-enabled
rm -rf /var/lib/shiftbook /var/backups/shiftbook /etc/shiftbook
mkdir -p /opt/deps /opt/src
mount --bind {deps} /opt/deps
mount --bind {src} /opt/src
/usr/bin/python{version} -m venv --without-pip /opt/shiftbook
cd /opt/shiftbook/lib/python{version}/site-packages
printf '/opt/deps\\n/opt/src\\n/opt/src/mobile-bridge\\n' > shared.pth
printf '#!/opt/shiftbook/bin/python3\\nfrom orchestrator.cli import main\\nmain()\\n' > /opt/shiftbook/bin/shiftbook
chmod 755 /opt/shiftbook/bin/shiftbook
mount --make-rshared /
exec env -i container=lxc PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \\
    {systemd} --system --unit=multi-user.target --log-target=console --show-status=no
"""


@dataclass
class Host:
    """A host that has booted. `pid` is its systemd's, seen from outside."""

    name: str
    pid: int

    def run(self, *words: str, stdin: str = "", user: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs a command in it, as root or as a user with that user's home."""
        inside = ["nsenter", "-t", str(self.pid), "-m", "-p", "-n", "-u", "-i", "-C"]
        home = f"HOME={'/var/lib/' + user if user else '/root'}"
        as_user = ["runuser", "-u", user, "--"] if user else []
        path = "PATH=/opt/shiftbook/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        done = subprocess.run(
            [
                *inside,
                *as_user,
                "env",
                "-i",
                home,
                path,
                "LANG=C.UTF-8",
                "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
                *words,
            ],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        failed = check and done.returncode != 0
        assert not failed, f"{self.name}: {words}: {done.returncode}\n{done.stdout}{done.stderr}{self.state()}"
        return done

    def shell(self, script: str, *, user: str = "") -> str:
        """A script of the shell, which must succeed; what it printed."""
        return self.run("sh", "-euc", script, user=user).stdout

    def until(self, what: str, script: str, *, seconds: float = 240.0) -> None:
        """Waits until a script succeeds."""
        over = time.monotonic() + seconds
        while (done := self.run("sh", "-euc", script, check=False)).returncode:
            assert time.monotonic() < over, (
                f"{self.name}: {what}: not within {seconds:.0f} s\n{done.stderr}{self.state()}"
            )
            time.sleep(0.2)

    def state(self) -> str:
        """What systemd says of the node."""
        words = ("systemctl", "status", "--no-pager", "-l", "shiftbook.service")
        return self.run(*words, check=False).stdout + self.run("tail", "-n", "40", "/run/node.log", check=False).stdout


@contextmanager
def booted(names: Sequence[str], folder: Path, source: Path = ROOT) -> Iterator[list[Host]]:
    """Hosts that can reach each other over a cable, with the program of `source` in /opt/shiftbook.

    Skips where this machine cannot boot one, whatever is installed.
    """
    if os.geteuid() != 0 or not GROUPS.is_dir() or not SYSTEMD.exists() or not shutil.which("nsenter"):
        pytest.skip("booting a host takes root, systemd's program and its control groups")
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not Path(f"/usr/bin/python{ours}").exists():
        pytest.skip(f"the libraries here are for Python {ours}, which a booted host does not have in /usr/bin")
    with ExitStack() as stack:
        yield [stack.enter_context(_host(name, folder, source)) for name in names]


@contextmanager
def _host(name: str, folder: Path, source: Path) -> Iterator[Host]:
    group = GROUPS / f"shiftbook-test-{os.getpid()}-{name}"
    group.mkdir()
    script = BOOT.format(
        units=UNITS,
        version=f"{sys.version_info.major}.{sys.version_info.minor}",
        deps=next(path for path in map(Path, sys.path) if path.name == "site-packages"),
        src=source,
        systemd=SYSTEMD,
    )
    kinds = [
        "--pid",
        "--fork",
        "--kill-child",
        "--mount",
        "--cgroup",
        "--ipc",
        "--uts",
        "--net",
        "--propagation",
        "private",
    ]
    begin = f'echo $$ > {group}/cgroup.procs; exec unshare {" ".join(kinds)} bash -c "$0"'
    with (folder / f"{name}.console").open("wb") as console:
        process = subprocess.Popen(
            ["bash", "-c", begin, script], stdout=console, stderr=console, stdin=subprocess.DEVNULL
        )
    try:
        host = Host(name, _first_child(process, folder / f"{name}.console"))
        host.until("it boots", "test -d /run/systemd/system && systemctl list-units >/dev/null")
        host.run("hostname", name)
        host.run("ip", "link", "set", "lo", "up")
        yield host
    finally:
        for child in psutil.Process(process.pid).children() if process.poll() is None else []:
            child.kill()  # process 1: the kernel ends all others of its namespace with it
        process.wait(PATIENCE)
        _remove_groups(group)


def _first_child(process: subprocess.Popen[bytes], console: Path) -> int:
    over = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, console.read_text(encoding="utf-8", errors="replace")
        found = psutil.Process(process.pid).children()
        if found and found[0].name() == "systemd":
            return found[0].pid
        assert time.monotonic() < over, console.read_text(encoding="utf-8", errors="replace")
        time.sleep(0.05)


def _remove_groups(group: Path) -> None:
    inner = sorted((each for each in group.rglob("*") if each.is_dir()), key=lambda each: -len(each.parts))
    for path in (*inner, group):

        def removed(path: Path = path) -> bool:
            with suppress(OSError):  # what dies is in it for a moment
                path.rmdir()
            return not path.exists()

        until(removed, f"{path} is empty")


def connect(one: Host, other: Host) -> None:
    """Lays a cable between two hosts: 10.99.0.1 and 10.99.0.2."""
    ends = ("cable", "netns", str(one.pid)), ("cable", "netns", str(other.pid))
    subprocess.run(["ip", "link", "add", *ends[0], "type", "veth", "peer", "name", *ends[1]], check=True)
    for number, host in enumerate((one, other), start=1):
        host.shell(f"ip address add 10.99.0.{number}/24 dev cable && ip link set cable up")
        host.shell("echo 10.99.0.1 hq.example >> /etc/hosts")
