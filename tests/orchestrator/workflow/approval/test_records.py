"""Do a result's facts come through a record as they are, does a hostile one say nothing, and who hears of a comment?"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.approval import ChangeFacts
from missions.archive_path import archive_path
from missions.lease import ClaimState
from missions.mission import Mission, Status
from orchestrator.adapters.agents.claude import Claude
from orchestrator.core.errors import NotFound
from orchestrator.core.ports.agent import DiffStat, Outcome
from orchestrator.core.ports.model import Usage
from orchestrator.execution.programs.port import RoundRequest
from orchestrator.ledger import claims as claims
from orchestrator.ledger.result_record import ResultRecord, read_facts, read_record
from orchestrator.ledger.result_report import change_facts
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.approval import diff_view as diffs
from orchestrator.workflow.approval.decide import Approval
from orchestrator.workflow.approval.worker import RETRY, DeliveryWorker
from sync.memory_remote import MemoryServer
from sync.objects import edit_tree, write_commit
from tests.ledgers import Ticks, Town, record, working
from tests.orchestrator.workflow.approval.scene import Scene

NAMES = st.lists(st.text(max_size=8), max_size=3).map(tuple)
COUNT = st.none() | st.integers(0, 10**6)


def stored(files: Mapping[str, bytes | None]) -> ResultRecord:
    """What is read of a record's files."""
    store = MemoryServer().store
    tree = edit_tree(store, None, files)
    assert tree is not None
    commit = write_commit(store, tree=tree, parents=(), name="n", email="n@x", when=0, message="", sign=None)
    return read_record(store, commit)


def made(**more: Any) -> ResultRecord:
    """A record without an attempt."""
    town = Town({"missions/m.md": "do it\n"})
    return replace(record(town.peer("n1").hold("m")), **more)


@given(
    st.builds(
        ChangeFacts,
        files=st.none() | NAMES,
        added=COUNT,
        removed=COUNT,
        links=st.none() | NAMES,
        cost_usd=st.none() | st.floats(0, 1e6),
        tested=st.none() | st.booleans(),
        commit=st.none() | st.just("c" * 40),
    )
)
def test_facts_come_through_a_record(told: ChangeFacts) -> None:
    """What a node says is what the fold reads; so do proposals, by name."""
    whole = made(facts=told, proposals={"part": "do a part\n"})
    read = stored(whole.files())
    assert read.facts == told
    assert read.proposals == {"part": "do a part\n"}


@pytest.mark.parametrize(
    "bad",
    [
        {"files": "docs/a.md"},
        {"files": [1]},
        {"added": -1},
        {"added": True},
        {"added": 1.5},
        {"cost_usd": "0"},
        {"cost_usd": -0.1},
        {"tested": "yes"},
        {"tested": 1},
        {"commit": "main"},
        {"commit": "c" * 40 + "\n"},
        {"commit": "--upload-pack=evil"},
        {"base": "C" * 40},
        {"approved": True},
        {"files": ["x"] * 10_001},
    ],
)
def test_a_record_with_facts_that_are_none_is_no_record(bad: dict[str, object]) -> None:
    """Another kind of value, a sign, a name that is no object's, a field that nobody knows."""
    files = dict(made().files())
    meta = json.loads(files["record.json"] or b"")
    meta["facts"] |= bad
    files["record.json"] = json.dumps(meta).encode()
    with pytest.raises(ValueError, match="facts"):
        stored(files)
    with pytest.raises(ValueError, match="validation error"):
        read_facts(bad)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999"])
def test_a_cost_that_is_no_number_is_none(text: str) -> None:
    """JSON has no such numbers; Python's would let them in."""
    files = dict(made().files())
    files["record.json"] = (files["record.json"] or b"").replace(b'"cost_usd": null', f'"cost_usd": {text}'.encode())
    with pytest.raises(ValueError, match=r"record\.json"):
        stored(files)


@pytest.mark.parametrize(
    "field", ["decision", "decided_by", "commit", "merged", "rejections", "comment", "on_approval"]
)
def test_a_record_decides_nothing(field: str) -> None:
    """Fields that are a person's or the fold's make the whole result unfit."""
    town = Town({"missions/m.md": "do it\n"})
    node = town.peer("n1")
    held = node.hold("m")
    value = {"rejections": 0, "commit": "c" * 40, "merged": "c" * 40, "decision": "approved"}.get(field, "merge")
    node.end(held, fields={field: value})
    assert "fields that no record may set" in node.fold().refused["m"]


def test_what_an_outcome_does_not_say_is_not_known() -> None:
    """No changes, no branch: nothing is claimed. What used no model cost nothing; an unpriced model is not free."""
    blank = change_facts(Outcome(ok=True, summary=""))
    assert (blank.added, blank.links, blank.commit, blank.base, blank.tested) == (None, None, None, None, None)
    assert blank.cost_usd == 0.0
    assert change_facts(Outcome(ok=True, summary="", usage=Usage(model="x", tokens_in=1))).cost_usd is None
    huge = Outcome(ok=True, summary="", files=tuple(map(str, range(6000))), changes=DiffStat(added=1))
    assert change_facts(huge).files is None
    assert change_facts(Outcome(ok=True, summary="", base="b" * 40)).base is None  # of nothing


def test_the_next_attempt_is_given_the_comment(tmp_path: Path) -> None:
    """The agent's job has it, in this attempt and in the one after a failure."""
    text = '---\ncomment: "use the other parser"\n---\ndo it\n'
    town = Town({"missions/m.md": text})
    worker = working(town.peer("n1"), tmp_path)
    worker.agent.does = lambda _job, _stop: Outcome(ok=len(worker.agent.jobs) > 1, summary="x", error="no")
    worker.settle()
    town.clock.forward(60)
    worker.settle()
    assert [job.comment for job in worker.agent.jobs] == ["use the other parser"] * 2


# -- the node's part --------------------------------------------------------------------------------------------------


def finisher(scene: Scene, told: list[str], ticks: Ticks) -> DeliveryWorker:
    """A node's."""
    return DeliveryWorker(
        completion=scene.completion("n1"), tell=lambda _event, words, **_facts: told.append(words), clock=ticks
    )


def settled(one: DeliveryWorker, scene: Scene) -> None:
    """Rounds until nothing is being done."""
    deadline = time.monotonic() + 60
    while one.step(scene.peer("n2").ledger()):
        assert time.monotonic() < deadline


def test_a_nodes_upkeep_finishes_and_tells(scene: Scene) -> None:
    """In a thread; once; and says where the branch is now."""
    scene.hand_in()
    scene.door("anna", merges=False).approve("m")
    told: list[str] = []
    one = finisher(scene, told, Ticks())
    settled(one, scene)
    assert scene.mission().merged == scene.main()
    assert told == [f"m: its branch is in place as {scene.main()[:10]}"]
    assert not one.step(scene.peer("n2").ledger())


def test_a_server_that_is_away_is_asked_ever_more_seldom(scene: Scene) -> None:
    """Not in each round; and again once its rest is over."""
    scene.hand_in()
    scene.door("anna", merges=False).approve("m")
    away = scene.server.folder.with_name("away.git")
    scene.server.folder.rename(away)
    told: list[str] = []
    ticks = Ticks()
    one = finisher(scene, told, ticks)
    settled(one, scene)
    assert len(told) == 1
    assert "its branch waits" in told[0]
    away.rename(scene.server.folder)
    settled(one, scene)
    assert scene.mission().merged is None
    ticks.at += RETRY.first + 1
    settled(one, scene)
    assert scene.mission().merged == scene.main()


# -- how a diff is shown ----------------------------------------------------------------------------------------------


def test_the_files_of_a_real_diff(scene: Scene) -> None:
    """New, changed, renamed, binary, a mode and a link; what its lines do not say is in the notes."""
    scene.work({"docs/a b.md": "x\ny\n", "data.bin": "a\0b"}, links={"link": "/etc/passwd"}, modes=("README.md",))
    outcome = scene.told("HEAD")
    found = {one.path: (one.added, one.removed, one.notes) for one in diffs.parse_diff(outcome.diff)}
    assert found == {
        "README.md": (0, 0, ("mode: executable",)),
        "data.bin": (0, 0, ("new", "binary")),
        "docs/a b.md": (2, 0, ("new",)),
        "link": (1, 0, ("new, symbolic link",)),
    }


@given(st.text())
def test_a_diff_cannot_steer_a_terminal(text: str) -> None:
    """Whatever is in it: no escape, no direction mark, nothing that moves the cursor back."""
    shown = diffs.printable_diff(text)
    assert all(char.isprintable() or char in "\n\t" for char in shown)
    assert diffs.parse_diff(text) is not None


def test_a_parked_or_failed_attempt_keeps_the_comment(scenes: Callable[..., Scene]) -> None:
    """Until there is a result again, the next attempt reads it."""
    scene = scenes()
    scene.hand_in()
    scene.door("anna").reject("m", "shorter")
    node = scene.peer("n1")
    held = node.hold("m")
    claims.complete(node.bus, held, record(held), state=ClaimState.FAILED)
    node.fold()
    mission = scene.mission()
    assert (mission.status, mission.comment, mission.decision) == (Status.FAILED, "shorter", "rejected")


class ReadOnly:
    """A policy that lets every agent read, and no more."""

    def unsafe_reason(self, _ledger: LedgerSnapshot, _mission: Mission) -> str:
        """Nothing is unsafe."""
        return ""

    def tools(self, _ledger: LedgerSnapshot, _mission: Mission) -> tuple[str, ...]:
        """Reading."""
        return ("read",)

    def vouched(self, _ledger: LedgerSnapshot, _path: str) -> bool:
        """Whoever wrote it."""
        return True


def test_tools_follow_the_tier(scenes: Callable[..., Scene], tmp_path: Path) -> None:
    """An untried agent gets what the rule says; where its program cannot be held to that, the result says so."""
    scene = scenes(policy='[policy]\ntools = {untried = ["read"], trusted = ["read", "write"]}\n')
    judge = scene.peer("n1").trust.judge(scene.peer("n1").ledger(), signed=True)
    assert judge.tools(scene.mission()) == ("read",)
    worker = working(scene.peer("n1"), tmp_path / "work", safety=ReadOnly())
    scene.peer("anna").push({"missions/q.md": "---\nproject: shop\n---\nwhat is it?\n"})
    worker.settle()
    assert worker.agent.jobs[0].tools == ("read",)
    unheld = worker.executor._unenforced_tools(scene.peer("n1").ledger(), replace(scene.mission(), agent="codex"))
    assert unheld == ("policy.tools could not be enforced on codex: the sandbox alone held it",)
    assert worker.executor._unenforced_tools(scene.peer("n1").ledger(), replace(scene.mission(), agent="claude")) == ()


def test_claude_is_held_to_its_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the names that it has for them; nothing else is offered to it, nor allowed."""
    program = tmp_path / "claude"
    program.write_text("#!/bin/sh\n")  # is found, and never started
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    brief = RoundRequest(prompt="x", tree=tmp_path, home=tmp_path, tools=("search", "read", "shell"))
    argv = Claude().launch(brief).argv
    given = [argv[argv.index(flag) + 1] for flag in ("--tools", "--allowedTools")]
    assert given == ["TodoWrite,Glob,Grep,Read,Bash"] * 2


# -- why ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "status", "rule", "says"),
    [
        ("---\ndepends_on: [first]\n---\nx\n", "queued", "queue", "waits for first"),
        ("x\n", "queued", "queue", "no node is up: `shiftbook node run` on a machine of the fleet starts one"),
        ("---\npriority: high\n---\nx\n", "quarantined", "reading", "missions/m.md, line 2: “priority” must be"),
        ("---\nstatus: parked\nreason: the disk is full\n---\nx\n", "parked", "parked", "the disk is full"),
        ("---\nstatus: review\nreason: merge conflict\n---\nx\n", "review", "review", "merge conflict"),
    ],
)
def test_why_a_mission_is_where_it_is(text: str, status: str, rule: str, says: str) -> None:
    """In each state the rule that keeps it there, in words."""
    anna = Town({"missions/m.md": text}).peer("anna")
    door = Approval(bus=anna.bus, reader=anna.reader, trust=anna.trust, ledger=anna.ledger)
    told = door.why("m")
    assert told.status == status
    assert says in {fired.rule: fired.says for fired in told.rules}[rule]
    with pytest.raises(NotFound):
        door.why("nothing")


def test_why_an_untrusted_mission_does_not_run(scene: Scene) -> None:
    """Whose word is missing, with the commit."""
    scene.peer("eve").push({"missions/odd.md": "do evil\n"})
    fired = scene.door("anna").why("odd").rules[0]
    assert (fired.rule, fired.passed) == ("trust", False)
    assert "by eve is not signed by a key in allowed_signers" in fired.says


def test_a_verdict_that_somebody_wrote_is_shown_as_plain_words(scene: Scene) -> None:
    """It is a file in the archive: whatever stands there, nothing breaks and nothing steers the terminal."""
    scene.hand_in()
    path = archive_path("m", "2026/11/21", "1.verdict.json")
    rules = [{"rule": "\u001b[2J", "passed": "yes", "says": ["x"] * 9}, 7, {"rule": "ok", "passed": True, "says": "\n"}]
    for text in (json.dumps({"rules": rules}), "[" * 5000, "{}", "\0"):
        scene.peer("anna").push({path: text})
        why = scene.door("anna").why("m")
        assert all(char.isprintable() for fired in why.rules for char in fired.rule + fired.says)
        assert not any(fired.passed for fired in why.rules if fired.rule not in {"ok", "trust"})
