"""What does a program read of nodes, projects and now, of conflicts, and of itself?"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from types import SimpleNamespace
from typing import Any

import pytest

from missions.merging.file_diff import Conflict
from orchestrator.adapters.redis_bus.condition import RedisWatch
from orchestrator.adapters.redis_bus.connection import read_address
from orchestrator.adapters.redis_bus.stream_names import StreamNames
from orchestrator.api.web.bus_glance import BusGlance
from orchestrator.api.web.context import SERVICES_KEY
from orchestrator.chat.tool_approvals import ToolApprovals
from orchestrator.core.ports.bus_care import BusCondition
from orchestrator.ledger import conflicts
from orchestrator.workflow.inbox import question_item
from tests.orchestrator.api.conftest import ServedFleet
from tests.redis_server import redis_server
from tests.waiting import PATIENCE, until

PAGE = "---\nnode: vps\nrole: LOCAL_WORKER\nversion: 1\nagents: builtin, command\n---\n\n# vps\n"
ENDED = '---\nstatus: done\nnode: {node}\nattempt: 1\nepoch: 1\nfinished: "{when}"\n---\nOld\n'


@pytest.fixture
def fleet(serve: Callable[..., ServedFleet]) -> ServedFleet:
    found = serve(
        {"heartbeats/vps.md": PAGE, "missions/q.md": "Do it.\n", "missions/bad.md": "---\npriority: x\n---\nb\n"}
    )
    today = found.town.clock().astimezone(UTC)
    for n, node in enumerate(("vps", "desk", "vps")):
        path = f"missions/archive/{today:%Y-%m}/m{n}.md"
        found.push({path: ENDED.format(node=node, when=f"{today:%Y-%m-%dT0}{n}:00:00Z")})
    return found


def test_now_says_what_waits_and_what_went_wrong(fleet: ServedFleet) -> None:
    """What needs a word, what is broken, what is queued, what ended today."""
    told = fleet.get("/api/v1/now")
    assert {item["name"] for item in told["trouble"]} >= {"bad"}
    assert all(item["step"] for item in told["trouble"])
    assert (told["queued"], told["running"], told["today"]["missions"]) == (1, [], 3)
    assert [node["name"] for node in told["nodes"]] == ["vps"]
    assert told["tip"] == fleet.ada.ledger().tip


def test_what_a_chat_asks_waits_too() -> None:
    """A question of a chat stands among what waits, as the inbox says it."""
    told = question_item("1", "shell", {"line": "ls"}).json()
    assert (told["kind"], told["title"], told["says"]) == ("question", "A chat asks to use shell", "line='ls'")


def test_what_a_chat_asks_is_for_who_may_chat(fleet: ServedFleet) -> None:
    """Whoever may only look at the fleet is not told what a chat is about to do; and keeps no answer of who may."""
    approvals = ToolApprovals(new_id=lambda: "1")
    approvals.ask("c", "shell", {"line": "cat diary"}, when="2026-11-21T12:00:00Z")
    chats: Any = SimpleNamespace(chat=SimpleNamespace(approvals=approvals))
    fleet.site.house = replace(fleet.site.house, chats=chats)
    fleet.site.app.extensions[SERVICES_KEY] = fleet.site.house
    full = fleet.site.client.get("/api/v1/now", headers=fleet.key("look", "chat"))
    assert "cat diary" in full.text
    for scopes in (("look",), ("approvals",), ("missions",), ("ops",)):
        asked = fleet.key(*scopes) | {"If-None-Match": full.headers["ETag"]}
        answer = fleet.site.client.get("/api/v1/now", headers=asked)
        assert (answer.status_code, "diary" in answer.text) == (200, False)


def test_a_ledger_that_cannot_be_reached_is_trouble(fleet: ServedFleet) -> None:
    """What was seen last is shown, and why it may be old."""
    before = fleet.get("/api/v1/now")
    fleet.ada.line.cut = True
    fleet.site.house.change_signal.ring()
    told = fleet.get("/api/v1/now")
    assert (told["tip"], told["queued"]) == (before["tip"], 1)
    assert "ledger" in {item["kind"] for item in told["trouble"]}


def test_nodes_with_their_work_and_history(fleet: ServedFleet) -> None:
    """As the command prints them, with what waits for each; the history is pages of missions."""
    (node,) = fleet.get("/api/v1/fleet")
    assert (node["name"], node["role"], node["workload"], node["state"]) == ("vps", "LOCAL_WORKER", 0, "stopped")
    first = fleet.get("/api/v1/fleet/vps/history", limit=2)
    second = fleet.get("/api/v1/fleet/vps/history", limit=2, after=first["next"])
    assert [one["name"] for one in (*first["items"], *second["items"])][-2:] == ["m2", "m0"]
    assert fleet.get("/api/v1/fleet/nobody/history")["items"] == []


def test_projects_are_told_without_passwords(serve: Callable[..., ServedFleet]) -> None:
    """An address may hold one."""
    toml = '[trust]\nmissions = "remote"\n[projects.shop]\nurl = "https://ada:hunter2secret@git.example/shop.git"\n'
    fleet = serve({"fleet.toml": toml})
    (project,) = fleet.get("/api/v1/projects")
    assert (project["name"], "hunter2secret" in project["url"]) == ("shop", False)


def conflict(fleet: ServedFleet) -> str:
    """A conflict on a mission's priority in the ledger; its name."""
    sides = {"kept_by": (1, 0, "ada"), "lost_by": (0, 0, "ben")}
    found = Conflict(part="priority", kept="1", lost="9", **sides)  # type: ignore[arg-type]
    one = conflicts.unresolved_conflict("q", found, day="2026/11/29")
    fleet.push({one.path: conflicts.render(one), "missions/q.md": "---\npriority: 1\n---\nDo it.\n"})
    return one.ident


@pytest.mark.parametrize(
    ("body", "priority"), [({"value": "kept"}, 1), ({"value": "lost"}, 9), ({"value": "text", "text": "5"}, 5)]
)
def test_a_conflict_is_decided(fleet: ServedFleet, body: dict[str, str], priority: int) -> None:
    """Listed with both values, decided once, gone."""
    ident = conflict(fleet)
    (told,) = fleet.get("/api/v1/conflicts")
    assert (told["ident"], told["kept"], told["lost"]) == (ident, "1", "9")
    path = f"/api/v1/conflicts/{ident}"
    assert fleet.site.client.put(path, json=body, headers=fleet.key("look")).status_code == 403
    answer = fleet.site.client.put(path, json=body, headers=fleet.key("missions"))
    assert answer.status_code == 200, answer.text
    assert fleet.ada.ledger().open["q"].mission.priority == priority
    assert fleet.get("/api/v1/conflicts") == []
    assert fleet.site.client.put(path, json=body, headers=fleet.key("missions")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [{}, {"value": "zebra"}, {"value": "kept", "text": "1"}, {"value": "text"}, {"value": "text", "text": "high"}],
)
def test_a_conflict_is_not_decided_by_half_a_word(fleet: ServedFleet, body: dict[str, str]) -> None:
    """422, nothing changed."""
    ident = conflict(fleet)
    before = fleet.ada.ledger().tip
    answer = fleet.site.client.put(f"/api/v1/conflicts/{ident}", json=body, headers=fleet.key("missions"))
    assert (answer.status_code, fleet.ada.ledger().tip) == (422, before)


@pytest.mark.parametrize("scope", ["look", "chat", "sync", "missions", "approvals", "ops", "git", "git:read"])
def test_everybody_may_ask_who_they_are(fleet: ServedFleet, scope: str) -> None:
    """Any token; it is told its scopes and this node, never a secret."""
    key = fleet.key(scope)
    answer = fleet.site.client.get("/api/v1/me", headers=key)
    told = answer.get_json()
    assert (told["name"], told["kind"], told["scopes"]) == (scope, "token", [scope])
    assert (told["node"], told["role"], told["api"]) == ("desk", "HEADQUARTERS", 1)
    assert key["Authorization"].split()[1] not in answer.text
    assert set(told["model"]) == {"name", "backend", "toy", "better"}


def test_nobody_else_is_told_who_answers(fleet: ServedFleet) -> None:
    """Neither without a token, once there is one, nor with one that was revoked."""
    key = fleet.key("look")
    assert fleet.site.client.get("/api/v1/me").status_code == 401
    fleet.site.stores.tokens.revoke("look")
    for path in ("/api/v1/me", "/api/v1/now", "/api/v1/missions"):
        assert fleet.site.client.get(path, headers=key).status_code == 401


def test_a_node_without_a_ledger_says_so(fleet: ServedFleet) -> None:
    """`me` answers all the same."""
    fleet.site.house = replace(fleet.site.house)
    assert fleet.get("/api/v1/me")["fleet"] == ""


def test_how_the_bus_is(fleet: ServedFleet) -> None:
    """As the command says it; what is to be mended stands among the trouble. Without a bus there is none to tell of."""
    assert fleet.site.client.get("/api/v1/fleet/bus", headers=fleet.key("look")).status_code == 404
    before = {item["name"] for item in fleet.get("/api/v1/now")["trouble"]}
    with redis_server() as server:
        watch = RedisWatch(address=read_address(server.url), names=StreamNames(prefix="t"), now=fleet.site.clock)
        fleet.site.house = replace(fleet.site.house, bus=BusGlance(watch=watch, clock=fleet.site.clock.monotonic))
        fleet.site.app.extensions[SERVICES_KEY] = fleet.site.house
        told = fleet.get("/api/v1/fleet/bus")
        assert (told["reachable"], told["append_only"], told["fsync"]) == (True, True, "everysec")
        assert told["crash_loses"]
        assert {item["name"] for item in fleet.get("/api/v1/now")["trouble"]} - before == {"redis-rights"}
        server.kill()
        fleet.site.clock.move(seconds=6)
        assert fleet.get("/api/v1/fleet/bus")["reachable"] is False
        (item,) = [item for item in fleet.get("/api/v1/now")["trouble"] if item["name"].startswith("redis-")]
        assert item["name"] == "redis-unreachable"
        assert "by the ledger alone" in item["step"]


def test_one_look_at_the_bus_serves_all_who_ask_meanwhile() -> None:
    """A server that takes its time is asked once, and nobody but the first waits for it."""
    looks, go_on, now = [0], threading.Event(), [0.0]

    class SlowWatch:
        def condition(self) -> BusCondition:
            looks[0] += 1
            if looks[0] > 1:
                assert go_on.wait(PATIENCE)
            return BusCondition(place="p", waiting=looks[0])

    glance = BusGlance(watch=SlowWatch(), clock=lambda: now[0])
    assert (glance.condition().waiting, glance.condition().waiting) == (1, 1)
    now[0] = 6.0
    asking = threading.Thread(target=glance.condition)
    asking.start()
    until(lambda: looks[0] == 2)
    assert glance.condition().waiting == 1, "what was seen before, and no waiting"
    go_on.set()
    asking.join(PATIENCE)
    assert (glance.condition().waiting, looks[0]) == (2, 2)
