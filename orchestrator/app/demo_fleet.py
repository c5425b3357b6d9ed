"""How is a throw-away fleet of real processes set up, driven and taken down again?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from missions.plain_data import read_json
from orchestrator.core.errors import OrchestratorError
from sync.errors import GitError
from sync.git import Git

HQ = "vps"
"""The node whose home the person uses, too."""
TIMEOUT_SECONDS = 90.0
"""Seconds that any one thing may take before the demo gives up."""


class DemoScreen(Protocol):
    """Where the demo is watched."""

    def tell(self, who: str, event: dict[str, Any]) -> None:
        """Takes one event, with `event` and `text`, that a node or the person told."""

    def waiting(self, what: str, seconds: float, now: str) -> None:
        """Takes, several times a second, what is waited for, for how long already, and what can be seen of it."""


class DemoFailed(OrchestratorError):
    """Something that the demo shows did not come true."""


@dataclass
class NodeProcess:
    """A node's process, with what it has told so far."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    read: int = 0
    last: str = ""
    """What it said last."""
    told: set[str] = field(default_factory=set)
    """The words of all events that it has told."""
    ready: float = 0.0
    """When it said that it is ready (monotonic seconds); 0 before that."""
    killed: float = 0.0
    """When it was killed (monotonic seconds); 0 while it was not."""

    def kill(self) -> None:
        """Ends it as a power cut does."""
        self.process.kill()
        self.process.wait()
        self.killed = time.monotonic()

    def ended(self) -> str:
        """Why it is gone although nobody ended it, in one line; empty while all is well."""
        if self.killed or self.process.poll() is None:
            return ""
        errors = self.log.with_suffix(".err").read_text(encoding="utf-8", errors="replace").strip()
        words = errors.splitlines()[-1:] or [f"it said last: {self.last or 'nothing'}"]
        return f"{self.name} ended with exit code {self.process.returncode}: {words[0][-300:]}"

    def events(self) -> Iterator[dict[str, Any]]:
        """What it has told since the last time."""
        with self.log.open("rb") as file:
            file.seek(self.read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self.read += len(line)
                yield read_json(line)


@dataclass
class DemoFleet:
    """The throw-away folder and everything in it."""

    folder: Path
    screen: DemoScreen
    model: Path | None = None
    """The model file that its nodes answer with; None: whatever they find by themselves."""
    nodes: list[NodeProcess] = field(default_factory=list)
    project: str = "parcel"
    _told: tuple[str, dict[str, Any]] = ("", {})
    """The branch's commit, and what commands told of it."""

    @property
    def ledger(self) -> Path:
        """The person's clone."""
        return self.folder / "ledger"

    @property
    def bare(self) -> Path:
        """The repository that all share."""
        return self.folder / "ledger.git"

    def environment(self, node: str) -> dict[str, str]:
        """A clean environment: nothing of this machine's own Shiftbook or Git settings gets in."""
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("GIT_", "SHIFTBOOK_", "FACTORY_", "ACCEPT_", "ENABLE_"))
        }
        role = "HEADQUARTERS" if node == HQ else "LOCAL_WORKER"
        own = {
            "HOME": str(self.folder / "home"),
            "XDG_CONFIG_HOME": str(self.folder / "home"),
            "XDG_DATA_HOME": str(self.folder / "home"),
            "SHIFTBOOK_HOME": str(self.folder / node),
            "SHIFTBOOK_NODE_ID": node,
            "FACTORY_ROLE": role,
            "SHIFTBOOK_SLOTS": "2",
            "SHIFTBOOK_HTTP": "off",
            "SHIFTBOOK_ANSWER_TOKENS": "96",  # the embedded model sometimes goes on until it is stopped
            **({"SHIFTBOOK_MODEL": str(self.model)} if self.model else {}),
        }
        return kept | own

    def shiftbook(self, *words: str, node: str = HQ) -> str:
        """Runs one command as a person would. Raises DemoFailed with what it said."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", "orchestrator", *words],
            cwd=self.ledger if self.ledger.exists() else self.folder,
            env=self.environment(node),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise DemoFailed(f"shiftbook {' '.join(words)} failed ({done.returncode}): {done.stderr.strip()}")
        return done.stdout

    def git(self, *words: str, folder: Path | None = None) -> str:
        """Plain git, as a person uses it: their settings, their signature."""
        env = {key: value for key, value in self.environment(HQ).items() if key not in os.environ or key == "HOME"}
        out = Git(folder or self.ledger, as_person=True).run(*words, env=env)
        return out.decode("utf-8", "replace").strip()

    def start(self, node: str) -> NodeProcess:
        """Starts a node's process."""
        log = self.folder / f"{node}.jsonl"
        with log.open("ab") as out, (self.folder / f"{node}.err").open("ab") as err:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "orchestrator", "node", "run", "--json"],
                cwd=self.folder,
                env=self.environment(node),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        self.nodes.append(NodeProcess(node, process, log))
        return self.nodes[-1]

    def serve(self) -> str:
        """Serves the page over this ledger, on this machine only, until the fleet is taken down; its address.

        Raises DemoFailed.
        """
        record = self.folder / HQ / "http.json"
        record.unlink(missing_ok=True)
        with (self.folder / "page.err").open("ab") as err:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "orchestrator", "serve"],
                cwd=self.folder,
                env=self.environment(HQ) | {"SHIFTBOOK_HTTP": "127.0.0.1:0"},
                stdin=subprocess.DEVNULL,
                stdout=err,
                stderr=err,
            )
        served = NodeProcess("page", process, self.folder / "page.jsonl")
        self.nodes.append(served)
        began = time.monotonic()
        while not record.exists():
            gone = served.ended()
            if gone or time.monotonic() - began > TIMEOUT_SECONDS:
                raise DemoFailed(gone or "the page was not served in time")
            time.sleep(0.1)
        return f"{read_json(record.read_bytes())['url']}/app/"

    def push(self, name: str, text: str, *, checked: bool = True) -> None:
        """Files a mission with plain git; not `checked`: past the hook by which a clone holds broken ones back."""
        path = self.ledger / "missions" / f"{name}.md"
        path.write_text(text, encoding="utf-8")
        self.git("add", "--", str(path))
        self.git("commit", "--quiet", "-m", f"Mission: {name}")
        for tries_left in reversed(range(5)):  # a node may push between the two
            self.git("pull", "--quiet", "--rebase")
            try:
                self.git("push", "--quiet", *([] if checked else ["--no-verify"]))
                break
            except GitError:
                if not tries_left:
                    raise
        self.say("filed", f"missions/{name}.md, with plain git{'' if checked else ', past the hook that checks it'}")

    def say(self, event: str, text: str) -> None:
        """What the person does."""
        self.screen.tell("you", {"event": event, "text": text})

    def wait(self, what: str, test: Callable[[], bool], seen: Callable[[], str] = str) -> None:
        """Waits until something is true, passing on what the nodes tell and what is `seen` of it. Raises DemoFailed."""
        began = time.monotonic()
        while not test():
            self.listen()
            seconds = time.monotonic() - began
            self.screen.waiting(what, seconds, seen())
            gone = next((why for node in self.nodes if (why := node.ended())), "")
            if gone or seconds > TIMEOUT_SECONDS:
                why = gone or f"not within {TIMEOUT_SECONDS:.0f} s. {self.last_words()}"
                raise DemoFailed(f"waited for {what}: {why}")
            time.sleep(0.2)
        self.listen()

    def last_words(self) -> str:
        """What each node said last."""
        return " ".join(f"{node.name} said last: {node.last or 'nothing'}." for node in self.nodes)

    def listen(self) -> None:
        """Passes on what the nodes have told."""
        for node in self.nodes:
            for event in node.events():
                node.told.add(event["event"])
                node.ready = node.ready or (time.monotonic() if event["event"] == "ready" else 0.0)
                node.last = f"{event['event']} {event['text']}"
                self.screen.tell(node.name, {**event, "text": event["text"].replace(f"{self.folder}/", "")})

    def heard(self, node: str, event: str) -> bool:
        """Whether a node has told an event."""
        return any(event in each.told for each in self.nodes if each.name == node)

    def ready_since(self, node: str) -> float:
        """When a node was ready (monotonic seconds), as it was heard here."""
        return next((each.ready for each in self.nodes if each.name == node and each.ready), time.monotonic())

    def missions(self) -> dict[str, dict[str, Any]]:
        """All missions by name, as `mission list --all --json` tells them."""
        return {mission["name"]: mission for mission in self._ask("list", "--all")}

    def show(self, name: str) -> dict[str, Any]:
        """One mission with everything that belongs to it."""
        shown: dict[str, Any] = self._ask("show", name)
        return shown

    def _ask(self, *words: str) -> Any:
        """What `shiftbook mission …` tells; asked again only when the branch has moved: each answer takes a second."""
        head = self.git("rev-parse", "main", folder=self.bare)
        if head != self._told[0]:
            self._told = (head, {})
        told = self._told[1]
        key = " ".join(words)
        if key not in told:
            told[key] = read_json(self.shiftbook("mission", *words, "--json"))
        return told[key]


@contextmanager
def running_demo_fleet(folder: Path, screen: DemoScreen, model: Path | None = None) -> Iterator[DemoFleet]:
    """A stage whose processes are gone when it is left, however that happens."""
    stage = DemoFleet(folder, screen, model)
    try:
        yield stage
    finally:
        for node in stage.nodes:
            if node.process.poll() is None:
                node.process.send_signal(signal.SIGTERM)
        for node in stage.nodes:
            try:
                node.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                node.process.kill()
                node.process.wait()
