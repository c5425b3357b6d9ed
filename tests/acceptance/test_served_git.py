"""Headquarters as the Git server: a worker that nobody can reach joins by URL and token, and starts at once."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from tests import program
from tests.acceptance.fleets import Fleet, command
from tests.conftest import lacking
from tests.servers import free_port, smart_http
from tests.waiting import PATIENCE

PAGE = "refs/heads/main:heartbeats/vps.md"
LOOKS = 600
"""Seconds between two looks at the ledger where nobody nudges,"""
AT_ONCE = 180.0
"""and those within which something happens that a nudge brings; on a busy machine."""
KEPT = {"cat-file", "update-ref"}
"""The git commands that a node keeps, and that wait for it."""
LOOKS_AT_REST = 8
"""So many looks, five a second, at which a node rests, one after the other: the end of a round is shorter."""


@dataclass
class Served:
    """A fleet whose ledger headquarters serves, with a worker that knows nothing but URL and token."""

    fleet: Fleet
    url: str = ""
    token: str = ""
    inside: tuple[str, ...] = ()
    """What runs a command on the worker's machine."""
    worker: dict[str, str] = field(default_factory=dict)

    @property
    def ledger(self) -> str:
        return f"{self.url}/git/ledger.git"

    def start_hq(self, address: str = "", **more: str) -> None:
        """Headquarters' node, with its web server; a token for the worker was made before."""
        fleet = self.fleet
        made = fleet.shiftbook("token", "new", "vps", "--scope", "git", "--scope", "missions", "--json", node="hq")
        self.token = json.loads(made)["token"]
        extra = {
            "FACTORY_ROLE": "HEADQUARTERS",
            "ACCEPT_DELEGATIONS": "false",
            "SHIFTBOOK_SERVE_GIT": "1",
            "SHIFTBOOK_HTTP": address or f"127.0.0.1:{free_port()}",
            "SHIFTBOOK_HOOK_SECRET": "a webhook's secret",
        }
        fleet.start("hq", **(extra | more))
        fleet.ready("hq")
        record = fleet.folder / "hq" / "http.json"
        fleet.wait("headquarters listens", record.exists)
        self.url = json.loads(record.read_text(encoding="utf-8"))["url"]
        self.worker = {
            "FACTORY_ROLE": "LOCAL_WORKER",
            "SHIFTBOOK_GIT_TOKEN": self.token,
            "SHIFTBOOK_HQ_URL": self.url,
            "SHIFTBOOK_HQ_TOKEN": self.token,
        }

    def join(self, ledger: str = "") -> None:
        """The worker's machine joins by URL and token, an admin lets it in, and it starts."""
        fleet = self.fleet
        words = ("join", ledger or self.ledger, str(fleet.folder / "clone-vps"))
        env = fleet.environment("vps", **self.worker)
        done = program.run(*words, cwd=fleet.folder, env=env, inside=self.inside)
        assert done.returncode == 0, done.stderr + fleet.words()
        assert self.token not in done.stdout + done.stderr
        key = fleet.folder / "vps" / "keys" / "node.pub"
        fleet.shiftbook("fleet", "admit", "vps", "--role", "node", "--key", str(key), node="hq")
        self.start_worker()

    def start_worker(self) -> None:
        """The worker's node. It says nothing more to headquarters than it is asked to by the ledger."""
        fleet = self.fleet
        with (fleet.folder / "vps.jsonl").open("ab") as out, (fleet.folder / "vps.err").open("ab") as err:
            words, env, where = ("node", "run", "--json"), fleet.environment("vps", **self.worker), fleet.folder
            process = program.start(*words, env=env, cwd=where, stdout=out, stderr=err, inside=self.inside)
            fleet.running["vps"] = process
        fleet.begun["vps"] = 0
        fleet.ready("vps")
        self.heard("listening to")
        fleet.wait(
            "the worker's page is there",
            lambda: fleet.try_git("cat-file", "-e", PAGE, folder=fleet.bare).returncode == 0,
        )

    def heard(self, words: str) -> None:
        """Waits until the worker has said something about headquarters."""
        said = lambda: any(words in e["text"] for e in self.fleet.events("vps") if e["event"] == "hq")  # noqa: E731
        self.fleet.wait(f"the worker says: {words}", said)

    def started(self, name: str) -> bool:
        return any(e["event"] == "started" and e.get("mission") == name for e in self.fleet.events("vps"))

    def at_once(self, name: str, since: float) -> float:
        """Waits until the worker has begun a mission; returns the seconds since then."""
        self.fleet.wait(f"the worker starts {name}", lambda: self.started(name), seconds=AT_ONCE)
        return time.monotonic() - since

    def done(self, name: str) -> None:
        """Waits until a mission is done, and its end is on the branch."""
        self.fleet.wait(f"{name} is done", lambda: self.fleet.missions().get(name, {}).get("status") == "done")
        assert self.fleet.missions()[name]["path"].startswith("missions/archive/")

    def idle(self) -> None:
        """Waits until no node has anything to do, so that its next look would be long away."""
        for process in self.fleet.running.values():
            rests: list[bool] = []

            def calm(process: program.Process = process, rests: list[bool] = rests) -> bool:
                with suppress(psutil.NoSuchProcess, FileNotFoundError):  # one that has just ended: not at rest
                    rests.append(False)
                    rests[-1] = at_rest(process.pid)
                return len(rests) > LOOKS_AT_REST and all(rests[-LOOKS_AT_REST:])

            self.fleet.wait("it rests", calm)


def at_rest(pid: int) -> bool:
    """Whether a node neither runs nor has anything under way: what it keeps for objects and refs waits for it."""
    states = {_state(path / "stat") for path in Path(f"/proc/{pid}/task").iterdir()}
    return states == {"S"} and all(KEPT & set(each.cmdline()) for each in psutil.Process(pid).children())


def _state(stat: Path) -> str:
    return stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0]


@pytest.fixture
def served(fleet: Fleet) -> Served:
    """A ledger at headquarters whose nodes look at it every ten minutes and are nudged in between."""
    fleet.beat = 20
    fleet.found("hq")
    text = (fleet.clone / "fleet.toml").read_text(encoding="utf-8")
    text = text.replace("[0.3, 1.0]", f"[{LOOKS}, {LOOKS}]").replace('sandbox = "required"', 'sandbox = "optional"')
    fleet.commit({"fleet.toml": text}, "Look seldom")
    return Served(fleet)


def as_a_person(served: Served, name: str) -> Path:
    """A plain clone by URL, with what git needs in its own credential store; commits are signed as `init` set it up."""
    fleet = served.fleet
    made = fleet.shiftbook("token", "new", name, "--scope", "git", "--json", node="hq")
    where = urlsplit(served.url)
    store = fleet.folder / "home" / ".git-credentials"
    store.write_text(f"{where.scheme}://{name}:{json.loads(made)['token']}@{where.netloc.replace(':', '%3a')}\n")
    fleet.git("config", "--global", "credential.helper", "store", folder=fleet.folder)
    clone = fleet.folder / f"plain-{name}"
    fleet.git("clone", "--quiet", served.ledger, str(clone), folder=fleet.folder)
    for key, value in (
        ("gpg.format", "ssh"),
        ("user.signingkey", str(fleet.folder / "hq" / "keys" / "person.pub")),
        ("commit.gpgsign", "true"),
    ):
        fleet.git("config", key, value, folder=clone)
    return clone


def pushed(served: Served, clone: Path, name: str, text: str) -> float:
    """A person writes a mission and pushes it with plain git; returns the moment."""
    (clone / "missions" / f"{name}.md").write_text(text)
    served.fleet.git("pull", "--quiet", "--rebase", folder=clone)
    served.fleet.git("add", ".", folder=clone)
    served.fleet.git("commit", "--quiet", "-m", name, folder=clone)
    served.fleet.git("push", "--quiet", "--no-verify", folder=clone)
    return time.monotonic()


def test_a_mission_goes_through_headquarters_own_git_server(
    served: Served, record_property: Callable[[str, object], None]
) -> None:
    """Pushed by plain git over HTTP, begun at once by a worker that looks once a minute, done and folded.

    Headquarters goes away and comes back: the worker says so once, and is nudged as before.
    """
    served.start_hq()
    served.join()
    clone = as_a_person(served, "ada")
    served.idle()
    since = pushed(served, clone, "m0", command("echo hello"))
    seconds = served.at_once("m0", since)
    record_property("seconds", round(seconds, 2))
    print(f"begun {seconds:.2f} s after the push")
    served.done("m0")
    assert "hello" in served.fleet.show("m0")["output"]
    assert [event for event in served.fleet.events("vps") if event["event"] == "alarm"] == []

    served.fleet.git("pull", "--quiet", "--rebase", folder=clone)
    (clone / "allowed_signers").write_text("# nobody\n")
    served.fleet.git("-c", "commit.gpgsign=false", "commit", "--quiet", "-am", "take over", folder=clone)
    refused = served.fleet.try_git("push", "--no-verify", folder=clone)
    assert refused.returncode == 1
    assert "remote: shiftbook: refs/heads/main: allowed_signers: commit" in refused.stderr
    away_and_back(served)
    token_is_nowhere(served)


def away_and_back(served: Served) -> None:
    """Headquarters is stopped and started again at the same address."""
    port = urlsplit(served.url).port
    assert served.fleet.stop("hq") == 0
    served.heard("cannot hear headquarters")
    (served.fleet.folder / "hq" / "http.json").unlink(missing_ok=True)
    extra = {"FACTORY_ROLE": "HEADQUARTERS", "ACCEPT_DELEGATIONS": "false", "SHIFTBOOK_SERVE_GIT": "1"}
    served.fleet.start("hq", **extra, SHIFTBOOK_HTTP=f"127.0.0.1:{port}")
    served.fleet.ready("hq")
    listening = lambda: sum("listening to" in e["text"] for e in served.fleet.events("vps")) == 2  # noqa: E731
    served.fleet.wait("the worker listens again", listening)
    served.idle()
    served.fleet.commit({"missions/again.md": command("echo again")}, "a mission")
    served.at_once("again", time.monotonic())
    served.done("again")


def token_is_nowhere(served: Served) -> None:
    """Neither in a clone's settings nor in anything that a process said or wrote; headquarters keeps a digest."""
    found = [
        path
        for path in served.fleet.folder.rglob("*")
        if path.is_file() and not path.is_symlink() and served.token.encode() in path.read_bytes()
    ]
    assert found == []


def test_a_webhook_starts_a_worker_that_cannot_see_the_push(served: Served) -> None:
    """The ledger is at another Git server, which only tells headquarters: the nudge goes on to the worker."""
    fleet = served.fleet
    fleet.git("config", "http.receivepack", "true", folder=fleet.bare)
    with smart_http(fleet.folder) as elsewhere:
        served.start_hq(SHIFTBOOK_SERVE_GIT="0", SHIFTBOOK_LEDGER=f"{elsewhere}/ledger.git")
        served.join(f"{elsewhere}/ledger.git")
        served.idle()
        fleet.commit({"missions/far.md": command("echo far")}, "a mission")
        time.sleep(2)
        assert not served.started("far"), "somebody saw the push without the hook"
        assert hooked(served.url, b"{}", b"a wrong secret") == 403
        assert hooked(served.url, b"{}", b"a webhook's secret") == 202
        served.at_once("far", time.monotonic())
        for node in ("vps", "hq"):  # before the server goes
            fleet.kill(node)


def hooked(url: str, body: bytes, secret: bytes) -> int:
    """Sends a webhook as GitHub does; returns the answer's status."""
    where = urlsplit(url)
    made = hmac.new(secret, body, hashlib.sha256).hexdigest()
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=PATIENCE)
    connection.request("POST", "/hooks/git", body, {"X-Hub-Signature-256": f"sha256={made}"})
    status = connection.getresponse().status
    connection.close()
    return status


@contextmanager
def network_of_its_own() -> Iterator[tuple[str, tuple[str, ...]]]:
    """A machine behind a wire: yields headquarters' address as that machine sees it, and what runs commands there."""
    ip = shutil.which("ip")
    if os.geteuid() != 0 or ip is None:
        lacking("a network namespace takes root and iproute2")
    number = (
        os.getpid() % 100_000
    )  # another run's, and what one that was killed left, have names and addresses of theirs
    name, here, there = f"sb{number}", f"sbh{number}", f"sbw{number}"
    high, low = divmod(4 * (number % 16_384), 256)
    ours, theirs = f"10.213.{high}.{low + 1}", f"10.213.{high}.{low + 2}"

    def run(*words: str) -> None:
        done = subprocess.run([str(ip), *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise OSError(done.stderr)

    try:
        try:
            run("netns", "add", name)
            run("link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
            run("addr", "add", f"{ours}/30", "dev", here)
            run("link", "set", here, "up")
            run("-n", name, "addr", "add", f"{theirs}/30", "dev", there)
            run("-n", name, "link", "set", there, "up")
            run("-n", name, "link", "set", "lo", "up")
        except OSError as error:
            lacking(f"a network namespace cannot be made here: {error}")
        yield ours, (str(ip), "netns", "exec", name)
    finally:
        for words in (("netns", "del", name), ("link", "del", here)):
            subprocess.run([str(ip), *words], capture_output=True, check=False)


def test_a_worker_that_nobody_can_reach_starts_within_a_moment(served: Served) -> None:
    """In a network of its own where nothing listens; headquarters is on its other side and asks for tokens."""
    with network_of_its_own() as (address, inside):
        served.inside = inside
        served.start_hq(f"{address}:0")
        served.join()
        listening = subprocess.run(
            [*inside, "cat", "/proc/net/tcp", "/proc/net/tcp6"], capture_output=True, text=True, check=True
        )
        states = [line.split()[3] for line in listening.stdout.splitlines() if ":" in line.split()[0]]
        assert states
        assert "0A" not in states, "something listens on the worker's side"
        served.idle()
        served.fleet.commit({"missions/far.md": command("echo far")}, "a mission")
        seconds = served.at_once("far", time.monotonic())
        print(f"begun {seconds:.2f} s after the push")
        served.done("far")
        served.fleet.kill("vps")
