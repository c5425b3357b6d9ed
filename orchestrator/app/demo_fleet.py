"""How is a throw-away fleet of real processes set up, driven and taken down again?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.core.errors import OrchestratorError
from sync.git import Git

TIMEOUT_SECONDS = 90.0
"""Seconds that any one thing may take before the demo gives up."""

OnNodeEvent = Callable[[str, dict[str, Any]], None]
"""Takes a node's name and one event that it told."""


class DemoFailed(OrchestratorError):
    """Something that the demo shows did not come true."""


@dataclass
class NodeProcess:
    """A node's process, with what it has told so far."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    read: int = 0

    def events(self) -> Iterator[dict[str, Any]]:
        """What it has told since the last time."""
        with self.log.open("rb") as file:
            file.seek(self.read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self.read += len(line)
                yield json.loads(line)


@dataclass
class DemoFleet:
    """The throw-away folder and everything in it."""

    folder: Path
    tell: OnNodeEvent
    nodes: list[NodeProcess] = field(default_factory=list)
    project: str = "shiftbook"

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
        role = "HEADQUARTERS" if node == "hq" else "LOCAL_WORKER"
        own = {
            "HOME": str(self.folder / "home"),
            "XDG_CONFIG_HOME": str(self.folder / "home"),
            "XDG_DATA_HOME": str(self.folder / "home"),
            "SHIFTBOOK_HOME": str(self.folder / node),
            "SHIFTBOOK_NODE_ID": node,
            "FACTORY_ROLE": role,
            "SHIFTBOOK_SLOTS": "2",
            "SHIFTBOOK_HTTP": "off",
        }
        return kept | own

    def shiftbook(self, *words: str, node: str = "hq") -> str:
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
        env = {key: value for key, value in self.environment("hq").items() if key not in os.environ or key == "HOME"}
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

    def push(self, name: str, text: str) -> None:
        """Files a mission with plain git."""
        path = self.ledger / "missions" / f"{name}.md"
        path.write_text(text, encoding="utf-8")
        self.git("add", "--", str(path))
        self.git("commit", "--quiet", "-m", f"Mission: {name}")
        self.git("pull", "--quiet", "--rebase")
        self.git("push", "--quiet", "--no-verify")  # one of them has a typo, which the clone's own hook would refuse
        self.tell("you", {"event": "pushed", "text": f"missions/{name}.md, with plain git"})

    def wait(self, what: str, test: Callable[[], bool]) -> None:
        """Waits until something is true, passing on what the nodes tell. Raises DemoFailed."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not test():
            self.listen()
            if time.monotonic() > deadline:
                raise DemoFailed(f"{what}: not within {TIMEOUT_SECONDS:.0f} s. The nodes' words are in {self.folder}")
            time.sleep(0.2)
        self.listen()

    def listen(self) -> None:
        """Passes on what the nodes have told."""
        for node in self.nodes:
            for event in node.events():
                self.tell(node.name, event)

    def missions(self) -> dict[str, dict[str, Any]]:
        """All missions by name, as `mission list --all --json` tells them."""
        return {m["name"]: m for m in json.loads(self.shiftbook("mission", "list", "--all", "--json"))}

    def show(self, name: str) -> dict[str, Any]:
        """One mission with everything that belongs to it."""
        shown: dict[str, Any] = json.loads(self.shiftbook("mission", "show", name, "--json"))
        return shown


@contextmanager
def running_demo_fleet(folder: Path, tell: OnNodeEvent) -> Iterator[DemoFleet]:
    """A stage whose processes are gone when it is left, however that happens."""
    stage = DemoFleet(folder, tell)
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
