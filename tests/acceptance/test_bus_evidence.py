"""What a project's tests left reaches a reviewer where missions travel over Redis, whatever Redis loses."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from tests.acceptance.fleets import Fleet
from tests.agents.standin import ModelApi, model_api
from tests.missions.attachments.pictures import png
from tests.orchestrator.adapters.agents.acp import scripted_agent
from tests.orchestrator.conftest import bubblewrap
from tests.orchestrator.repositories import git
from tests.redis_server import RedisServer, entries, redis_server

__all__ = ["bubblewrap"]
TOKEN = "ghp_" + "A1b2C3d4E5" * 3 + "F6g7H8"
LEAVES = (
    "mkdir shots; cp README.md shots/log.txt; cp a.png shots; "
    "head -c 3000000 /dev/zero > shots/huge.bin; "
    'echo "<testsuite><testcase name=\\"opens\\"/></testsuite>" > shots/junit.xml; test -e new.txt'
)
FLEET = """
[agents.acp-scripted]
command = ["scripted-agent", "works"]
apis = ["openai"]
model = "right"
mode = "ask"

[projects.shop]
url = "{url}"
test = '{leaves}'
evidence = ["shots/**"]

[projects.bare]
url = "{url}"
test = "test -e new.txt"
"""
GATE = """#!/bin/sh
while read _ _ ref; do
    case $ref in refs/shiftbook/log/vps) [ ! -e closed ] || exit 1;; esac
done
"""
"""The ledger's server takes no result of the vps while it is closed."""


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server with a log."""
    with redis_server() as running:
        yield running


@pytest.fixture
def api() -> Iterator[ModelApi]:
    """A stand-in for the model's API."""
    with model_api() as running:
        yield running


def project(fleet: Fleet) -> Path:
    """A repository with a picture and a text that holds a secret."""
    tree = fleet.folder / "shop"
    tree.mkdir()
    (tree / "README.md").write_text(f"token {TOKEN}\n", encoding="utf-8")
    (tree / "a.png").write_bytes(png())
    git(tree, "init", "--quiet", "--initial-branch=main")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "-m", "first")
    git(fleet.folder, "clone", "--quiet", "--bare", str(tree), "shop.git")
    return fleet.folder / "shop.git"


def program(fleet: Fleet, api: ModelApi) -> dict[str, str]:
    """The scripted agent's program on the worker's PATH, and its model's API."""
    places = fleet.folder / "bin"
    places.mkdir()
    text = Path(scripted_agent.__file__).read_text(encoding="utf-8")
    made = places / "scripted-agent"
    made.write_text(text.replace("#!/usr/bin/env python3", f"#!{Path(sys.executable).resolve()}"), encoding="utf-8")
    made.chmod(0o755)
    path = f"{places}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "OPENAI_API_KEY": "the-key-of-the-node", "OPENAI_BASE_URL": f"{api.url}/v1"}


def on_redis(server: RedisServer) -> str:
    """All that lies on its streams."""
    with server.client() as client:
        names = [str(name) for name in client.scan_iter("*", _type="STREAM")]
    return json.dumps([entries(server, name) for name in names])


def test_evidence_comes_by_the_ledger(fleet: Fleet, server: RedisServer, api: ModelApi, bubblewrap: Bubblewrap) -> None:
    """With the worker killed before its result was taken and Redis cleared, all evidence is in review, once, bounded
    and without secrets; none of it was on Redis, which holds the same of a mission that has none."""
    fleet.found("desk", "vps")
    url = project(fleet)
    hook = fleet.bare / "hooks" / "pre-receive"
    hook.write_text(GATE, encoding="utf-8")
    hook.chmod(0o755)
    (fleet.bare / "closed").touch()
    toml = (fleet.clone / "fleet.toml").read_text(encoding="utf-8")
    mission = "---\nproject: {}\ntask: coding_task\nagent: acp-scripted\n---\nWrite new.txt.\n"
    files = {f"missions/{name}.md": mission.format(name) for name in ("shop", "bare")}
    fleet.commit({"fleet.toml": toml + FLEET.format(url=url, leaves=LEAVES), **files})
    redis = {"SHIFTBOOK_REDIS_URL": server.url, "SHIFTBOOK_REDIS_LEASE": "30"}
    worker = redis | {"FACTORY_ROLE": "LOCAL_WORKER"} | program(fleet, api)
    fleet.start("desk", FACTORY_ROLE="HEADQUARTERS", ACCEPT_DELEGATIONS="false", **redis)
    fleet.start("vps", **worker)
    outbox = fleet.folder / "vps" / "outbox"
    fleet.wait("both are done and not taken", lambda: outbox.exists() and len(list(outbox.glob("*.json"))) == 2)
    sent = on_redis(server)
    fleet.kill("vps")
    with server.client() as client:
        client.flushall()
    (fleet.bare / "closed").unlink()
    fleet.start("vps", **worker)
    fleet.wait("both wait for a person", lambda: _states(fleet) == {"shop": "review", "bare": "review"})
    assert [fleet.stop(node) for node in ("vps", "desk")] == [0, 0]

    kept = json.loads(fleet.shiftbook("mission", "evidence", "shop", "--json", node="desk"))
    assert [one["path"] for one in kept["files"]] == ["shots/a.png", "shots/junit.xml", "shots/log.txt"]
    assert [(one["path"], "at most" in one["why"]) for one in kept["left_out"]] == [("shots/huge.bin", True)]
    assert [one["tests"] for one in kept["reports"]] == [1]
    fleet.shiftbook("mission", "evidence", "shop", "1", "-o", str(fleet.folder / "shot.png"), node="desk")
    assert (fleet.folder / "shot.png").read_bytes() == png()
    assert "[redacted" in fleet.shiftbook("mission", "evidence", "shop", "3", node="desk")
    assert "shots/a.png" in fleet.show("shop")["text"]
    assert fleet.show("shop")["attempt"] == 1
    assert json.loads(fleet.shiftbook("mission", "evidence", "bare", "--json", node="desk"))["files"] == []
    objects = fleet.git("log", "--all", "-p", "--format=", folder=fleet.bare)
    assert TOKEN not in objects
    for text in (sent, on_redis(server)):
        assert "shots" not in text
        assert TOKEN not in text
    assert {json.loads(row["envelope"])["job_id"] for rows in json.loads(sent) for row in rows} >= {"shop", "bare"}


def _states(fleet: Fleet) -> dict[str, str]:
    return {name: one["status"] for name, one in fleet.missions().items()}
