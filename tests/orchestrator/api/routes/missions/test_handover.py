"""May the HTTP side hand work over, and to whom does it refuse?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.api.app import create_app
from orchestrator.ledger.node_pages import LastSeenStore
from orchestrator.workflow.fleet import Fleet
from tests.orchestrator.api.conftest import Build, Site, bearer
from tests.orchestrator.api.routes.test_chat import at_the_site
from tests.orchestrator.chat.conftest import Talk, stores, talk

__all__ = ["stores", "talk"]  # fixtures of the domain's tests


@pytest.fixture
def site(build: Build, talk: Talk, tmp_path: Path) -> Site:
    """A headquarters with chats and a fleet."""
    made = at_the_site(build(), talk)
    ada = talk.ada
    door = Fleet(
        bus=ada.bus,
        reader=ada.reader,
        trust=ada.trust,
        sightings=LastSeenStore(tmp_path / "seen.json"),
        now=talk.town.clock,
    )
    house = replace(made.house, fleet=lambda: door)
    return Site(create_app(house), house, made.stores, made.clock)


def test_a_chat_becomes_a_mission_in_the_callers_name(site: Site, talk: Talk) -> None:
    """Filed by whoever may read chats and steer missions; the commit names them."""
    one = talk.say("Which port does `Shop` use?", project="shop")
    key = bearer(site.token("chat", "missions"))
    answer = site.client.post(f"/api/v1/conversations/{one.conversation}/mission", json={"priority": 3}, headers=key)
    assert answer.status_code == 200, answer.text
    told = answer.get_json()
    assert (told["project"], told["files"], told["conversation"]) == ("shop", [], one.conversation)
    filed = talk.ada.ledger().open[told["name"]]
    assert (filed.mission.priority, filed.mission.project) == (3, "shop")
    assert b"Asked-By: phone" in talk.ada.bus.store.get(talk.ada.ledger().tip)


@pytest.mark.parametrize("scopes", [("chat",), ("missions",), ("sync", "ops")])
def test_who_may_not_do_both_may_do_neither(site: Site, talk: Talk, scopes: tuple[str, ...]) -> None:
    """A mission tells what was said in a chat, and a chat shows a mission: it takes both scopes, in both directions."""
    one = talk.say("Which port?", project="shop")
    talk.ada.push({"missions/fix.md": "Fix it\n"})
    key, before = bearer(site.token(*scopes)), talk.ada.ledger().tip
    first = site.client.post(f"/api/v1/conversations/{one.conversation}/mission", json={}, headers=key)
    second = site.client.post("/api/v1/missions/fix/chat", json={"device_id": "phone"}, headers=key)
    assert (first.status_code, second.status_code) == (403, 403)
    assert talk.ada.ledger().tip == before
    assert len(talk.stores.conversations.listing()) == 1


def test_what_is_not_there_and_what_is_not_valid(site: Site, talk: Talk) -> None:
    """404 and 422, without an echo."""
    key = bearer(site.token("chat", "missions"))
    assert site.client.post("/api/v1/conversations/zebra/mission", json={}, headers=key).status_code == 404
    answer = site.client.post("/api/v1/missions/zebra/chat", json={"device_id": "phone"}, headers=key)
    assert (answer.status_code, "zebra" in answer.text) == (404, False)
    assert site.client.post("/api/v1/missions/x/chat", json={}, headers=key).status_code == 422
    one = talk.say("Which port?", project="shop")
    path = f"/api/v1/conversations/{one.conversation}/mission"
    assert site.client.post(path, json={"run": "rm -rf /"}, headers=key).status_code == 422
    assert site.client.post(path, json={"agent": "zebra"}, headers=key).status_code == 422


def test_an_answer_tells_its_project(site: Site, talk: Talk) -> None:
    """Found in the words of the first message, told with the reason, and kept; `match: false` looks for none."""
    key = bearer(site.token("chat"))
    body = {"message": "What is in the `Shop` repo?", "device_id": "phone"}
    told = site.client.post("/chat", json=body, headers=key).get_json()
    assert told["project"] == "shop"
    assert told["notes"][0].startswith("about shop (because it names “Shop”")
    plain = site.client.post("/chat", json=body | {"match": False}, headers=key).get_json()
    assert (plain["project"], plain["notes"]) == ("", [])
    assert talk.stores.conversations.get(told["conversation_id"]).project == "shop"
