"""What does a node that serves the page stand on? A real ledger with missions of every kind, made once and copied."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests import program
from tests.acceptance.fleets import Fleet, command
from tests.orchestrator.repositories import Server
from tests.page.ledger_content import CHANGE, lived_in
from tests.waiting import PATIENCE, until

PLAIN = httpx.Client(timeout=PATIENCE, trust_env=False, verify=False)
"""Asks whether a node answers. A client that reads certificates first takes longer than its question."""


@dataclass
class Desk:
    """A node of a fleet, with its project's repository."""

    fleet: Fleet
    project: Server
    port: int = 0
    """Where it listens; 0: anywhere. A page belongs to its port, so one that comes back needs the same."""
    hosts: str = ""
    """Names under which it may be asked besides this machine's."""
    model_url: str = ""
    """Where the model is that it chats with; empty: it has none of its own."""
    python_path: str = ""
    """Where its packages are looked for first; empty: as they are installed."""

    @property
    def environment(self) -> dict[str, str]:
        """What its commands are run with."""
        more = {"SHIFTBOOK_HTTP": f"127.0.0.1:{self.port}", "SHIFTBOOK_HOSTS": self.hosts, **self._settings}
        if self.python_path:
            more["PYTHONPATH"] = self.python_path
        return self.fleet.environment("desk", **more)

    @property
    def _settings(self) -> dict[str, str]:
        more = {"FACTORY_ROLE": "HEADQUARTERS", "SHIFTBOOK_PUSH_PRIVATE": "1"}  # the tests' push service is on loopback
        if self.model_url:
            more |= {"SHIFTBOOK_OPENAI_URL": self.model_url, "LLM_PROVIDER_OVERRIDE": "openai"}
        return more

    def work(self) -> None:
        """Has its node do what can be done now: what other tests have filed, too."""
        self.fleet.shiftbook("node", "run", "--once", node="desk", **self._settings)

    @property
    def record(self) -> Path:
        """Where it writes its address."""
        return self.fleet.folder / "desk" / "http.json"

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(json.loads(self.record.read_text(encoding="utf-8"))["url"])

    @contextmanager
    def serving(self) -> Iterator[program.Process]:
        """Serves until the end of the block, unless it ended before."""
        self.record.unlink(missing_ok=True)
        with (self.fleet.folder / "serve.err").open("ab") as err:
            process = program.start("serve", env=self.environment, cwd=self.fleet.folder, stdout=err, stderr=err)
        try:
            self.fleet.wait("it serves", self._answers)
            yield process
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE)

    def _answers(self) -> bool:
        try:
            return PLAIN.get(f"{self.url}/health").status_code == 200
        except (OSError, ValueError, httpx.HTTPError):
            return False

    def kill(self, process: program.Process) -> None:
        """SIGKILL, to it and to all that it started, as when the power goes. Returns when nobody listens any more."""
        for pid in [process.pid, *_descendants(process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        until(lambda: not self._answers(), "it is dead")

    def copied(self, to: Path) -> Desk:
        """Another one, in a folder that is not there yet, with a project's repository of its own: what one desk merges
        is not merged at another."""
        shutil.copytree(self.fleet.folder, to, symlinks=True)
        here, rules = str(self.fleet.folder), "fleet.toml"
        for path in (each for each in to.rglob("*") if each.is_file() and each != to / "ledger" / rules):
            data = path.read_bytes()
            if here.encode() in data and b"\0" not in data:
                path.write_bytes(data.replace(here.encode(), str(to).encode()))
        made = Desk(fleet=Fleet(to, first=self.fleet.first), project=Server.within(to / "project"))
        text = (made.fleet.clone / rules).read_text(encoding="utf-8")
        made.fleet.commit({rules: text.replace(here, str(to))}, "The project's address")
        return made


def _descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [each for child in map(int, children) for each in (child, *_descendants(child))]


def founded(fleet: Fleet) -> Desk:
    """A fleet of one node with a project, in which three missions wait for a word and much else is to be seen."""
    place = fleet.folder / "project"
    place.mkdir(parents=True)
    server = Server.make(place)
    fleet.found("desk")
    text = (fleet.clone / "fleet.toml").read_text(encoding="utf-8")
    rules = f'{text}\n[projects.shop]\nurl = "{server.folder}"\non_approval = "merge"\n'
    mission = command(CHANGE, project="shop", title="Fix the auth bug")
    other = command("echo 2 > version.txt", project="shop", title="Bump the version")
    third = command("echo all of us > about.txt", project="shop", title="Say who we are")
    files = {"missions/fix-the-auth-bug.md": mission, "missions/bump-the-version.md": other}
    files["missions/say-who-we-are.md"] = third
    fleet.commit({"fleet.toml": rules, **files}, "A project, three missions")
    made = Desk(fleet=fleet, project=server)
    made.work()
    fleet.git("pull", "--quiet", "--rebase")
    page = (fleet.clone / "heartbeats" / "desk.md").read_text(encoding="utf-8")
    log = fleet.clone / "projects" / "shop" / "SESSION_LOG.md"
    words = log.read_text(encoding="utf-8") if log.exists() else "# Session log\n"
    fleet.commit(lived_in(rules, page, words), "What a fleet has that worked for a while")
    return made
