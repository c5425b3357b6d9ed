"""What does a node that serves the page stand on? A real ledger with missions of every kind, hostile ones too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests import program
from tests.acceptance.fleets import Fleet, command
from tests.orchestrator.repositories import Server

HOSTILE_TITLE = "<img src=x onerror=alert(1)> \u202egnp.exe\u202c \x1b[31mred\x1b[0m javascript:alert(1)"
HOSTILE_BODY = (
    f"# {HOSTILE_TITLE}\n\n<svg onload=alert(1)> [click](javascript:alert(1)) "
    "![x](data:text/html,<script>alert(1)</script>)\n"
)
CHANGE = (
    "printf 'def leeway():\\n    return 10\\n' > token.py; echo '<img src=x onerror=alert(1)>' > page.html; "
    "printf 'a\\342\\200\\256b\\n' > bidi.txt"
)
"""What the mission that waits has done."""
MISSIONS = {
    "missions/nightly-check.md": "---\npriority: 2\nproject: shop\ntask: general_task\n---\n# Nightly dependency check"
    "\n\nLook for updates.\n",
    "missions/a-typo.md": "---\npriority: high\n---\n# Import the 2019 invoices\n\nImport them.\n",
    "missions/hostile.md": HOSTILE_BODY,
}


@dataclass
class Desk:
    """A node of a fleet, with its project's repository."""

    fleet: Fleet
    project: Server
    port: int = 0
    """Where it listens; 0: anywhere. A page belongs to its port, so one that comes back needs the same."""
    hosts: str = ""
    """Names under which it may be asked besides this machine's."""

    @property
    def environment(self) -> dict[str, str]:
        """What its commands are run with."""
        more = {
            "SHIFTBOOK_HTTP": f"127.0.0.1:{self.port}",
            "FACTORY_ROLE": "HEADQUARTERS",
            "SHIFTBOOK_HOSTS": self.hosts,
            "SHIFTBOOK_PUSH_PRIVATE": "1",  # the push service of the tests is on loopback
        }
        return self.fleet.environment("desk", **more)

    @property
    def record(self) -> Path:
        """Where it writes its address."""
        return self.fleet.folder / "desk" / "http.json"

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(json.loads(self.record.read_text(encoding="utf-8"))["url"])

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serves until the end of the block."""
        self.record.unlink(missing_ok=True)
        with (self.fleet.folder / "serve.err").open("ab") as err:
            process = program.start("serve", env=self.environment, cwd=self.fleet.folder, stdout=err, stderr=err)
        try:
            self.fleet.wait("it serves", self._answers)
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=2, trust_env=False).status_code == 200
        except (OSError, ValueError, httpx.HTTPError):
            return False


def founded(fleet: Fleet) -> Desk:
    """A fleet of one node with a project, and with two missions that wait for a person's word."""
    place = fleet.folder / "project"
    place.mkdir(parents=True)
    server = Server.make(place)
    fleet.found("desk")
    text = (fleet.clone / "fleet.toml").read_text(encoding="utf-8")
    project = f'[projects.shop]\nurl = "{server.folder}"\non_approval = "merge"\n'
    mission = command(CHANGE, project="shop", title="Fix the auth bug")
    other = command("echo 2 > version.txt", project="shop", title="Bump the version")
    files = {"missions/fix-the-auth-bug.md": mission, "missions/bump-the-version.md": other}
    fleet.commit({"fleet.toml": f"{text}\n{project}", **files}, "A project, two missions")
    fleet.shiftbook("node", "run", "--once", node="desk", FACTORY_ROLE="HEADQUARTERS")
    fleet.commit(MISSIONS, "More missions")
    return Desk(fleet=fleet, project=server)
