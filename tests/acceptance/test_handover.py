"""A project is found, a chat becomes a mission, a node works on it, and the mission is taken over as a chat again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance import desks
from tests.acceptance.desks import Desk
from tests.acceptance.fleets import Fleet
from tests.acceptance.load.backend import Backend
from tests.orchestrator.repositories import Server, git

CONTEXT = (
    "# Shop\n\n- **Checkout**: vouchers may not be combined; `shop/checkout/views.py`.\n- Refunds go through Stripe.\n"
)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """A fleet of one node, and a clone of a project beside it."""
    return Fleet(tmp_path).found("desk")


def test_repositories_are_found_and_requests_find_them(fleet: Fleet, tmp_path: Path) -> None:
    """Discovered, added in one signed commit, found for a mission that says nothing of it, asked about if unsure."""
    (tmp_path / "code").mkdir()
    server = Server.make(tmp_path / "code")
    server.push({"Makefile": "test:\n\ttrue\n"})
    git(tmp_path / "code", "clone", "--quiet", str(server.folder), "shop")
    found = json.loads(fleet.shiftbook("project", "discover", str(tmp_path / "code"), "--json", node="desk"))
    assert [(one["name"], one["test"]) for one in found] == [("server", "make test")]
    refused = fleet.run("project", "discover", str(tmp_path / "code"), node="desk")
    assert refused.returncode == 2
    assert "found server" in refused.stderr
    added = fleet.shiftbook(
        "project", "add", str(tmp_path / "code/shop"), "--name", "shop", "--alias", "webshop", "--json", node="desk"
    )
    assert json.loads(added)[0]["test"] == "make test"
    assert "nothing to do" in fleet.shiftbook("project", "add", str(server.folder), node="desk")
    listed = json.loads(fleet.shiftbook("project", "list", "--json", node="desk"))
    assert [(one["name"], one["aliases"], one["test"]) for one in listed] == [("shop", ["webshop"], "make test")]
    fleet.git("pull", "--quiet", "--rebase")
    assert fleet.git("log", "-1", "--format=%G? %s") == "G Projects: shop"
    fleet.commit({"projects/shop/PROJECT_CONTEXT.md": CONTEXT})

    sure = fleet.run(
        "mission", "new", "webshop: the checkout combines two vouchers", "--task", "coding_task", node="desk"
    )
    assert sure.returncode == 0, sure.stderr
    assert "this looks like shop (because it says “webshop”)" in sure.stderr
    unsure = fleet.run("mission", "new", "Fix the failing test", "--task", "coding_task", "--no-project", node="desk")
    assert unsure.returncode == 2
    unsure = fleet.run("mission", "new", "Rename my holiday photos", "--task", "coding_task", node="desk")
    assert (unsure.returncode, unsure.stdout) == (2, "")
    assert "this one names none; fleet.toml has shop: say --project NAME" in unsure.stderr
    fleet.shiftbook("mission", "new", "What is the capital of France?", node="desk")
    views = {view["name"]: view for view in json.loads(fleet.shiftbook("mission", "list", "--json", node="desk"))}
    assert {name: view["project"] for name, view in views.items()} == {
        "webshop-the-checkout-combines-two": "shop",
        "what-is-the-capital-of": None,
    }


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A node that serves chats; a stand-in at the OpenAI URL answers, as in the load runs."""
    backend = Backend()
    backend.start()
    made = desks.found(tmp_path, SHIFTBOOK_OPENAI_URL=backend.url, LLM_PROVIDER_OVERRIDE="openai")
    scopes = ("--scope", "chat", "--scope", "missions")
    made.token = made.fleet.shiftbook("token", "new", "both", *scopes, node="desk").strip()
    made.fleet.fresh = True
    made.start()
    made.fleet.fresh = False
    yield made
    made.stop()
    backend.kill()


def test_chat_to_mission_to_chat(desk: Desk, tmp_path: Path) -> None:
    """Over HTTP and in the terminal, with a node between them, and over a restart of the serving process."""
    with desk.client() as client:
        asked = {"message": "Which port does the shop repo use?", "device_id": "phone", "tools": ["read"]}
        told = client.post("/chat", json=asked).raise_for_status().json()
    assert told["project"] == "shop"
    assert any("about shop (because" in note for note in told["notes"])
    talk = told["conversation_id"]
    (desk.home / "chats" / talk / "tree" / "hello.txt").write_text("hello from the chat\n")

    line = "cat hello.txt && echo and from the mission >> hello.txt"
    filed = json.loads(
        desk.fleet.shiftbook(
            "mission", "from-chat", talk, "--name", "greet", "--agent", "command", "--run", line, "--json", node="desk"
        )
    )
    assert (filed["name"], filed["files"]) == ("greet", ["hello.txt"])
    desk.fleet.shiftbook("node", "run", "--once", node="desk", SHIFTBOOK_HTTP="off")
    shown = json.loads(desk.fleet.shiftbook("mission", "show", "greet", "--json", node="desk"))
    assert shown["status"] in {"done", "review"}, shown["text"]
    assert "hello from the chat" in shown["output"]
    assert "+and from the mission" in shown["diff"]

    with desk.client() as client:
        taken = client.post("/api/v1/missions/greet/chat", json={"device_id": "laptop"}).raise_for_status().json()
    assert (taken["mission"], taken["node"], taken["resumed"]) == ("greet", "desk", False)
    tree = desk.home / "chats" / taken["conversation"] / "tree"
    assert (tree / "hello.txt").read_text() == "hello from the chat\nand from the mission\n"
    desk.stop()
    again = json.loads(desk.fleet.shiftbook("mission", "chat", "greet", "--json", node="desk"))
    assert (again["conversation"], again["resumed"]) == (taken["conversation"], True)
    desk.start()
    with desk.client() as client:
        body = {"message": "What was done?", "device_id": "laptop", "conversation_id": taken["conversation"]}
        answer = client.post("/chat", json=body).raise_for_status().json()
        turns = client.get(f"/chat/conversations/{taken['conversation']}").json()["messages"]
    assert (answer["project"], answer["seq"]) == ("shop", 4)
    assert "hello.txt" in turns[0]["content"]
