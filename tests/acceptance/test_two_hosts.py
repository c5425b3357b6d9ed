"""From two bare hosts to a fleet that updates itself, in one go: nothing is lost on the way, and nothing is done twice.

The units are those that `shiftbook deploy` writes, under a real systemd: so an update also has to find that it can
write where it must although they are confined.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.acceptance.booted import ROOT, Host
from tests.acceptance.release_repository import ReleaseRepository
from tests.acceptance.two_hosts import DEPLOY_HQ, MAIN, done, drop_in, order, prop, shiftbook, two_hosts
from tests.conftest import lacking, require_program
from tests.page.tab import Tab

pytestmark = pytest.mark.nightly
# the short form: `acceptance/test_joining`, `test_killing`, `orchestrator/app/updates`, `workflow/test_update_roll`

PREFIX = {"hq": "/var/lib/shiftbook/program", "vps": "/opt/versions"}
"""Where each keeps its versions: in the node's home, and where its unit may write only because `deploy` says so."""
START = f"{PREFIX['hq']}/start"
WATCHDOG, SLOW_SECONDS = 20, 30
SLOW = f"""
import time

_run = Node.run


def _late(self: Node, begun: object) -> None:
    time.sleep({SLOW_SECONDS})
    _run(self, begun)


Node.run = _late
"""
"""A release that takes longer until it is ready than its watchdog would wait: it brings a large database up, say."""
ENDS = "\n\ndef _end(self: Node) -> bool:\n    raise SystemExit(1)\n\n\nNode.step = _end\n"
RELEASES_URL = "http://hq.example:8080/releases.git"
RELEASES = "server { listen 8080; root /opt/releases; }\n"


@dataclass
class Pair:
    """The two hosts, and what was ordered so far."""

    hq: Host
    vps: Host
    ordered: list[str] = field(default_factory=list)

    def order(self, name: str, run: str = "true", *, to: str = "vps") -> None:
        order(self.hq, name, run, to=to)
        self.ordered.append(name)

    def does(self, name: str, *, to: str = "vps") -> None:
        self.order(name, to=to)
        done(self.hq, name)

    def versions(self) -> dict[str, str]:
        told = json.loads(shiftbook(self.hq, "fleet", "--json", user="shiftbook", program=START))
        return {node["name"]: node["version"] for node in told}

    def mission(self, name: str) -> dict[str, object]:
        shown: dict[str, object] = json.loads(
            shiftbook(self.hq, "mission", "show", name, "--json", user="shiftbook", program=START)
        )
        return shown

    def over(self, name: str) -> None:
        """Waits until an order has ended, well or not."""
        dead = f"{MAIN} show main:missions/{name}.md | grep -q '^status: dead'"
        filed = f"{MAIN} ls-tree -r --name-only main missions/archive | grep -q /{name}.md"
        self.hq.until(f"{name} is over", f"{filed} || {dead}", seconds=600)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two hosts with nothing but the program, v1.0.0, and releases at headquarters' address."""
    if not (ROOT / "mobile-bridge/mobile_bridge/page").is_dir():
        lacking("the page is not built: make page")
    folder = tmp_path_factory.mktemp("two")
    upstream = ReleaseRepository(folder, packages="/opt/deps", faults={"v1.1.0": SLOW, "v1.2.0": ENDS})
    for tag in ("v1.0.0", "v1.1.0", "v1.2.0"):
        upstream.release(tag, page=True)
    source = folder / "source"
    source.mkdir()
    archive = subprocess.run(["git", "-C", str(upstream.folder), "archive", "v1.0.0"], capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(source)], input=archive.stdout, check=True)
    with two_hosts(folder, source) as (hq, vps):
        hq.shell(
            f"mkdir /opt/releases && cp -a {upstream.folder}/.git /opt/releases/releases.git\n"
            "git -c safe.directory='*' -C /opt/releases/releases.git update-server-info && chmod -R a+rX /opt/releases"
        )
        hq.run("sh", "-c", "cat > /etc/nginx/conf.d/releases.conf", stdin=RELEASES)
        for host in (hq, vps):
            host.run("sh", "-c", "cat > /run/signers", stdin=f"releaser {upstream.releaser.public}\n")
            drop_in(host, "quick", f"WatchdogSec={WATCHDOG}\nRestartSec=1\n")
        yield Pair(hq=hq, vps=vps)


def deploy(pair: Pair) -> None:
    """Headquarters, an invitation, a worker; then both from versions that they can update."""
    shiftbook(pair.hq, *DEPLOY_HQ)
    quick = "sed -i 's/beat_seconds = 60 /beat_seconds = 20 /; s/\\[5, 30\\]/[1, 3]/' fleet.toml"
    pair.hq.shell(
        f"cd /var/lib/shiftbook/fleet && {quick} && git commit -qam 'Settings for a test'\n"
        "until git pull -q --rebase && git push -q; do sleep 0.2; done",
        user="shiftbook",
    )
    link = shiftbook(pair.hq, "fleet", "invite", "vps", user="shiftbook").strip()
    shiftbook(pair.vps, "deploy", "worker", "--join", "-", stdin=f"{link}\n")
    for host, words in ((pair.hq, DEPLOY_HQ), (pair.vps, ("deploy", "worker"))):
        host.shell(f"install -d -o shiftbook -g shiftbook {PREFIX[host.name]}")
        begin = (
            "--into",
            PREFIX[host.name],
            "--from",
            "http://hq.example:8080/releases.git",
            "--signers",
            "/run/signers",
        )
        shiftbook(host, "update", "v1.0.0", *begin, user="shiftbook")
        assert "restart shiftbook.service" in shiftbook(host, *words, "--program", f"{PREFIX[host.name]}/start")
        ours = f"pgrep -f {PREFIX[host.name]}/versions/v1.0.0"
        host.until("it starts again", f"systemctl is-active -q shiftbook && {ours}")
    for host in (pair.hq, pair.vps):
        told = f"{MAIN} show main:heartbeats/{host.name}.md | grep -q 'version: .*1[.]0[.]0'"
        pair.hq.until(f"{host.name} says what it runs", told)


def look(pair: Pair, name: str, folder: Path) -> str:
    """What a person sees of a mission on headquarters' page, in a browser on that host's network."""
    token = shiftbook(pair.hq, "token", "new", "page", "--scope", "look", user="shiftbook", program=START).split()[-1]
    browser = folder / "browser"
    browser.write_text(f'#!/bin/sh\nexec nsenter -t {pair.vps.pid} -n {require_program("chromium")} "$@"\n')
    browser.chmod(0o755)
    words = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP hq.example 10.99.0.1"]
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser, args=words)
        shown = {"Authorization": f"Bearer {token}"}
        tab = Tab.open(chromium, "https://hq.example", "desktop", ignore_https_errors=True, extra_http_headers=shown)
        tab.load(f"/missions/{name}")
        expect(tab.page.locator("main")).to_contain_text("Attempt 1", timeout=120_000)
        text = tab.page.locator("main").inner_text()
        chromium.close()
    return text


def cut_and_kill(pair: Pair) -> None:
    """While the worker works the cable is cut, headquarters is killed, its work ends, and more is filed; then it is
    mended."""
    hq, vps = pair.hq, pair.vps
    pair.order("long", "sleep 19.7")
    hq.until("it runs", f"{MAIN} show-ref --verify -q refs/shiftbook/claim/long")
    vps.until("its command runs", "pgrep -f 'sleep 19[.]7'")
    vps.shell("ip link set cable down")
    before = int(prop(hq, "NRestarts"))
    hq.shell("systemctl kill -s KILL --kill-whom=main shiftbook.service")
    pair.order("meanwhile")
    pair.order("at-home", to="hq")
    hq.until("it is back", f'test "$(systemctl show -P NRestarts shiftbook)" -gt {before}')
    hq.until("it lives", "systemctl is-active -q shiftbook")
    vps.until("the work ends without a cable", "! pgrep -f 'sleep 19[.]7'")
    done(hq, "at-home")
    for name in ("long", "meanwhile"):
        left = hq.shell(f"{MAIN} ls-tree -r --name-only main missions")
        assert f"missions/{name}.md" in left, left
    vps.shell("ip link set cable up")
    for name in ("long", "meanwhile"):
        done(hq, name)


def roll(pair: Pair) -> None:
    """An admin's missions bring both to the next release, the worker first; neither is started by its systemd."""
    process = {host.name: (prop(host, "MainPID"), prop(host, "NRestarts")) for host in (pair.hq, pair.vps)}
    filed = json.loads(
        shiftbook(pair.hq, "update", "--fleet", "--to", "v1.1.0", "--json", user="shiftbook", program=START)
    )
    assert [step["node"] for step in filed["steps"]] == ["vps", "hq"], filed
    for host in (pair.vps, pair.hq):
        name = f"update-v1-1-0-{host.name}"
        pair.over(name)
        assert pair.mission(name)["status"] == "done", f"{pair.mission(name)}{host.state()}"
        assert (prop(host, "MainPID"), prop(host, "NRestarts")) == process[host.name]
        assert host.shell(f"readlink {PREFIX[host.name]}/current").strip() == "versions/v1.1.0"
        assert prop(host, "StatusText").startswith(f"{host.name} (")
        pair.ordered.append(name)
    assert pair.versions() == {"hq": "1.1.0", "vps": "1.1.0"}


def check(pair: Pair) -> None:
    """Each order has one file, one result and one entry in the journal, and nothing is held or waits."""
    hq = pair.hq
    paths = hq.shell(f"{MAIN} ls-tree -r --name-only main").split()
    journal = "".join(
        hq.shell(f"{MAIN} show main:{path}") for path in paths if path == "SESSION_LOG.md" or path.startswith("log/")
    )
    for name in pair.ordered:
        mine = [path for path in paths if path.startswith("missions/") and path.endswith(f"/{name}.md")]
        assert len(mine) == 1, mine
        assert mine[0].startswith("missions/archive/")
        text = hq.shell(f"{MAIN} show main:{mine[0]}")
        assert "status: done" in text, text
        if not name.startswith("update-"):  # which is put back once, for the next version to take again
            assert text.count("### Attempt") == 1, text
            assert len(re.findall(rf"<!-- entry: {name}-\d+ -->", journal)) == 1, journal
    assert not [path for path in paths if path.startswith("conflicts/")]
    assert not hq.shell(f"{MAIN} for-each-ref refs/shiftbook/claim refs/shiftbook/late")


def test_from_nothing_to_the_next_release(pair: Pair, tmp_path: Path) -> None:
    """Deployed, joined, at work; cut off and killed; updated by missions; each order is done once."""
    deploy(pair)
    assert pair.versions() == {"hq": "1.0.0", "vps": "1.0.0"}
    pair.does("first")
    seen = look(pair, "first", tmp_path)
    assert "vps" in seen, seen
    cut_and_kill(pair)
    roll(pair)
    pair.does("last")
    pair.does("last-at-home", to="hq")
    check(pair)


def test_a_release_that_does_not_work_goes_back_under_the_confined_unit(pair: Pair) -> None:
    """It ends in each round: systemd starts it until `start` goes back; the mission says so, and the node works on."""
    filed = ("update", "--fleet", "--to", "v1.2.0", "--node", "vps")
    shiftbook(pair.hq, *filed, user="shiftbook", program=START)
    pair.over("update-v1-2-0-vps")
    told = pair.mission("update-v1-2-0-vps")
    assert told["status"] == "dead", told
    assert pair.vps.shell(f"readlink {PREFIX['vps']}/current").strip() == "versions/v1.1.0"
    pair.vps.until("it lives", "systemctl is-active -q shiftbook")
    assert not pair.vps.shell(f"ls {PREFIX['vps']} | grep -x trial || true")
    shiftbook(pair.hq, "update", "--fleet", "--call-off", user="shiftbook", program=START)
    pair.does("afterwards")
    assert pair.versions()["vps"] == "1.1.0"
