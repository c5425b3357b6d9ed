"""The testbed of benchmarks: a ledger, keys, clones and nodes below one folder."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import httpx

from handoff.log import PREAMBLE
from missions import document
from missions.lease import ClaimState
from missions.mission import Mission
from missions.plain_data import read_json
from missions.selection import NodeCapabilities
from orchestrator.app import ledger_templates, wiring
from orchestrator.bench.history import import_finished
from orchestrator.core.environment import load_settings
from orchestrator.core.ports.agent import Outcome, Project
from orchestrator.core.roles import Role
from orchestrator.ledger import result_report
from orchestrator.ledger.claims import claim_missions, complete
from orchestrator.ledger.node_pages import PAGES_FOLDER, render_page
from orchestrator.ledger.snapshot import MissionFile, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.ledger.trust.files import SIGNERS_PATH
from orchestrator.ledger.trust.root import TrustRoot
from orchestrator.policy.authorization import Trust
from sync.git import Git, GitStore
from sync.git_remote import GitRemote
from sync.objects import edit_tree, load_commit, object_id, write_commit
from sync.signatures import Key, Principal, make_key

MISSION_TEXT = b"---\nagent: command\nrun: 'true'\n---\nDo it.\n"
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class BenchSetup:
    """A ledger over a bare repository. Plain data, so that it can be handed to other processes."""

    root: Path

    @property
    def bare(self) -> Path:
        """The shared repository."""
        return self.root / "ledger.git"

    def bus(self, node: str) -> Transport:
        """A node's speaker, with its own clone and key."""
        return _bus(self.root, node)

    def reader(self, node: str) -> SnapshotReader:
        """Reads the ledger from the node's clone, remembering what it has read, as a node does."""
        return _reader(self.root, node)

    def trust(self, node: str) -> Trust:
        """Judges from the node's clone."""
        return Trust(self.bus(node).store)

    def filed(self, number: int) -> MissionFile:
        """One of the open missions."""
        mission = document.read(f"job-{number}.md", MISSION_TEXT)
        assert isinstance(mission, Mission)
        return MissionFile(mission=mission, path=f"missions/job-{number}.md", blob=object_id("blob", MISSION_TEXT))

    def complete(self, bus: Transport, number: int) -> None:
        """Claims one mission and hands a small result back."""
        filed = self.filed(number)
        (held,) = claim_missions(bus, [filed])
        now = datetime.now(UTC)
        done = result_report.EndedAttempt(
            mission=filed.mission,
            claim=held.claim,
            outcome=Outcome(ok=True, summary="Done.", output="done\n", exit_code=0),
            state=ClaimState.DONE,
            started=now,
            finished=now,
            final=True,
        )
        assert complete(bus, held, result_report.build_record(done), state=ClaimState.DONE).accepted

    def clone(self) -> Git:
        """The person's clone, signing with the person's key; made when it is first asked for."""
        folder = self.root / "clone"
        git = Git(folder, as_person=True)
        if not folder.exists():
            Git(self.root).run("clone", "--quiet", str(self.bare), str(folder))
            key = self.root / "keys" / "person.pub"
            git.config({"user.name": "person", "user.email": "person@shiftbook.invalid"})
            git.config({"gpg.format": "ssh", "user.signingkey": str(key), "commit.gpgsign": "true"})
        return git

    def push_mission(self, name: str) -> float:
        """Pushes a mission with plain git. Returns the monotonic time at which the push was through."""
        self.push_beginning(name)
        return time.monotonic()

    def push_beginning(self, name: str, text: bytes = MISSION_TEXT) -> float:
        """Pushes a mission with plain git. Returns the monotonic time at which the push began."""
        git = self.clone()
        git.run("pull", "--quiet", "--rebase")
        self._commit(git, name, text)
        began = time.monotonic()
        git.run("push", "--quiet")
        return began

    def bare_push_and_fetch(self, name: str) -> float:
        """Seconds that the same push takes together with one fetch of it by another clone."""
        git, other = self.clone(), self.bus("other")
        git.run("pull", "--quiet", "--rebase")
        self._commit(git, name)
        began = time.monotonic()
        git.run("push", "--quiet")
        other.remote.fetch()
        return time.monotonic() - began

    def _commit(self, git: Git, name: str, text: bytes = MISSION_TEXT) -> None:
        (git.folder / "missions" / f"{name}.md").write_bytes(text)
        git.run("add", "--all")
        git.run("commit", "--quiet", "-m", name)

    @contextmanager
    def serving(self, *, git: bool = False) -> Iterator[RunningNode]:
        """A node's process that works on this ledger until the block is left; with `git` it serves it by HTTP, too."""
        log = self.root / "node.jsonl"
        ours = ("GIT_", "SHIFTBOOK_", "FACTORY_")
        env = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        env |= {"SHIFTBOOK_HOME": str(self.root / "home"), "SHIFTBOOK_NODE_ID": "n0", "FACTORY_ROLE": "HEADQUARTERS"}
        env |= {"SHIFTBOOK_LEDGER": str(self.bare), "SHIFTBOOK_HTTP": "127.0.0.1:0" if git else "off"}
        env |= {"SHIFTBOOK_SERVE_GIT": "1"} if git else {}
        keys = self.root / "home" / "keys"
        keys.mkdir(parents=True, exist_ok=True)
        for ending in ("", ".pub"):
            data = (self.root / "keys" / f"n0{ending}").read_bytes()
            (keys / f"node{ending}").write_bytes(data)
            (keys / f"node{ending}").chmod(0o600)
        words = [sys.executable, "-P", "-m", "orchestrator", "node", "run", "--json"]
        with log.open("wb") as out:
            process = subprocess.Popen(words, cwd=self.root, env=env, stdout=out, stderr=subprocess.DEVNULL)
        try:
            yield RunningNode(self, process.pid, log)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=TIMEOUT_SECONDS)


@dataclass(frozen=True)
class RunningNode:
    """A running node."""

    ground: BenchSetup
    pid: int
    log: Path

    def calm(self) -> None:
        """Waits until the node is ready and has nothing to do."""
        self._until(lambda: "ready" in self._events() and not self._claims())
        time.sleep(0.5)

    def listening(self) -> str:
        """Waits until the node answers by HTTP; its address."""
        record = self.ground.root / "home" / "http.json"
        self._until(lambda: record.exists() and self._answers(record))
        return str(read_json(record.read_bytes())["url"])

    def repository(self) -> str:
        """The ledger's address at the Git server of the node that listens."""
        return f"{self.listening()}/git/{self.ground.bare.name}"

    def _answers(self, record: Path) -> bool:
        try:
            url = read_json(record.read_bytes())["url"]
            return httpx.get(f"{url}/api/v1/health", timeout=TIMEOUT_SECONDS).status_code < 500
        except httpx.TransportError:
            return False

    def started(self, name: str) -> float:
        """Waits until the node has started a mission; returns the monotonic time at which that was seen."""
        line = re.compile(rf'"event": "started".*"mission": "{name}"|"mission": "{name}".*"event": "started"')
        self._until(lambda: line.search(self.log.read_text(encoding="utf-8")) is not None, pause=0.001)
        return time.monotonic()

    def claimed(self, name: str) -> float:
        """Waits until a mission is claimed, or was already; returns the monotonic time at which it was seen."""
        ref = self.ground.bare / "refs" / "shiftbook" / "claim" / name
        self._until(lambda: ref.exists() or f'"mission": "{name}"' in self.log.read_text(encoding="utf-8"), pause=0.001)
        return time.monotonic()

    def _claims(self) -> dict[str, str]:
        return Git(self.ground.bare).refs("refs/shiftbook/claim/")

    def _events(self) -> set[str]:
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        return {read_json(line)["event"] for line in lines if line.endswith("}")}

    def _until(self, test: Callable[[], bool], *, pause: float = 0.05) -> None:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not test():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the node did not get there; its words are in {self.log}")
            time.sleep(pause)


@cache
def _bus(root: Path, node: str) -> Transport:
    link = GitRemote(str(root / "ledger.git"), root / f"{node}.git")
    link.fetch()
    return wiring.transport(load_settings(ledger="-"), link, name=node, key=make_key(root / "keys" / node, node))


@cache
def _reader(root: Path, node: str) -> SnapshotReader:
    store = _bus(root, node).store
    return SnapshotReader(store, TrustRoot(store, lambda tip: tip))


def make_testbed(
    root: Path, *, missions: int, finished: int = 0, beat: float = 1.0, slots: int = 0, nodes: int = 8, fleet: str = ""
) -> BenchSetup:
    """Makes a ledger with so many open and so many finished missions (over the last twelve months).

    `nodes` may work on it. With `slots`, eight have pages, and work on so many missions at a time. `fleet` is added to
    its fleet.toml.
    """
    ground = BenchSetup(root)
    root.mkdir(parents=True)
    Git(root).run("init", "--quiet", "--bare", "--initial-branch=main", str(ground.bare))
    person = make_key(root / "keys" / "person", "person")
    lines = [Principal(name="person", roles=frozenset({"admin", "author"}), key=person.public).line]
    for node in [f"n{number}" for number in range(nodes)]:
        key = make_key(root / "keys" / node, node)
        lines.append(Principal(name=node, roles=frozenset({"node"}), key=key.public).line)
    charter = ledger_templates.FLEET.format(name="bench").replace('sandbox = "required"', 'sandbox = "optional"')
    files: dict[str, bytes | None] = {
        "fleet.toml": charter.replace("beat_seconds = 60", f"beat_seconds = {beat}").encode() + fleet.encode(),
        SIGNERS_PATH: "".join(line + "\n" for line in lines).encode(),
        "SESSION_LOG.md": PREAMBLE.encode(),
        "missions/README.md": ledger_templates.MISSIONS.encode(),
    }
    for number in range(8 if slots else 0):
        offer = NodeCapabilities(node=f"n{number}", role="", agents=frozenset({"command"}), slots=slots)
        files[f"{PAGES_FOLDER}/n{number}.md"] = render_page(offer, Role.LOCAL_WORKER).encode()
    store = GitStore(ground.bare)
    tip = _commit(store, None, files, person)
    _publish(ground, tip)
    if finished:
        import_finished(ground.bare, finished)
        tip = Git(ground.bare).text("rev-parse", "refs/heads/main")
    if missions:
        _publish(
            ground,
            _commit(store, tip, {f"missions/job-{number}.md": MISSION_TEXT for number in range(missions)}, person),
        )
    store.close()
    return ground


def _commit(store: GitStore, onto: str | None, files: dict[str, bytes | None], person: Key) -> str:
    before = load_commit(store, onto).tree if onto else None
    tree = edit_tree(store, before, files)
    assert tree is not None
    parents = (onto,) if onto else ()
    now = int(time.time())
    return write_commit(
        store, tree=tree, parents=parents, name="person", email="-", when=now, message="A ledger", sign=person.sign
    )


def _publish(ground: BenchSetup, tip: str) -> None:
    Git(ground.bare).run("update-ref", "refs/heads/main", tip)


def open_workspace(home: Path, url: str, folder: Path) -> None:
    """A workspace of the repository at `url` in a folder, as a node with that home makes it. Raises WorkspaceFailed."""
    made = replace(wiring.workspaces(load_settings(home=home)), min_wait=0.0)
    project = Project(name="bench", url=url)
    made.open(project, mission="bench", attempt=1, folder=folder, stop=threading.Event())


def make_spare(home: Path) -> None:
    """Makes what a node with that home makes ahead for its next attempt."""
    spares = wiring.workspaces(load_settings(home=home)).spares
    (kept,) = spares.missing(keep_days=1.0)
    spares.make(kept, stopped=lambda: False, room=lambda _size: True)
