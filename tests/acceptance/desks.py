"""A served node for tests of chats: one `shiftbook serve` process over a real ledger."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests import program
from tests.acceptance.fleets import Fleet
from tests.waiting import PATIENCE

FLEET = """
[projects.shop]
url = "{url}"
[answers]
grounded = "off"
"""
"""The toy's own words are wanted here: streams, caches and clients are looked at, and not what is said."""
# As short as it may be: the toy reads a hundred tokens a second of a core.
CONTEXT = "# Shop\n\nA shop for books.\n\n" + "".join(
    f"- The service number {n} listens on port {8000 + n} and writes to table t{n % 7}.\n" for n in range(8)
)
BRIEFING = "# Briefing: shop\n\n## Facts\n\n- The port is 8080.\n"


@dataclass
class Desk:
    """One node that serves."""

    fleet: Fleet
    extra: dict[str, str]
    token: str
    """For chats; OpenAI's clients always send a key, so the node has one to know."""
    process: program.Process | None = None

    @property
    def home(self) -> Path:
        """The node's home."""
        return self.fleet.folder / "desk"

    @property
    def environment(self) -> dict[str, str]:
        """What its commands are run with."""
        own = {"SHIFTBOOK_HTTP": "127.0.0.1:0", "FACTORY_ROLE": "HEADQUARTERS", "SHIFTBOOK_TOKEN": self.token}
        own |= self.extra
        return self.fleet.environment("desk", **own)

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(json.loads((self.home / "http.json").read_text(encoding="utf-8"))["url"])

    def client(self) -> httpx.Client:
        """A client with a long breath."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.url, timeout=540, trust_env=False, headers=headers)

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        with (self.fleet.folder / "serve.err").open("ab") as err:
            where, fresh = self.fleet.folder, self.fleet.fresh
            self.process = program.start("serve", env=self.environment, cwd=where, stdout=err, stderr=err, fresh=fresh)
        self.fleet.wait("it serves", self._answers)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.fleet.words()
        try:
            return httpx.get(f"{self.url}/health", timeout=PATIENCE, trust_env=False).status_code == 200
        except (OSError, ValueError, httpx.HTTPError):
            return False

    def stop(self) -> None:
        """SIGTERM, and waits."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=240)
            self.process = None

    def chat(self, message: str, **more: object) -> dict[str, Any]:
        """One message, answered."""
        with self.client() as client:
            answer = client.post("/chat", json={"message": message, "device_id": "phone", **more})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def stored(self, device: str) -> dict[str, Any]:
        """What is kept of the answer to a device's newest message, as soon as there is one."""
        last: dict[str, Any] = {}

        def answered() -> bool:
            with self.client() as client:
                asked = {"device_id": device, "limit": 1}
                (newest,) = client.get("/chat/conversations", params=asked).json()["conversations"]
                turns = client.get(f"/chat/conversations/{newest['id']}").json()["messages"]
            last.update(turns[-1])
            return bool(turns[-1]["role"] == "assistant")

        self.until("the answer is stored", answered)
        return last

    def until(self, what: str, test: Any, *, seconds: float = 240) -> None:
        """Waits until something is true."""
        over = time.monotonic() + seconds
        while not test():
            assert time.monotonic() < over, what
            time.sleep(0.05)


def found(folder: Path, **extra: str) -> Desk:
    """A fleet with one project, and a node that is not started yet."""
    fleet = Fleet(folder).found("desk")
    text = (fleet.clone / "fleet.toml").read_text(encoding="utf-8")
    fleet.commit(
        {
            "fleet.toml": text + FLEET.format(url=fleet.bare),
            "projects/shop/PROJECT_CONTEXT.md": CONTEXT,
            "projects/shop/SESSION_BRIEFING.md": BRIEFING,
        },
        "A project",
    )
    token = fleet.shiftbook("token", "new", "tests", "--scope", "chat", "--scope", "ops", node="desk").strip()
    return Desk(fleet=fleet, extra=extra, token=token)
