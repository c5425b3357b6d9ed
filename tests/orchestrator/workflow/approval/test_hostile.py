"""What can a hostile node, or somebody who may only push, do to results and to the fold of all? Nothing that lasts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from missions.archive_path import archive_path
from missions.lease import ClaimState
from missions.mission import Status
from orchestrator.ledger import claims as claims
from orchestrator.ledger.result_record import ResultRecord
from orchestrator.ledger.snapshot import CLAIM_FILE
from orchestrator.ledger.transport import CLAIM, LOG
from orchestrator.policy.decision_evidence import find_decision
from orchestrator.policy.write_rules import Actor, PathChange, check_path_changes
from orchestrator.workflow.late_results import Adoption
from sync.objects import read_commit
from sync.remote import RefUpdate
from tests.ledgers import Keys, Peer, Town, all_files, record
from tests.orchestrator.repositories import git
from tests.orchestrator.workflow.approval.scene import AUTO, Scene

VPS = Actor(name="n1", roles=frozenset({"node"}))


def gate(peer: Peer, before: str) -> str:
    """What the served ledger's gate says of the newest commit, if a node pushed it."""
    store = peer.bus.store
    ledger = peer.ledger()
    old, new = (all_files(store, read_commit(store.get(commit)).tree) for commit in (before, ledger.tip))
    paths = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
    return check_path_changes(VPS, [PathChange(path=p, old=old.get(p), new=new.get(p)) for p in paths], store.get)


def handed_in(peer: Peer, name: str, meta: dict[str, object] | None = None, **more: object) -> None:
    """A node ends an attempt with a record of its own making."""
    held = peer.hold(name)
    made: ResultRecord = replace(record(held), **more)  # type: ignore[arg-type]
    if meta is None:
        assert claims.complete(peer.bus, held, made, state=ClaimState.DONE).accepted
        return
    files = dict(made.files())
    files["record.json"] = json.dumps(json.loads(files["record.json"] or b"") | meta).encode()
    parent = peer.bus.remote.fetch().get(LOG + peer.name)
    log = peer.bus.commit(files, "hostile", onto=parent, tree=None)
    text = json.loads(held.claim.print()) | {"state": "done", "log": log, "nonce": "x"}
    closed = peer.bus.commit({CLAIM_FILE: json.dumps(text).encode()}, "closed", onto=held.oid, tree=None)
    ref = CLAIM + name
    peer.bus.remote.push(
        [RefUpdate(ref=ref, expect=held.oid, new=closed), RefUpdate(ref=LOG + peer.name, expect=parent, new=log)]
    )


@pytest.mark.parametrize(
    "meta",
    [
        {"facts": {"files": ["a"], "added": 10**400, "removed": 1}},
        {"facts": {"files": ["src/" + "tests/" * 100_000], "added": 1, "removed": 1}},
        {"facts": {"files": ["a"], "cost_usd": 1e300}},
        {"fields": {"cost_usd": -1000.0}},
        {"fields": {"cost_usd": 1e300}},
    ],
    ids=["a number that no float can be", "a path without end", "a cost", "money earned", "money burnt"],
)
def test_a_hostile_record_is_refused_alone(scenes: Callable[..., Scene], meta: dict[str, object]) -> None:
    """It is told why; what others ended is folded in the same round."""
    scene = scenes(policy=AUTO.replace('"docs/**"', '"src/**/tests/**/*.py"'), missions=("m", "other"))
    handed_in(scene.peer("n1"), "m", meta)
    scene.peer("n2").attempt("other")
    folded = scene.peer("n2").fold()
    assert list(folded.refused) == ["m"]
    assert list(folded.missions) == ["other"]


def test_a_node_writes_no_journal_for_others(scene: Scene) -> None:
    """Entries under other names would push what an agent did wrong out of the window that trust looks at."""
    entry = record(scene.peer("n1").hold("m")).entry.replace("entry: m-1", "entry: other-7")
    scene.file("k")
    handed_in(scene.peer("n1"), "k", entry=entry)
    assert "journal entry" in scene.peer("n2").fold().refused["k"]


@pytest.mark.parametrize(("name", "attempt"), [("zzz/b", 1), ("B", 1), ("b", 10**300)])
def test_a_claim_that_makes_odd_paths_is_junk(name: str, attempt: int) -> None:
    """`zzz/b` would be read as the mission b, and write over what is archived under that name."""
    town = Town({"missions/b.md": "---\nstatus: done\nfinished: 2026-11-21T12:00:00Z\n---\nmine\n"})
    peer = town.peer("n1")
    peer.fold()
    path = archive_path("b", "2026/11/21")
    before = peer.text(path)
    blob = peer.bus.store.put("blob", b"another text\n")
    text = {"mission": name, "blob": blob, "node": "n1", "boot": "", "epoch": 1, "attempt": attempt, "nonce": "x"}
    log = peer.bus.commit({"record.json": b"{}"}, "x", onto=None, tree=None)
    text |= {"state": "done", "log": log, "reason": ""}
    oid = peer.bus.commit({CLAIM_FILE: json.dumps(text).encode()}, "x", onto=None, tree=None)
    peer.bus.remote.push([RefUpdate(ref=CLAIM + name, expect=None, new=oid)])
    ledger = peer.ledger()
    assert name in ledger.unreadable_claims
    assert peer.fold().missions == {}
    assert peer.text(path) == before


@pytest.mark.parametrize("state", [ClaimState.DONE, ClaimState.FAILED, ClaimState.RELEASED])
def test_a_mission_deleted_after_a_rejection_stops_no_fold(scene: Scene, state: ClaimState) -> None:
    """What is archived of it is what the gate of a served ledger takes from any node."""
    scene.hand_in()
    scene.door("anna").reject("m", "again")
    node = scene.peer("n1")
    held = node.hold("m")
    scene.peer("anna").push({"missions/m.md": None})
    assert claims.complete(node.bus, held, record(held), state=state).accepted
    before = node.ledger().tip
    assert node.fold().missions.keys() == {"m"}
    assert gate(node, before) == ""


@pytest.mark.parametrize("state", [ClaimState.DONE, ClaimState.RELEASED, ClaimState.PARKED, ClaimState.CANCELLED])
def test_what_a_person_puts_into_review_while_it_runs_waits(state: ClaimState) -> None:
    """A node may take nothing out of review, so a fold does not either: the gate would refuse all that it folds."""
    town = Town({"missions/m.md": "do it\n"})
    node = town.peer("n1")
    held = node.hold("m")
    town.peer("person").push({"missions/m.md": "---\nstatus: review\n---\ndo it\n"})
    assert claims.complete(node.bus, held, record(held), state=state, reason="paused by a person").accepted
    before = node.ledger().tip
    assert node.fold().missions == {"m": Status.REVIEW}
    assert gate(node, before) == ""


def test_a_memo_that_is_there_stops_no_fold() -> None:
    """Somebody may have put a file where a mission's memo will go; it stays, and the result is folded."""
    town = Town({"missions/m.md": "do it\n", "memos/2026-11/m-1.md": "first\n"})
    node = town.peer("n1")
    node.attempt("m", memo="# mine\n")
    before = node.ledger().tip
    assert node.fold().missions == {"m": Status.DONE}
    assert gate(node, before) == ""
    assert node.text("memos/2026-11/m-1.md") == "first\n"


@pytest.mark.parametrize("approve", ["approve: auto\n", ""])
def test_a_missions_own_scope_holds_for_a_node_that_does_not(scenes: Callable[..., Scene], approve: str) -> None:
    """An honest node would have failed the attempt; the fold does not take its word for it."""
    scene = scenes(policy=AUTO, more=f'{approve}scope: ["docs/**"]\n')
    scene.hand_in({"README.md": "not asked for\n"})
    mission = scene.mission()
    assert mission.status is Status.REVIEW
    assert "README.md outside of docs/**" in (mission.reason or "")


def test_the_diff_that_counts_is_the_one_that_was_there_when_it_was_decided(scene: Scene) -> None:
    """A node shows a harmless diff, waits for the approval, and puts the true one in its place: nothing is merged."""
    main = scene.main()
    commit = scene.work({"docs/a.md": "harmless\n"})
    shown = scene.told(commit).diff
    scene.hand_in({"docs/a.md": "evil one\n"}, diff=shown)
    path = archive_path("m", "2026/11/21", "1.diff")
    true = shown.replace("harmless", "evil one")
    scene.door("anna", merges=False).approve("m")
    clone, mission = scene.clone, scene.mission()
    assert mission.commit is not None
    true = git(clone, "diff-tree", "-p", "-M", "--binary", "--full-index", f"{mission.commit}^", mission.commit) + "\n"
    scene.peer("n1").push({path: true})
    done = scene.finish(by="n2")
    assert done is not None
    assert "not what is on the branch" in done.refused
    assert scene.main() == main


def test_a_node_does_not_touch_what_people_look_at() -> None:
    """On a served ledger an attempt's diff and verdict change with another attempt's end only, never in review."""
    path, other = archive_path("m", "2026/11/21", "1.diff"), "missions/m.md"
    texts = {
        "a": b"---\nstatus: review\n---\nx\n",
        "b": b"---\nstatus: review\nepoch: 2\n---\nx\n",
        "d": b"d",
        "e": b"e",
    }
    texts |= {"q": b"x\n", "r": b"---\nstatus: failed\nepoch: 2\n---\nx\n"}
    swap = PathChange(path=path, old="d", new="e")
    assert "a node does not change it" in check_path_changes(VPS, [swap], texts.__getitem__)
    both = [swap, PathChange(path=other, old="a", new="b")]
    assert "a node does not change it" in check_path_changes(VPS, both, texts.__getitem__)
    assert check_path_changes(VPS, [swap, PathChange(path=other, old="q", new="r")], texts.__getitem__) == ""
    assert check_path_changes(VPS, [PathChange(path=path, old=None, new="e")], texts.__getitem__) == ""


@pytest.mark.parametrize("who", ["eve", ""])
def test_a_stranger_is_not_policy(scenes: Callable[..., Scene], who: str, keys: Keys) -> None:
    """Whoever may push writes that policy let it pass: it waits again, also where nothing would be merged."""
    scene = scenes(on_approval="nothing")
    scene.hand_in()
    text = scene.text().replace("status: review", "status: done\ndecision: approved\ndecided_by: policy")
    stranger = scene.peer(who) if who else scene.town.peer("nobody")
    stranger.push({"missions/m.md": text})
    assert scene.peer("n2").fold().missions == {"m": Status.REVIEW}


@pytest.mark.parametrize(
    ("before", "after"),
    [("max = 3", "max = 0"), ("auto_word = true", "auto_word = true\nchildren = {}")],
    ids=["the fleet's", "a project's, by what it now says"],
)
def test_rules_that_let_no_children_in_count_at_once(scenes: Callable[..., Scene], before: str, after: str) -> None:
    """A node that has judged a child before says the same as one that looks for the first time."""
    rules = "[policy.children]\nmax = 3\n[projects.shop.policy]\nauto_word = true\n"
    scene = scenes(policy=rules, missions=())
    scene.peer("anna").push({"missions/m.md": "---\nproject: shop\n---\ndo it\n"})
    scene.hand_in(proposals={"child": "a first step\n"})
    node = scene.peer("n2")
    ledger = node.ledger()
    assert node.trust.authorize(ledger, ledger.open["child"]).trusted
    scene.peer("anna").push({"fleet.toml": node.text("fleet.toml").replace(before, after)})
    fresh, found = scene.town.peer("n3"), []
    for peer in (node, fresh):
        ledger = peer.ledger()
        found.append(peer.trust.authorize(ledger, ledger.open["child"]).trusted)
    assert found == [False, False]


def test_a_node_with_a_memory_judges_as_one_without(scenes: Callable[..., Scene]) -> None:
    """Whose word an acceptance is can change although the file's bytes do not: every node folds the same."""
    scene = scenes(on_approval="nothing", missions=("a",))
    scene.hand_in(name="a")
    scene.door("anna").approve("a")
    scene.peer("n1").fold()
    node = scene.peer("n2")

    def points(peer: Peer) -> int:
        ledger = peer.ledger()
        filed = ledger.archived("a")
        assert filed is not None
        return peer.trust.judge(ledger, signed=True).standing(filed.mission).points

    assert points(node) == 1
    stranger = scene.town.peer("nobody")
    stranger.push({"missions/a.md": scene.text("a").replace("decided_by: anna", "decided_by: nobody")})
    stranger.push({"missions/a.md": None})
    ledger = node.ledger()
    said = find_decision(ledger, "missions/a.md", lambda commit: node.trust.signer(ledger, commit))
    assert said is not None
    assert points(node) == points(scene.town.peer("n3"))


def test_a_child_does_not_pass_for_a_mission_that_somebody_waits_for(scene: Scene) -> None:
    """Under the name that a person's mission waits for it would let that one go, or make a circle that stops both."""
    scene.peer("anna").push({"missions/late.md": "---\ndepends_on: [first]\n---\nafter it\n"})
    scene.hand_in(proposals={"first": "---\ndepends_on: [late]\n---\nI am first\n"})
    ledger = scene.peer("n2").ledger()
    assert ledger.quarantined == ()
    assert {"late", "first-2"} <= ledger.open.keys()


def test_late_work_that_a_person_adopts_is_no_branch_to_merge(scene: Scene) -> None:
    """It has a diff and no branch of its own: the commit of the result before it must not go in under its name."""
    main, old, new = scene.main(), scene.peer("n1"), scene.peer("n2")
    held = old.hold("m")
    taken = claims.take_over(new.bus, new.ledger().claims["m"], blob=held.claim.blob)
    assert taken is not None
    commit = scene.work({"docs/a.md": "new\n"})
    branch = "shiftbook/m/2"
    git(scene.clone, "push", "--quiet", "origin", f"{commit}:refs/heads/{branch}")
    scene.end(new, taken, replace(scene.told(commit), branch=branch), branch)
    assert scene.mission().status is Status.REVIEW
    late = replace(record(held), artifacts={"diff": "+old\n"})
    assert claims.complete(old.bus, held, late, state=ClaimState.DONE).late is not None
    anna = scene.peer("anna")
    Adoption(bus=anna.bus, reader=anna.reader, trust=anna.trust).adopt("m")
    scene.finish()
    mission = scene.mission()
    assert (mission.status, mission.commit, scene.main()) == (Status.DONE, None, main)
    assert anna.ledger().archived("m") is not None
