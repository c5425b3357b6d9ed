"""The roll: which nodes go to a release, in which order, what keeps the next one back, and where it stands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from missions import document
from missions.lease import ClaimState
from missions.mission import TASKS, UPDATE_TASK, Mission, Quarantined, Status
from missions.selection import NodeCapabilities, ineligible_reason
from orchestrator.core.errors import NotFound, Refused
from orchestrator.core.roles import Role
from orchestrator.ledger.node_pages import Presence, announced_nodes
from orchestrator.workflow.update_roll import (
    RollPlan,
    UpdateRolls,
    current_rolls,
    plan_roll,
    render_step,
    stacking_reason,
)
from tests.ledgers import FLEET, Keys, Town

NODES = {"hq": Role.HEADQUARTERS, "desk": Role.LOCAL_WORKER, "vps": Role.LOCAL_WORKER, "solo": Role.STANDALONE_NODE}


def presence(name: str, **words: object) -> Presence:
    known: dict[str, object] = {
        "role": NODES[name].value,
        "capabilities": (),
        "agents": ("update",),
        "version": "1.0.0",
        "state": "live",
        "moved": None,
        "works_on": (),
        "tasks": (*TASKS, UPDATE_TASK),
    }
    return Presence(name=name, **(known | words))  # type: ignore[arg-type]


def page(name: str, version: str) -> str:
    return f"---\nrole: {NODES[name].value}\nversion: {version}\ntasks: general_task, {UPDATE_TASK}\n---\n"


@pytest.fixture
def town(keys: Keys) -> Town:
    signers = keys.signers(anna=("admin", "author"), bert=("author",), **dict.fromkeys(NODES, ("node",)))
    pages = {f"heartbeats/{name}.md": page(name, "1.0.0") for name in NODES}
    return Town({"fleet.toml": FLEET.format(trust="signed"), "allowed_signers": signers, **pages})


def rolls(town: Town, keys: Keys, name: str) -> UpdateRolls:
    peer = town.peer(name, key=keys[name])
    peer = replace(peer, bus=replace(peer.bus, key=keys[name].public))
    return UpdateRolls(bus=peer.bus, reader=peer.reader, trust=peer.trust, ledger=peer.ledger)


def filed(town: Town, keys: Keys, *order: str, release: str = "v1.2.0") -> None:
    rolls(town, keys, "anna").file(RollPlan(release=release, order=order))


def test_workers_go_first_and_headquarters_last(town: Town) -> None:
    """A release that does not work is met where the fewest wait for it; among equals by name."""
    found = plan_roll(town.peer("anna").ledger(), [presence(name) for name in NODES], "v1.2.0")
    assert found.order == ("desk", "vps", "solo", "hq")
    assert found.left_out == {}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"version": "1.2.0"}, "it runs v1.2.0"),
        ({"version": "1.10.0"}, "it runs a newer one, v1.10.0"),
        ({"tasks": TASKS}, "not installed by `shiftbook update`"),
        ({"state": "offline"}, "say --node vps when it is back"),
        ({"state": "stopped"}, "it is stopped"),
    ],
)
def test_who_cannot_go_along_is_left_out_with_the_reason(town: Town, words: dict[str, object], why: str) -> None:
    """A laptop in a bag would hold up everybody after it."""
    nodes = [presence("desk"), presence("vps", **words)]
    found = plan_roll(town.peer("anna").ledger(), nodes, "v1.2.0")
    assert found.order == ("desk",)
    assert why in found.left_out["vps"]


def test_only_members_are_updated_and_others_are_not_found(town: Town, keys: Keys) -> None:
    """Anybody can push a page."""
    ledger = town.peer("anna").ledger()
    guest = presence("desk")
    stranger = Presence(**{**guest.__dict__, "name": "stranger"})
    assert plan_roll(ledger, [guest, stranger], "v1.2.0").order == ("desk",)
    with pytest.raises(NotFound, match="no node 'stranger': there are desk"):
        plan_roll(ledger, [guest, stranger], "v1.2.0", ["stranger"])


def test_a_roll_is_one_commit_in_which_each_waits_for_the_one_before(town: Town, keys: Keys) -> None:
    """All missions are there at once, and only the first may begin."""
    filed(town, keys, "desk", "hq")
    ledger = town.peer("x").ledger()
    first, second = (ledger.open[f"update-v1-2-0-{node}"].mission for node in ("desk", "hq"))
    assert (first.to, first.release, first.depends_on, first.attempts_allowed) == (("desk",), "v1.2.0", (), 1)
    assert (second.to, second.depends_on) == (("hq",), (first.name,))
    assert [roll.says for roll in current_rolls(ledger)] == ["update to v1.2.0: desk waiting, hq waiting"]


def test_only_an_admin_files_one_and_only_one_at_a_time(town: Town, keys: Keys) -> None:
    """The second one is told of the first, and how to end it."""
    with pytest.raises(Refused, match="role=admin"):
        rolls(town, keys, "bert").file(RollPlan(release="v1.2.0", order=("desk",)))
    filed(town, keys, "desk")
    with pytest.raises(Refused, match=r"desk waiting: one roll at a time; `shiftbook update --fleet --call-off`"):
        filed(town, keys, "vps", release="v1.3.0")
    with pytest.raises(NotFound, match="no node is there to be updated"):
        filed(town, keys)


def test_the_next_begins_when_the_one_before_says_its_new_version(town: Town, keys: Keys) -> None:
    """Done, and its page tells the release; one that runs another one again by then stops the roll."""
    filed(town, keys, "desk", "vps")
    desk = town.peer("desk", key=keys["desk"])
    desk.attempt("update-v1-2-0-desk")
    desk.fold()
    ledger = desk.ledger()
    second = ledger.open["update-v1-2-0-vps"].mission
    assert "desk, which was updated before, says that it runs v1.0.0" in stacking_reason(ledger, second)
    assert current_rolls(ledger)[0].says == "update to v1.2.0: desk done, vps waiting"
    desk.push({"heartbeats/desk.md": page("desk", "1.2.0")})
    assert announced_nodes(desk.ledger())["desk"].version == "1.2.0"
    assert stacking_reason(desk.ledger(), second) == ""


def test_a_node_that_ends_its_work_first_is_shown_with_that_work(town: Town, keys: Keys) -> None:
    """Hours may go by; the update itself is no such work, nor is what another node holds."""
    filed(town, keys, "desk", "vps")
    anna, desk, vps = (town.peer(name, key=keys[name]) for name in ("anna", "desk", "vps"))
    anna.push({"missions/long.md": "Do it.\n", "missions/other.md": "Do it.\n"})
    for peer, name in ((desk, "update-v1-2-0-desk"), (desk, "long"), (vps, "other")):
        peer.claim(name)
    (roll,) = current_rolls(anna.ledger())
    assert roll.says == "update to v1.2.0: desk running (once long ends), vps waiting"
    assert roll.json()["steps"][0]["waits_for"] == ("long",)


def test_updates_never_stack_whoever_filed_them(town: Town, keys: Keys) -> None:
    """Two admins file at once: what the one has begun keeps the other from beginning, also while its node is away."""
    anna = town.peer("anna", key=keys["anna"])
    anna.push({"missions/a.md": render_step("desk", "v1.2.0", "", "1 of 1")})
    anna.push({"missions/b.md": render_step("vps", "v1.3.0", "", "1 of 1")})
    desk = town.peer("desk", key=keys["desk"])
    other = desk.ledger().open["b"].mission
    assert stacking_reason(desk.ledger(), other) == ""
    held = desk.hold("a")
    assert stacking_reason(desk.ledger(), other) == "a is under way, and updates never stack"
    assert stacking_reason(desk.ledger(), desk.ledger().open["a"].mission) == ""
    desk.end(held, ClaimState.RELEASED)
    desk.fold()
    assert desk.ledger().open["a"].mission.status is Status.QUEUED
    assert stacking_reason(desk.ledger(), other) == "a is under way, and updates never stack"
    assert [roll.says for roll in current_rolls(desk.ledger())] == [
        "update to v1.2.0: desk running",
        "update to v1.3.0: vps waiting",
    ]


def test_a_node_that_came_back_with_its_old_version_stops_the_roll_and_says_why(town: Town, keys: Keys) -> None:
    """The next one never begins, and whoever looks is told."""
    filed(town, keys, "desk", "vps")
    desk = town.peer("desk", key=keys["desk"])
    desk.attempt("update-v1-2-0-desk", ClaimState.FAILED)
    desk.fold()
    roll = current_rolls(desk.ledger())[0]
    assert roll.stopped
    assert roll.says == "update to v1.2.0: desk stopped, vps waiting (update-v1-2-0-desk is dead)"
    assert "stopped" in {step["state"] for step in roll.json()["steps"]}
    assert rolls(town, keys, "anna").open_steps() == ["update-v1-2-0-desk", "update-v1-2-0-vps"]


def test_a_second_roll_to_the_same_release_has_names_of_its_own(town: Town, keys: Keys) -> None:
    """The first one's are in the archive."""
    filed(town, keys, "desk")
    desk = town.peer("desk", key=keys["desk"])
    desk.attempt("update-v1-2-0-desk")
    desk.fold()
    filed(town, keys, "desk")
    assert "update-v1-2-0-desk-2" in desk.ledger().open


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("release: v1.2.0\n", ""), "needs “release:”"),
        (("v1.2.0", "v1.2"), "release"),
        (("v1.2.0", "latest"), "release"),
        (("to: [desk]", "to: [desk, gpu]"), "for one node"),
        (("to: [desk]\n", ""), "for one node"),
        (("priority: 9", "project: shop"), "has no project"),
        (("task: system:update_factory", "task: general_task"), "needs “release:”"),
        (("priority: 9", "agent: builtin"), "go together"),
        (("priority: 9", "run: reboot"), "go together"),
    ],
)
def test_a_file_that_says_something_else_is_no_order(change: tuple[str, str], why: str) -> None:
    """Shown with what is wrong, and never run."""
    found = document.read("missions/m.md", render_step("desk", "v1.2.0", "", "").replace(*change).encode())
    assert isinstance(found, Quarantined)
    assert why in found.reason


def test_a_node_that_was_installed_otherwise_does_not_take_it() -> None:
    """It has neither the task nor the agent, and says so."""
    mission = document.read("missions/m.md", render_step("desk", "v1.2.0", "", "").encode())
    assert isinstance(mission, Mission)
    agents = frozenset({"builtin", "update"})
    assert ineligible_reason(mission, NodeCapabilities(node="desk", role="", agents=agents)) == (
        f"desk takes no {UPDATE_TASK}"
    )
    able = NodeCapabilities(node="desk", role="", agents=agents, tasks=frozenset({UPDATE_TASK}))
    assert ineligible_reason(mission, able) is None
    assert ineligible_reason(mission, NodeCapabilities(**{**able.__dict__, "node": "vps"})) == "meant for desk"


@pytest.mark.parametrize("word", ["gpu", Role.LOCAL_WORKER.value, "vps"])
def test_an_update_is_for_a_node_by_its_name_and_by_nothing_that_it_can(word: str) -> None:
    """A capability that is called like a node would have another one take its update, and fail it."""
    text = render_step("desk", "v1.2.0", "", "").replace("[desk]", f"[{word}]")
    mission = document.read("missions/m.md", text.encode())
    assert isinstance(mission, Mission)
    able = NodeCapabilities(
        node="desk",
        role=Role.LOCAL_WORKER.value,
        capabilities=frozenset({"gpu", "vps"}),
        agents=frozenset({"update"}),
        tasks=frozenset({UPDATE_TASK}),
    )
    assert ineligible_reason(mission, able) == f"meant for {word}"


def test_what_no_admin_signed_is_no_roll(town: Town, keys: Keys) -> None:
    """An author's file, a stranger's that says that it has begun or stopped: they hold up nobody, and are not shown."""
    text = render_step("vps", "v9.0.0", "", "1 of 1")
    town.peer("bert", key=keys["bert"]).push({"missions/a.md": text})
    town.peer("x").push({"missions/b.md": text.replace("priority: 9", "priority: 9\nstatus: queued\nepoch: 3")})
    town.peer("x").push({"missions/c.md": text.replace("priority: 9", "priority: 9\nstatus: dead")})
    filed(town, keys, "desk")
    ledger = town.peer("x").ledger()
    assert [roll.says for roll in current_rolls(ledger)] == ["update to v1.2.0: desk waiting"]
    assert rolls(town, keys, "anna").open_steps() == ["update-v1-2-0-desk"]
    assert stacking_reason(ledger, ledger.open["update-v1-2-0-desk"].mission) == ""
    held = town.peer("vps", key=keys["vps"])
    held.hold("a")
    now = held.ledger()
    assert stacking_reason(now, now.open["update-v1-2-0-desk"].mission) == "a is under way, and updates never stack"


def test_what_was_called_off_keeps_nobody_from_the_next(town: Town, keys: Keys) -> None:
    """Also before its files are in the archive."""
    filed(town, keys, "desk", "vps")
    anna = town.peer("anna", key=keys["anna"])
    for node in ("vps", "desk"):
        path = f"missions/update-v1-2-0-{node}.md"
        anna.push({path: anna.text(path).replace("priority: 9", "priority: 9\nstatus: cancelled")})
    assert current_rolls(anna.ledger()) == []
    assert rolls(town, keys, "anna").open_steps() == []
    filed(town, keys, "vps", release="v1.3.0")
    assert [roll.says for roll in current_rolls(anna.ledger())] == ["update to v1.3.0: vps waiting"]
