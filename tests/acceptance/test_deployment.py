"""From two bare hosts to a fleet that works: does each command do what it says, under real systemd and nginx?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.booted import Host, booted
from tests.acceptance.two_hosts import DEPLOY_HQ, MAIN, done, order, prop, shiftbook, two_hosts

pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Host]]:
    with two_hosts(tmp_path_factory.mktemp("hosts")) as found:
        yield found


def test_from_nothing(hosts: list[Host]) -> None:
    """Deploy, invite, join: a mission is done by the worker in its sandbox, and its result comes back."""
    hq, vps = hosts
    shown = json.loads(shiftbook(hq, *DEPLOY_HQ, "--dry-run", "--json"))
    said = json.loads(shiftbook(hq, *DEPLOY_HQ, "--json"))
    assert shown["changes"][:2] == said["changes"][:2]
    assert "start shiftbook.service" in said["changes"]
    assert prop(hq, "ActiveState") == "active"
    assert json.loads(shiftbook(hq, *DEPLOY_HQ, "--json"))["changes"] == []
    link = shiftbook(hq, "fleet", "invite", "vps", user="shiftbook").strip()
    assert link.startswith("https://hq.example/git/fleet.git#")
    joined = shiftbook(vps, "deploy", "worker", "--join", "-", stdin=f"{link}\n")
    assert "done: start shiftbook.service" in joined
    assert link.partition("#")[2] not in joined + vps.state() + hq.state()
    assert shiftbook(vps, "deploy", "worker").startswith("nothing to do")
    order(hq, "first", "test ! -e /var/lib/shiftbook/.local/share/shiftbook/keys", to="vps")
    done(hq, "first")
    text = hq.shell(f"{MAIN} show main:$({MAIN} ls-tree -r --name-only main missions/archive | grep /first.md)")
    assert "status: done" in text
    assert "node: vps" in text


def test_cable(hosts: list[Host]) -> None:
    """What is filed while the cable is cut is done once it is mended."""
    hq, vps = hosts
    vps.shell("ip link set cable down")
    order(hq, "meanwhile", "true", to="vps")
    vps.shell("ip link set cable up")
    done(hq, "meanwhile")


def test_killed(hosts: list[Host]) -> None:
    """A headquarters that is killed is started again by systemd, and takes up where it was."""
    hq, _ = hosts
    before = int(prop(hq, "NRestarts"))
    hq.shell("systemctl kill -s KILL --kill-whom=main shiftbook.service")
    hq.until(
        "it is back",
        f'test "$(systemctl show -P NRestarts shiftbook)" -gt {before} && systemctl is-active -q shiftbook',
    )
    order(hq, "after", "true", to="hq")
    done(hq, "after")


def test_watchdog(hosts: list[Host]) -> None:
    """A node that stands still is ended and started again."""
    _, vps = hosts
    lines = "[Service]\nWatchdogSec=6\nRestartSec=1\n"
    vps.run("sh", "-c", "cat > /etc/systemd/system/shiftbook.service.d/watchdog.conf", stdin=lines)
    vps.shell("systemctl daemon-reload && systemctl restart shiftbook.service")
    before = int(prop(vps, "NRestarts"))
    pid = prop(vps, "MainPID")
    vps.shell("systemctl kill -s STOP --kill-whom=main shiftbook.service")
    vps.until("it was started again", f'test "$(systemctl show -P NRestarts shiftbook)" -gt {before}')
    vps.until("it lives", "systemctl is-active -q shiftbook")
    assert prop(vps, "MainPID") != pid
    vps.shell("rm /etc/systemd/system/shiftbook.service.d/watchdog.conf && systemctl daemon-reload")
    vps.shell("systemctl restart shiftbook.service")


def test_backup(hosts: list[Host]) -> None:
    """The backup's unit saves node and ledger, confined as it is."""
    hq, _ = hosts
    hq.shell("systemctl start shiftbook-backup.service")
    found = hq.shell("ls /var/backups/shiftbook")
    assert "fleet.bundle" in found
    assert ".tar.gz" in found
    hq.shell(f"{MAIN} bundle verify -q /var/backups/shiftbook/fleet.bundle")
    assert hq.shell("systemctl is-enabled shiftbook-backup.timer").strip() == "enabled"


def test_credentials(hosts: list[Host]) -> None:
    """A secret of root's alone reaches the node as a setting, and is in no list of processes."""
    _, vps = hosts
    vps.shell(
        "printf not-a-slot > /etc/shiftbook/credentials/SHIFTBOOK_SLOTS && chmod 600 /etc/shiftbook/credentials/*"
    )
    vps.shell("systemctl restart shiftbook.service || true")
    assert prop(vps, "ExecMainStatus") == "2"
    vps.shell("printf 2 > /etc/shiftbook/credentials/SHIFTBOOK_SLOTS && systemctl restart shiftbook.service")
    assert prop(vps, "ActiveState") == "active"


def test_broken_off(hosts: list[Host]) -> None:
    """A run that ended between writing a unit and starting it is completed by the same command."""
    _, vps = hosts
    program = "/opt/shiftbook/bin/shiftbook"
    before = prop(vps, "ActiveEnterTimestampMonotonic")
    vps.shell(f"sleep 1.1; {program} deploy worker --memory 50% --root /run/other >/dev/null")
    vps.shell("cp /run/other/etc/systemd/system/shiftbook.service /etc/systemd/system/shiftbook.service")
    assert "restart shiftbook.service" in shiftbook(vps, "deploy", "worker", "--memory", "50%")
    vps.until("it was restarted", f'test "$(systemctl show -P ActiveEnterTimestampMonotonic shiftbook)" -gt {before}')
    vps.until("it lives", "systemctl is-active -q shiftbook")
    assert shiftbook(vps, "deploy", "worker", "--memory", "50%").startswith("nothing to do")
    shiftbook(vps, "deploy", "worker")


def test_removed(hosts: list[Host]) -> None:
    """Removed, the service and its files are gone; the home stays, and deploying again takes it up."""
    _, vps = hosts
    said = shiftbook(vps, "deploy", "worker", "--remove")
    assert "kept: /var/lib/shiftbook" in said
    assert vps.run("systemctl", "is-active", "shiftbook.service", check=False).stdout.strip() == "inactive", vps.state()
    assert vps.run("test", "-e", "/etc/systemd/system/shiftbook.service", check=False).returncode == 1
    assert shiftbook(vps, "deploy", "worker", "--remove").startswith("kept")
    shiftbook(vps, "deploy", "worker")
    assert prop(vps, "ActiveState") == "active"


MANAGER = """\
[Service]
Type=notify
User=ada
ExecStart=/lib/systemd/systemd --user --unit=basic.target
Environment=XDG_RUNTIME_DIR=/run/ada
RuntimeDirectory=ada
Delegate=yes
KillMode=mixed
"""


def test_own_service(tmp_path: Path) -> None:
    """Without root a worker is a service of its person's own manager, and is taken away again."""
    with booted(["own"], tmp_path) as (host,):
        host.shell("useradd -m -d /var/lib/ada ada && mkdir -p /etc/systemd/user")
        host.run("sh", "-c", "cat > /run/systemd/system/manager.service", stdin=MANAGER)
        host.shell("systemctl daemon-reload && systemctl start manager.service")

        def own(*words: str) -> str:
            return host.run("env", "XDG_RUNTIME_DIR=/run/ada", *words, user="ada").stdout

        program = "/opt/shiftbook/bin/shiftbook"
        own(program, "init", "/var/lib/ada/fleet")
        assert "done: start shiftbook.service" in own(program, "deploy", "worker")
        assert own("systemctl", "--user", "show", "-P", "ActiveState", "shiftbook").strip() == "active"
        status = own("systemctl", "--user", "show", "-P", "StatusText", "shiftbook")
        assert "command" in status  # its sandbox works in there
        assert own(program, "deploy", "worker").startswith("nothing to do")
        assert "done: delete" in own(program, "deploy", "worker", "--remove")
        host.shell("test ! -e /var/lib/ada/.config/systemd/user/shiftbook.service && test -e /var/lib/ada/fleet")
