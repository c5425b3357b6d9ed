"""Which program a node runs is an admin's word alone, whatever way a mission for it comes by."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from missions import document
from missions.child_limits import PROPOSABLE_TASKS
from missions.lease import ClaimState
from missions.mission import UPDATE_TASK, Mission
from orchestrator.core.errors import Refused, WrongSetting
from orchestrator.ledger.config.supplier_tables import SignalRule
from orchestrator.ledger.node_pages import LastSeenStore
from orchestrator.policy.authorization import TrustDecision
from orchestrator.policy.child_missions import file_proposals
from orchestrator.workflow.delegation.envelope import mission_text, read_envelope
from orchestrator.workflow.fleet import Fleet
from orchestrator.workflow.mission_filing import MissionFiling, MissionRequest, supplier_filing
from orchestrator.workflow.update_roll import render_step
from sync.objects import read_commit, write_commit
from sync.remote import RefUpdate
from tests.ledgers import FLEET, Keys, Peer, Town
from tests.orchestrator.policy.test_authorization import twin

PATH = "missions/update-desk.md"
TEXT = render_step("desk", "v1.2.0", "", "1 of 1")


@pytest.fixture
def town(keys: Keys) -> Town:
    signers = keys.signers(anna=("admin", "author"), carl=("admin",), bert=("author",), desk=("node",))
    return Town({"fleet.toml": FLEET.format(trust="signed"), "allowed_signers": signers})


def judged(town: Town, name: str = "update-desk") -> TrustDecision:
    node = town.peer("desk")
    ledger = node.ledger()
    return node.trust.authorize(ledger, ledger.open[name])


@pytest.mark.parametrize("who", ["anna", "carl"])
def test_an_admins_signature_has_a_node_updated(town: Town, keys: Keys, who: str) -> None:
    """Also one who may not file other missions by a role of their own."""
    town.peer(who, key=keys[who]).push({PATH: TEXT})
    assert judged(town) == TrustDecision(trusted=True, who=who, why=judged(town).why)


@pytest.mark.parametrize(("who", "why"), [("bert", "only an admin"), ("desk", "only an admin"), ("eve", "not signed")])
def test_nobody_elses_does(town: Town, keys: Keys, who: str, why: str) -> None:
    """Not an author's, who may file any other mission; not a node's own; not a stranger's."""
    town.peer(who, key=keys[who]).push({PATH: TEXT})
    found = judged(town)
    assert not found.trusted
    assert why in found.why


def test_a_fleet_that_trusts_whoever_pushes_does_not_here(keys: Keys) -> None:
    """`trust.missions = "remote"` is about work, not about programs."""
    town = Town({"allowed_signers": keys.signers(anna=("admin",))})
    town.peer("x").push({PATH: TEXT, "missions/other.md": "Do it.\n"})
    assert judged(town, "other").trusted
    assert not judged(town).trusted
    town.peer("anna", key=keys["anna"]).push({PATH: TEXT + "\nNow.\n"})
    assert judged(town).trusted


@pytest.mark.parametrize(
    "edit",
    [
        TEXT.replace("v1.2.0", "v1.3.0"),
        TEXT.replace("[desk]", "[vps]"),
        TEXT.replace("priority: 9\n", "priority: 9\nnot_before: 2026-11-30T00:00:00Z\n"),
        TEXT + "More.\n",
    ],
)
def test_an_authors_edit_of_an_admins_order_ends_it(town: Town, keys: Keys, edit: str) -> None:
    """Another release, another node, another time: it is not what the admin signed."""
    town.peer("anna", key=keys["anna"]).push({PATH: TEXT})
    town.peer("bert", key=keys["bert"]).push({PATH: edit})
    assert not judged(town).trusted


def test_an_author_cannot_vouch_for_one(town: Town, keys: Keys) -> None:
    """`mission trust` makes the text the author's, and theirs does not count."""
    town.peer("x").push({PATH: TEXT})
    fleet(speaker(town, keys, "bert")).orders().endorse("update-desk")
    assert not judged(town).trusted
    fleet(speaker(town, keys, "anna")).orders().endorse("update-desk")
    assert judged(town).trusted


STRANGERS = "---\nagent: command\nrun: id\n---\nDo it.\n"


@pytest.mark.parametrize(("text", "filed_by"), [(TEXT, "bert"), (TEXT, "x"), (STRANGERS, "x"), (STRANGERS, "desk")])
def test_a_budget_vouches_for_nothing(town: Town, keys: Keys, text: str, filed_by: str) -> None:
    """An author's update, or a stranger's command line, is not the admin's because they said what it may cost."""
    known = town.peer(filed_by, key=keys[filed_by]) if filed_by != "x" else town.peer("x")
    before = known.push({PATH: text})
    anna = fleet(speaker(town, keys, "anna"))
    with pytest.raises(Refused, match=r"not trusted as it is now.*shiftbook mission trust update-desk"):
        anna.set_budget("update-desk", 5)
    assert town.peer("desk").ledger().tip == before
    assert not judged(town).trusted


def test_orders_that_ask_for_nothing_else_leave_a_strangers_mission_untrusted(town: Town, keys: Keys) -> None:
    """It may be parked, put back into the queue and called off unread, and is no more anybody's than it was."""
    town.peer("x").push({PATH: STRANGERS})
    anna = fleet(speaker(town, keys, "anna"))
    for order in (anna.pause, anna.resume, anna.cancel):
        order("update-desk")
        assert not judged(town).trusted


def test_a_budget_is_set_once_the_text_is_vouched_for(town: Town, keys: Keys) -> None:
    """And the mission is trusted before and after; what is as it was is no change, whoever filed it."""
    town.peer("x").push({PATH: STRANGERS})
    anna = fleet(speaker(town, keys, "anna"))
    anna.endorse("update-desk")
    anna.set_budget("update-desk", 5)
    assert judged(town).trusted
    assert "budget_usd: 5" in town.peer("desk").text(PATH)


def test_nobody_vouches_for_a_text_that_was_exchanged_at_the_moment(town: Town, keys: Keys) -> None:
    """A stranger is faster: what anna read is not what she would sign. What is no part of the text does not matter."""
    town.peer("x").push({PATH: STRANGERS})
    anna, other = speaker(town, keys, "anna"), town.peer("x")
    evil = STRANGERS.replace("run: id", "run: date")
    anna.bus.remote.before_push.append(lambda: other.push({PATH: evil}))  # type: ignore[attr-defined]
    with pytest.raises(Refused, match="read it again"):
        fleet(anna).endorse("update-desk")
    assert not judged(town).trusted
    seen = town.peer("desk").text(PATH)
    other.push({PATH: STRANGERS.replace("run: id", "run: uname")})
    with pytest.raises(Refused, match="read it again"):  # read a while ago, exchanged since
        fleet(anna).endorse("update-desk", seen)
    other.push({PATH: evil})
    retried = evil.replace("---\n", "---\nretries: 1\n", 1)
    anna.bus.remote.before_push.append(lambda: other.push({PATH: retried}))  # type: ignore[attr-defined]
    fleet(anna).endorse("update-desk", seen)
    assert judged(town).trusted


def test_a_strangers_edit_of_the_moment_before_is_not_signed_with_a_budget(town: Town, keys: Keys) -> None:
    """What counts is the text on which the order lands, and not the one that was looked at."""
    town.peer("anna", key=keys["anna"]).push({PATH: STRANGERS.replace("run: id", "run: date")})
    anna, other = speaker(town, keys, "anna"), town.peer("x")
    anna.bus.remote.before_push.append(lambda: other.push({PATH: STRANGERS}))  # type: ignore[attr-defined]
    with pytest.raises(Refused, match="not trusted as it is now"):
        fleet(anna).set_budget("update-desk", 5)
    assert not judged(town).trusted
    assert "budget_usd" not in other.text(PATH)


def test_an_order_that_was_carried_out_is_not_brought_back(town: Town, keys: Keys) -> None:
    """The file of before, byte for byte, by somebody else: who adds it says it."""
    anna = town.peer("anna", key=keys["anna"])
    anna.push({PATH: TEXT})
    anna.push({PATH: None})
    town.peer("bert", key=keys["bert"]).push({PATH: TEXT})
    assert not judged(town).trusted


def test_a_twin_of_the_admins_commit_brings_nothing_back(town: Town, keys: Keys) -> None:
    """The same commit under another name, merged by an author over what the admin said since."""
    anna = town.peer("anna", key=keys["anna"])
    first = anna.push({PATH: TEXT})
    last = anna.push({PATH: TEXT.replace("v1.2.0", "v1.1.0")})
    bert = town.peer("bert", key=keys["bert"])
    tree = read_commit(bert.bus.store.get(first)).tree
    parents, sign = (last, twin(bert, first)), keys["bert"].sign
    made = write_commit(
        bert.bus.store, tree=tree, parents=parents, name="b", email="b@x", when=1, message="merge", sign=sign
    )
    bert.line.push([RefUpdate(ref=bert.bus.main, expect=last, new=made)])
    assert not judged(town).trusted


def test_the_nodes_own_fields_leave_it_the_admins(town: Town, keys: Keys) -> None:
    """It goes back into the queue while its node starts anew, folded by whichever node: it is still the same order."""
    town.peer("anna", key=keys["anna"]).push({PATH: TEXT})
    node = town.peer("desk", key=keys["desk"])
    node.attempt("update-desk", ClaimState.RELEASED)
    assert node.fold().missions
    assert judged(town).trusted


# -- the doors, whose words an admin's key on the machine may sign -------------------------------------------------


def speaker(town: Town, keys: Keys, name: str) -> Peer:
    peer = town.peer(name, key=keys[name])
    return replace(peer, bus=replace(peer.bus, key=keys[name].public))


def fleet(peer: Peer) -> Fleet:
    return Fleet(
        bus=peer.bus, reader=peer.reader, trust=peer.trust, sightings=LastSeenStore(Path("/nowhere")), now=peer.bus.now
    )


@pytest.fixture
def door(town: Town, keys: Keys) -> Fleet:
    """HQ's door: its person is the admin, and signs what comes in."""
    return fleet(speaker(town, keys, "anna"))


def test_no_door_files_one_though_its_key_could_sign_it(door: Fleet) -> None:
    """HTTP, a phone's order, a chat, MCP: all of them say a text, and the machine's person signs."""
    for text, fields in ((TEXT, {}), ("Go to v1.2.0", {"task": UPDATE_TASK, "release": "v1.2.0", "to": ["desk"]})):
        with pytest.raises((Refused, WrongSetting), match="shiftbook update --fleet --to v1"):
            door.new(text, fields)
    with pytest.raises(Refused, match="admin's machine"):
        MissionFiling(fleet=lambda: door, marks=None).file(MissionRequest(text=TEXT, title="Innocent", by="phone"))
    assert door.ledger().open == {}


def test_a_supplier_files_none(door: Fleet) -> None:
    """Neither as what its rule says, which knows only what agents may propose, nor as a text of its own."""
    assert UPDATE_TASK not in PROPOSABLE_TASKS
    with pytest.raises(ValueError, match="general_task"):
        SignalRule.model_validate({"type": "x", "task": UPDATE_TASK})
    with pytest.raises(Refused, match="admin's machine"):
        supplier_filing("feed", lambda: door, None)(TEXT, "an-update", "key-1")


@pytest.mark.parametrize("task", ["system:update_factory:v1.2.0", f"general_task:{TEXT}", f"coding_task:{TEXT}"])
def test_a_bus_brings_none(task: str) -> None:
    """Whatever stands in an envelope: its own type, or a whole file as another one's description."""
    text = mission_text(read_envelope(json.dumps(raw(task))))
    read = document.read("missions/a.md", text.encode())
    assert isinstance(read, Mission)
    assert (read.task, read.release) != (UPDATE_TASK, "v1.2.0")
    assert read.task != UPDATE_TASK


def raw(task: str) -> dict[str, object]:
    return {"job_id": "a", "idempotency_key": "k", "priority": 1, "payload": {"task": task, "context": {}}}


@pytest.mark.parametrize("context", [{"task": UPDATE_TASK}, {"release": "v1.2.0"}, {"agent": "update"}])
def test_nor_does_an_envelopes_context(context: dict[str, str]) -> None:
    """It may set a few fields, and these are not among them."""
    told = raw("general_task:Do it")
    told["payload"] = {"task": "general_task:Do it", "context": context}
    read = document.read("missions/a.md", mission_text(read_envelope(json.dumps(told))).encode())
    assert getattr(read, "task", "") != UPDATE_TASK


def test_an_agent_proposes_none(town: Town) -> None:
    """As a child of its mission it would come in with the parent's rights."""
    parent = Mission(name="parent", title="parent", body="Do it.")
    found = file_proposals(town.peer("desk").ledger(), parent, {"update-desk.md": TEXT})
    assert found.files == {}
    assert "not filed" in found.remarks[0]
