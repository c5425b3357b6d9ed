"""Of several attempts, is exactly one result accepted, whoever decides how, and what becomes of the rest?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from missions.document import with_fields
from missions.mission import Status
from orchestrator.core.errors import AlreadyDone, NotFound, Refused, WrongSetting
from orchestrator.ledger.node_pages import LastSeenStore
from orchestrator.ledger.transport import CLAIM
from orchestrator.policy.decision_evidence import FindSigner
from orchestrator.policy.one_of_group import accepted_attempt, group_attempts
from orchestrator.workflow.approval.comparison import ComparedAttempt, attempts_json, compare_attempts
from orchestrator.workflow.approval.group_choice import best_attempt
from orchestrator.workflow.fleet import Fleet
from orchestrator.workflow.late_results import Adoption
from sync.remote import RefUpdate
from tests.orchestrator.repositories import git
from tests.orchestrator.workflow.approval.scene import AUTO, MISSION, Scene

SPLIT = MISSION.format(more="attempts: 3\nbudget_usd: 3.0\n")


@pytest.fixture
def three(scenes: Callable[..., Scene]) -> Scene:
    """Anna has pushed a file that asks for three attempts, and has split it."""
    scene = scenes(missions=())
    scene.peer("anna").push({"missions/fix.md": SPLIT})
    assert door(scene).split("fix") == ["fix-a1", "fix-a2", "fix-a3"]
    return scene


def door(scene: Scene, who: str = "anna") -> Fleet:
    """The fleet as somebody reaches it."""
    peer = scene.peer(who)
    seen = LastSeenStore(scene.folder / f"seen-{who}.json")
    return Fleet(bus=peer.bus, reader=peer.reader, trust=peer.trust, sightings=seen, now=scene.town.clock)


def rows(scene: Scene) -> list[ComparedAttempt]:
    """What is compared."""
    anna = scene.peer("anna")
    return list(compare_attempts(anna.ledger(), anna.trust, "fix"))


def states(scene: Scene) -> dict[str, Status]:
    """Where each stands."""
    found = group_attempts(scene.peer("anna").ledger(), "fix")
    return {name: filed.mission.status for name, filed in found.items()}


def test_a_file_is_split_by_whoever_signs_its_attempts(three: Scene) -> None:
    """Each is trusted, has its part of the budget, and runs as any other; the file that asked for them is gone."""
    ledger = three.peer("anna").ledger()
    assert sorted(ledger.open) == ["fix-a1", "fix-a2", "fix-a3"]
    assert ledger.quarantined == ()
    for filed in ledger.open.values():
        assert three.peer("anna").trust.authorize(ledger, filed).trusted
        assert filed.mission.budget_usd == 1.0


def test_what_a_stranger_pushed_multiplies_nothing(scenes: Callable[..., Scene]) -> None:
    """Nobody's node makes missions of it; a stranger cannot have it split; and whoever splits it signs for it."""
    scene = scenes(missions=())
    scene.peer("eve").push({"missions/fix.md": SPLIT})
    assert scene.peer("n1").ledger().open == {}
    with pytest.raises(Refused):
        door(scene, "eve").split("fix")
    assert scene.peer("n1").ledger().open == {}


def test_what_is_no_file_of_several_is_not_split(scenes: Callable[..., Scene]) -> None:
    """A mission that runs already, one that is not there."""
    scene = scenes(missions=("m",))
    with pytest.raises(Refused, match="asks for one attempt"):
        door(scene).split("m")
    with pytest.raises(NotFound):
        door(scene).split("nothing")


def test_filing_asks_for_several_at_once(scenes: Callable[..., Scene]) -> None:
    """By the fields that a person gives beside the words; names that somebody has are refused before anything is."""
    scene = scenes(missions=())
    made = door(scene).new("Say it.", {"agents": ["claude", "codex"], "budget_usd": 4.0}, name="say")
    ledger = scene.peer("anna").ledger()
    assert made == "say-a1"
    assert {n: (f.mission.agent, f.mission.budget_usd) for n, f in ledger.open.items()} == {
        "say-a1": ("claude", 2.0),
        "say-a2": ("codex", 2.0),
    }


def test_the_same_words_again_are_another_group(scenes: Callable[..., Scene]) -> None:
    """A name that attempts have is taken, as one that a mission has; a name that a person gave is refused."""
    scene = scenes(missions=())
    words = "---\nattempts: 2\n---\nFix the login"
    assert [door(scene).new(words, {}) for _ in range(2)] == ["fix-the-login-a1", "fix-the-login-2-a1"]
    with pytest.raises(WrongSetting, match="fix-the-login-a1 already"):
        door(scene).new(words, {}, name="fix-the-login")


def test_they_are_seen_beside_each_other(three: Scene) -> None:
    """What each changed, whether its tests passed, on which node; what has not begun says so."""
    commit = three.hand_in({"docs/a.md": "one\ntwo\n"}, name="fix-a1")
    three.hand_in({"src/b.py": "x = 1\n"}, name="fix-a2", node="n2")
    first, second, third = rows(three)
    assert (first.number, first.name, first.node, first.status) == (1, "fix-a1", "n1", "review")
    assert (first.files, first.added, first.removed, first.tested) == (("docs/a.md",), 2, 0, True)
    assert (first.commit, second.files, second.node) == (commit, ("src/b.py",), "n2")
    assert "+one" in first.diff
    assert (third.status, third.works, third.files, third.tested) == ("queued", True, (), None)
    anna = three.peer("anna")
    told = attempts_json(anna.ledger(), anna.trust, "fix-a2")
    assert told == attempts_json(anna.ledger(), anna.trust, "fix")
    assert (told["group"], [each["name"] for each in told["attempts"]]) == ("fix", ["fix-a1", "fix-a2", "fix-a3"])
    with pytest.raises(NotFound, match="no attempts of 'nothing'"):
        attempts_json(anna.ledger(), anna.trust, "nothing")


def test_one_is_accepted_and_the_others_are_called_off(three: Scene) -> None:
    """In the same commit, whether they wait, work or have not begun; their branches go, the accepted one is merged."""
    three.hand_in({"docs/a.md": "a\n"}, name="fix-a1")
    three.hand_in({"docs/b.md": "b\n"}, name="fix-a2", node="n2")
    decided = three.door("anna").approve("fix-a2")
    assert states(three) == {"fix-a1": Status.CANCELLED, "fix-a2": Status.DONE, "fix-a3": Status.CANCELLED}
    assert decided.then is not None
    assert three.mission("fix-a2").merged == three.main()
    assert "shiftbook/fix-a1/1" not in three.server.refs()
    assert "shiftbook/fix-a2/1" in three.server.refs()
    three.peer("n1").fold()
    assert three.peer("anna").ledger().open == {}


def test_a_branch_that_moved_is_not_taken_away(three: Scene) -> None:
    """Somebody pushed to it: what nobody has looked at is nobody's to delete."""
    three.hand_in({"docs/a.md": "a\n"}, name="fix-a1")
    other = three.work({"docs/c.md": "c\n"})
    git(three.clone, "push", "--quiet", "--force", "origin", f"{other}:refs/heads/shiftbook/fix-a1/1")
    three.hand_in({"docs/b.md": "b\n"}, name="fix-a2", node="n2")
    three.door("anna").approve("fix-a2")
    assert three.server.refs()["shiftbook/fix-a1/1"] == other


def test_a_second_one_is_never_accepted(three: Scene) -> None:
    """Whoever says so next is told which one it is; it was called off with the others."""
    three.hand_in({"docs/a.md": "a\n"}, name="fix-a1")
    three.hand_in({"docs/b.md": "b\n"}, name="fix-a2", node="n2")
    three.door("anna").approve("fix-a1")
    with pytest.raises((AlreadyDone, Refused)):
        three.door("ben").approve("fix-a2")
    assert [name for name, state in states(three).items() if state is Status.DONE] == ["fix-a1"]


def test_two_who_choose_at_once_choose_one(three: Scene) -> None:
    """Ben's word lands between Anna's look and her push: hers is worked out again, and refused."""
    three.hand_in({"docs/a.md": "a\n"}, name="fix-a1")
    three.hand_in({"docs/b.md": "b\n"}, name="fix-a2", node="n2")
    anna = three.peer("anna")
    anna.line.before_push.append(lambda: three.door("ben", merges=False).approve("fix-a2"))
    with pytest.raises((AlreadyDone, Refused)):
        three.door("anna").approve("fix-a1")
    done = [name for name, state in states(three).items() if state is Status.DONE]
    assert done == ["fix-a2"]


def test_two_that_a_person_marks_done_by_hand_are_one(three: Scene) -> None:
    """In one commit, past every command: the first by name counts, the other is back in review and says why, in
    whichever order nodes come by."""
    three.hand_in({"docs/a.md": "a\n"}, name="fix-a1")
    three.hand_in({"docs/b.md": "b\n"}, name="fix-a2", node="n2")
    anna = three.peer("anna")
    paths = [f"missions/fix-a{number}.md" for number in (1, 2)]
    anna.push({path: with_fields(anna.text(path), {"status": "done"}) for path in paths})
    three.finish("fix-a2", by="n2")
    three.finish("fix-a1")
    assert three.mission("fix-a1").merged == three.main()
    assert three.mission("fix-a2").status is Status.REVIEW
    assert (three.mission("fix-a2").reason or "").startswith("fix-a1 was accepted")
    assert accepted_attempt(anna.ledger(), three.mission("fix-a2"), signer(three)) == "fix-a1"


def signer(scene: Scene) -> FindSigner | None:
    """Who signed what, as anna finds it."""
    anna = scene.peer("anna")
    return anna.trust.judge(anna.ledger(), signed=True).signer


def test_of_two_that_were_marked_done_one_after_the_other_the_first_counts(three: Scene) -> None:
    """Whatever they are called, and in whichever order nodes come by."""
    three.hand_in({"docs/a.md": "a\n"}, name="fix-a1")
    three.hand_in({"docs/b.md": "b\n"}, name="fix-a2", node="n2")
    anna = three.peer("anna")
    for path in ("missions/fix-a2.md", "missions/fix-a1.md"):
        anna.push({path: with_fields(anna.text(path), {"status": "done"})})
    three.finish("fix-a1")
    three.finish("fix-a2", by="n2")
    assert three.mission("fix-a1").status is Status.REVIEW
    assert three.mission("fix-a2").merged == three.main()


@pytest.mark.parametrize("path", ["missions/fix-a4.md", "missions/archive/2026/11/21/fix-a4.md"])
def test_a_stranger_closes_no_group(three: Scene, path: str) -> None:
    """A file that says that it is one of the group, and done, also once a node has archived it: nobody who may decide
    has said so. It is in nobody's comparison while it is open, and the rule does not wait for it."""
    eve = three.peer("eve")
    eve.push({"missions/fix-a5.md": MISSION.format(more="group: fix\n")})
    eve.push({path: MISSION.format(more="group: fix\nstatus: done\n")})
    three.peer("n1").fold()
    three.hand_in({"docs/a.md": "a\n"}, name="fix-a1")
    assert [row.name for row in rows(three) if row.works] == ["fix-a2", "fix-a3"]
    three.door("anna").approve("fix-a1")
    assert three.mission("fix-a1").merged == three.main()


def test_a_person_who_marks_one_done_by_hand_calls_the_others_off(scenes: Callable[..., Scene]) -> None:
    """With the fold that archives it, as an approval does."""
    scene = scenes(missions=(), on_approval="nothing")
    scene.peer("anna").push({"missions/fix.md": SPLIT})
    door(scene).split("fix")
    scene.hand_in({"docs/a.md": "a\n"}, name="fix-a1")
    anna, path = scene.peer("anna"), "missions/fix-a1.md"
    anna.push({path: with_fields(anna.text(path), {"status": "done"})})
    scene.peer("n1").fold()
    assert states(scene) == {"fix-a1": Status.DONE, "fix-a2": Status.CANCELLED, "fix-a3": Status.CANCELLED}


def test_branches_stay_until_the_accepted_one_has_landed(three: Scene) -> None:
    """A merge that is refused leaves the others' work where it was: one of them may be the one after all."""
    three.hand_in({"docs/a.md": "a\n"}, name="fix-a1")
    three.hand_in({"docs/b.md": "b\n"}, name="fix-a2", node="n2")
    other = three.work({"docs/c.md": "c\n"})
    git(three.clone, "push", "--quiet", "--force", "origin", f"{other}:refs/heads/shiftbook/fix-a2/1")
    decided = three.door("anna").approve("fix-a2")
    assert decided.then is not None
    assert decided.then.refused
    assert (decided.cleared, "shiftbook/fix-a1/1" in three.server.refs()) == ((), True)


def test_branches_that_went_are_named(three: Scene) -> None:
    """Once it has landed."""
    three.hand_in({"docs/a.md": "a\n"}, name="fix-a1")
    three.hand_in({"docs/b.md": "b\n"}, name="fix-a2", node="n2")
    assert three.door("anna").approve("fix-a2").cleared == ("shiftbook/fix-a1/1",)


def test_no_rule_lets_one_pass_unseen(scenes: Callable[..., Scene]) -> None:
    """Whatever policy allows and the file says: two that pass by themselves would be two results."""
    scene = scenes(missions=(), policy=AUTO)
    more = "group: fix\napprove: auto\n"
    scene.peer("anna").push({"missions/fix-a1.md": MISSION.format(more=more)})
    scene.hand_in({"docs/a.md": "a\n"}, name="fix-a1")
    mission = scene.mission("fix-a1")
    assert mission.status is Status.REVIEW
    assert (mission.reason or "").startswith("it is one of several attempts: `shiftbook mission compare fix`")


def test_a_rejection_sends_one_back_and_leaves_the_others(three: Scene) -> None:
    """It is done again; nobody is called off."""
    three.hand_in({"docs/a.md": "a\n"}, name="fix-a1")
    three.door("anna").reject("fix-a1", "not so")
    assert set(states(three).values()) == {Status.QUEUED}


def test_late_work_is_no_second_result(three: Scene) -> None:
    """Nobody adopts an attempt's late work once another one was accepted; adopted first, it calls the others off."""
    anna = three.peer("anna")
    adoption = Adoption(bus=anna.bus, reader=anna.reader, trust=anna.trust)
    three.hand_in({"docs/a.md": "a\n"}, name="fix-a1")
    three.door("anna").approve("fix-a1")
    with pytest.raises(AlreadyDone, match="fix-a1 was accepted"):
        adoption.adopt("fix-a2")


def test_late_work_that_is_adopted_calls_the_others_off(three: Scene) -> None:
    """As an approval does."""
    n1, anna = three.peer("n1"), three.peer("anna")
    held = n1.hold("fix-a2")
    n1.bus.remote.push([RefUpdate(ref=f"{CLAIM}fix-a2", expect=held.oid, new=None)])
    n1.end(held)
    Adoption(bus=anna.bus, reader=anna.reader, trust=anna.trust).adopt("fix-a2")
    assert states(three) == {"fix-a1": Status.CANCELLED, "fix-a2": Status.DONE, "fix-a3": Status.CANCELLED}


def attempt(number: int, **facts: object) -> ComparedAttempt:
    """One that waits."""
    made = ComparedAttempt(
        number=number,
        name=f"fix-a{number}",
        agent="claude",
        node="n1",
        status="review",
        reason="",
        tested=True,
        cost_usd=1.0,
        seconds=60.0,
        files=("a.py",),
        added=10,
        removed=0,
        diff="",
        commit="",
    )
    return replace(made, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("others", "chosen"),
    [
        ([attempt(2, tested=None, cost_usd=0.1)], 1),
        ([attempt(2, tested=False, cost_usd=0.1)], 1),
        ([attempt(2, cost_usd=0.5)], 2),
        ([attempt(2, added=3)], 2),
        ([attempt(2, status="parked", cost_usd=0.1)], 1),
        ([attempt(2, cost_usd=None)], 1),
        ([attempt(2, cost_usd=0.0, files=(), added=0)], 1),
        ([attempt(2)], 1),
    ],
)
def test_the_rule_prefers_tests_then_money_then_few_lines(others: list[ComparedAttempt], chosen: int) -> None:
    """And of equal ones the first."""
    assert best_attempt("fix", [attempt(1), *others]).number == chosen


def test_the_rule_waits_for_all_and_chooses_nothing_broken() -> None:
    """Told with what a person can do."""
    with pytest.raises(Refused, match="fix-a2 still work"):
        best_attempt("fix", [attempt(1), attempt(2, status="running")])
    with pytest.raises(Refused, match="--attempt"):
        best_attempt("fix", [attempt(1, tested=False)])


def test_a_name_alone_makes_nobody_one_of_a_group(three: Scene) -> None:
    """A mission that is called like an attempt, and does not say so in its own text, is not called off with them."""
    three.peer("anna").push({"missions/fix-a4.md": MISSION.format(more="")})
    three.hand_in({"docs/a.md": "a\n"}, name="fix-a1")
    three.door("anna").approve("fix-a1")
    assert three.mission("fix-a4").status is Status.QUEUED
