"""Does a person at one machine see and steer, through a real node process, what runs on another one?"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.acceptance.fleets import Fleet, command

STEERING = ("refs/shiftbook/live/", "refs/shiftbook/watch/", "refs/shiftbook/say/")


def _printed(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.nightly  # two processes, two keys, and a watch of some seconds
def test_what_runs_elsewhere_is_watched_and_told(fleet: Fleet) -> None:
    """The desk's watch shows what the vps's attempt prints, without its secret, and says from where it comes; a word is
    answered by the vps and not by the desk's own node; a budget is kept; nothing of it is left on the bus."""
    fleet.found("desk", "vps")
    token = "ghp_" + "A1b2C3d4E5" * 3 + "F6g7H8"
    fleet.commit({"missions/m.md": command(f"echo hello {token}; sleep 120", to=["vps"])})
    for node in ("desk", "vps"):
        fleet.start(node)
    fleet.wait("it runs", lambda: fleet.missions()["m"]["status"] == "running")
    watched = fleet.run("mission", "watch", "m", "--json", "--timeout", "6", node="desk")
    looks = [line for line in _printed(watched.stdout) if line.get("kind") == "output"]
    assert "hello [redacted:" in "".join(look["text"] for look in looks), watched.stdout + fleet.words()
    assert token not in watched.stdout
    assert {(look["source"], look["node"]) for look in looks} == {("the Git server", "vps")}
    said = fleet.run("mission", "say", "m", "Use", "tabs.", "--id", "1", "--json", node="desk")
    (receipt,) = _printed(said.stdout)
    assert (receipt["state"], receipt["node"], receipt["answered"]) == ("too late", "vps", True), said.stderr
    assert said.returncode == 1, "a command reads nothing once it has begun"
    other = fleet.run("mission", "say", "m", "Use", "spaces.", "--id", "1", node="desk")
    assert (other.returncode, "was not said" in other.stderr) == (2, True)
    assert [event["event"] for event in fleet.events("vps")].count("message") == 1
    assert "message" not in [event["event"] for event in fleet.events("desk")]
    fleet.shiftbook("mission", "budget", "m", "3", node="desk")
    assert "budget_usd: 3" in fleet.show("m")["text"]
    fleet.shiftbook("mission", "cancel", "m", node="desk")
    fleet.wait("all is taken down", lambda: not fleet.git("for-each-ref", *STEERING, folder=fleet.bare))
