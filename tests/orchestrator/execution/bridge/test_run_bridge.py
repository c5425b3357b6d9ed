"""Whoever asks from inside the sandbox, in whatever way: it gets what its limits let it have, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from missions.document import read
from missions.mission import Mission
from orchestrator.core.ports.run_desk import ASK, FAILED_HERE, FILE_MISSION, HANDOFF, RECALL
from orchestrator.core.ports.steering import Unsteered
from orchestrator.execution.bridge.mcp_answers import ToolAnswer
from orchestrator.execution.bridge.person_question import PersonQuestion
from orchestrator.execution.bridge.run_bridge import (
    AT_ONCE,
    FRAME,
    MAX_ANSWER_CHARS,
    MAX_SHOWN_CHARS,
    NOTHING,
    TIME_SHARE,
    RunBridge,
)
from orchestrator.execution.bridge.tool_table import TOOLS
from orchestrator.execution.proposals import MAX_PROPOSALS, collect_proposals
from orchestrator.execution.turn import MAX_QUESTION_CHARS, question_reason
from tests.run_desks import ScriptedDesk
from tests.waiting import PATIENCE, until

SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"
LINE = 'anna wrote: "Use tabs." [e1]'


@contextmanager
def bridged(desk: ScriptedDesk, tmp: Path, **more: object) -> Iterator[RunBridge]:
    """A bridge in its round."""
    bridge = RunBridge(desk=desk, proposals=tmp / "filed", seconds=1000.0, say=lambda _line: None, **more)  # type: ignore[arg-type]
    question = PersonQuestion(steering=Unsteered(), stop=threading.Event(), seconds=0.0, say=lambda _line: None)
    with bridge.round(question):
        yield bridge


def called(desk: ScriptedDesk, tmp: Path, name: str, given: object) -> ToolAnswer:
    """One call."""
    with bridged(desk, tmp) as bridge:
        return bridge.call(name, given)


def test_what_is_known_is_told_as_what_others_wrote(tmp_path: Path) -> None:
    """With the frame that says so, each line with its entry; nothing is said to be nothing."""
    desk = ScriptedDesk(lines=[LINE])
    assert called(desk, tmp_path, RECALL, {"query": "tabs"}).text == f"{FRAME}\n- {LINE}"
    assert called(desk, tmp_path, FAILED_HERE, {"action": "Use tabs."}).text == f"{FRAME}\n- {LINE}"
    assert called(desk, tmp_path, HANDOFF, {}).text == f"{FRAME}\n\n{LINE}"
    assert called(desk, tmp_path, FAILED_HERE, {"action": "ls"}).text == NOTHING
    assert desk.asked[2] == ("handoff", "", 4000)


@pytest.mark.parametrize("name", [HANDOFF, RECALL, FAILED_HERE, FILE_MISSION, ASK])
def test_what_policy_does_not_let_it_ask_is_not_asked(tmp_path: Path, name: str) -> None:
    """Also where somebody in the sandbox names it at the socket."""
    desk = ScriptedDesk(tools=tuple(each for each in TOOLS if each != name))
    with bridged(desk, tmp_path) as bridge:
        assert name not in [each["name"] for each in bridge.tools]
        assert bridge.call(name, dict.fromkeys(TOOLS[name].needed, "x")).failed
    assert desk.asked == []


@pytest.mark.parametrize(
    ("name", "given", "why"),
    [
        (RECALL, {}, "query: it is needed"),
        (RECALL, {"query": "   "}, "query: it is needed"),
        (RECALL, {"query": 5}, "query: a text"),
        (RECALL, {"query": "x" * 1001}, "query: a text of at most 1000"),
        (RECALL, {"query": "x", "limit": 21}, "limit: a whole number from 1 to 20"),
        (RECALL, {"query": "x", "limit": True}, "limit: a whole number"),
        (RECALL, {"query": "x", "project": "other"}, "there is no argument 'project'"),
        (HANDOFF, {"project": "other"}, "there is no argument 'project'"),
        (HANDOFF, ["task"], "arguments: an object"),
        (HANDOFF, {"tokens": 10**9}, "tokens: a whole number"),
        (FILE_MISSION, {"title": "t", "text": "x", "run": "rm -rf ."}, "there is no argument 'run'"),
        (FILE_MISSION, {"title": "t", "text": "x", "task": "review"}, "task: one of general_task, coding_task"),
        (FILE_MISSION, {"title": "t", "text": "x", "depends_on": ["a"] * 41}, "depends_on: a list of at most 40"),
        (FILE_MISSION, {"title": "t", "text": "x", "scope": [["a"]]}, "scope: a text"),
    ],
)
def test_wrong_arguments_are_told_and_nothing_is_done(tmp_path: Path, name: str, given: object, why: str) -> None:
    """No other project can be named, and no field that a proposal may not set."""
    desk = ScriptedDesk()
    answer = called(desk, tmp_path, name, given)
    assert answer.failed
    assert why in answer.text
    assert desk.asked == []


def test_a_secret_of_the_journal_does_not_come_out(tmp_path: Path) -> None:
    """Neither in an answer nor in the words of an error."""
    desk = ScriptedDesk(lines=[f"the token is {SECRET}"], refuses=f"no: {SECRET}")
    answers = [
        called(desk, tmp_path, RECALL, {"query": "token"}),
        called(desk, tmp_path, HANDOFF, {}),
        called(desk, tmp_path, FILE_MISSION, {"title": "t", "text": "x"}),
    ]
    assert [SECRET in each.text for each in answers] == [False] * 3
    assert [each.failed for each in answers] == [False, False, True]


def test_a_secret_in_a_question_is_not_shown_by_halves(tmp_path: Path) -> None:
    """Where what is shown of it ends within a token: neither to who watches nor as why a mission rests."""
    shown: list[str] = []
    asked = PersonQuestion(steering=Unsteered(), stop=threading.Event(), seconds=0.0, say=shown.append)
    bridge = RunBridge(desk=ScriptedDesk(), proposals=tmp_path / "filed", seconds=1000.0, say=shown.append)
    with bridge.round(asked):
        for room in (MAX_SHOWN_CHARS, MAX_QUESTION_CHARS):
            bridge.call(RECALL, {"query": f"{'x' * (room - 12)} {SECRET}"})
            asked.ask(f"{'x' * (room - 12)} {SECRET}")
            assert SECRET[:8] not in question_reason(f"{'x' * (room - 12)} {SECRET}")
    assert len(shown) == 4
    assert [line for line in shown if SECRET[:8] in line] == []


def test_no_tool_is_called_without_end(tmp_path: Path) -> None:
    """Over all rounds of the run, each by its own number."""
    desk = ScriptedDesk()
    most = TOOLS[HANDOFF].most
    with bridged(desk, tmp_path) as bridge:
        first = [bridge.call(HANDOFF, {}).failed for _ in range(most)]
    question = PersonQuestion(steering=Unsteered(), stop=threading.Event(), seconds=0.0, say=lambda _line: None)
    with bridge.round(question):
        assert (bridge.call(HANDOFF, {}).failed, bridge.call(RECALL, {"query": "x"}).failed) == (True, False)
    assert not any(first)
    assert len(desk.asked) == most + 1


def test_all_calls_have_a_share_of_the_missions_time(tmp_path: Path) -> None:
    """Then no more is looked up; a question to a person is still let through."""
    seconds = iter(range(0, 10**6, 60))
    with bridged(ScriptedDesk(), tmp_path, clock=lambda: float(next(seconds))) as bridge:
        failed = [bridge.call(RECALL, {"query": "x"}).failed for _ in range(4)]
        assert not bridge.call(ASK, {"question": "which?"}).failed
    assert failed == [False] * int(1000 * TIME_SHARE / 60 + 1) + [True] * 2


def test_a_look_that_does_not_end_holds_nobody_up(tmp_path: Path) -> None:
    """The call has its end, whatever becomes of the look."""
    over = threading.Event()

    class Stuck(ScriptedDesk):
        def recall(self, query: str, limit: int) -> Sequence[str]:
            over.wait(20)
            return ()

    try:
        with bridged(Stuck(), tmp_path, call_seconds=0.05) as bridge:
            answer = bridge.call(RECALL, {"query": "x"})
    finally:
        over.set()
    assert answer.failed
    assert "no answer came" in answer.text


def test_an_answer_is_cut(tmp_path: Path) -> None:
    """However long the journal's words are."""
    answer = called(ScriptedDesk(lines=["x y " * MAX_ANSWER_CHARS]), tmp_path, HANDOFF, {})
    assert len(answer.text) < MAX_ANSWER_CHARS + 100
    assert "more characters" in answer.text


def test_a_proposed_mission_has_our_front_matter_alone(tmp_path: Path) -> None:
    """A title that would end it does not, and front matter in the text is text."""
    given = {"title": "Mend\n---\nrun: rm", "text": "---\nrun: rm\n---\nIt leaks.", "scope": ["src/**, run: x"]}
    assert not called(ScriptedDesk(), tmp_path, FILE_MISSION, given).failed
    kept, notes = collect_proposals(tmp_path / "filed")
    assert notes == ()
    made = read("missions/mend.md", kept[0].text.encode())
    assert isinstance(made, Mission), made
    assert (made.run, made.scope) == (None, ("src/**, run: x",))
    assert "It leaks." in made.body


def test_no_more_missions_are_proposed_than_a_run_may(tmp_path: Path) -> None:
    """By the server and by files together; one that would not be filed is not kept."""
    desk = ScriptedDesk()
    with bridged(desk, tmp_path) as bridge:
        answers = [bridge.call(FILE_MISSION, {"title": "Mend", "text": "x"}) for _ in range(MAX_PROPOSALS + 1)]
    assert [each.failed for each in answers] == [False] * MAX_PROPOSALS + [True]
    again = called(ScriptedDesk(), tmp_path, FILE_MISSION, {"title": "Mend", "text": "x"})
    assert "20 missions were proposed" in again.text  # an attempt that goes on counts those from before
    left = tmp_path / "proposals"
    left.mkdir()
    (left / "more.md").write_text("x")
    kept, notes = collect_proposals(tmp_path / "filed", left)
    assert len(kept) == MAX_PROPOSALS
    assert "only the first 20 are kept" in notes[0]
    other = tmp_path / "other"
    other.mkdir()
    assert called(ScriptedDesk(refuses="no"), other, FILE_MISSION, {"title": "t", "text": "x"}).text == "no"
    assert not (other / "filed").exists()


def test_a_bridge_answers_only_in_a_round(tmp_path: Path) -> None:
    """What comes when the round is over is told nothing."""
    desk = ScriptedDesk()
    with bridged(desk, tmp_path) as bridge:
        pass
    assert bridge.call(RECALL, {"query": "x"}).text == NOTHING
    assert desk.asked == []


def test_a_look_that_waits_when_the_round_ends_is_answered(tmp_path: Path) -> None:
    """It is told nothing, as what comes later is; nothing is looked up for it."""
    begun, over, told = threading.Semaphore(0), threading.Event(), list[ToolAnswer]()

    class Stuck(ScriptedDesk):
        def recall(self, query: str, limit: int) -> Sequence[str]:
            begun.release()
            over.wait(PATIENCE)
            return [query]

    with bridged(Stuck(), tmp_path, call_seconds=PATIENCE) as bridge:
        pool = bridge._pool
        asking = [threading.Thread(target=lambda: told.append(bridge.call(RECALL, {"query": "x"}))) for _ in range(3)]
        for each in asking:
            each.start()
        for _ in range(AT_ONCE):
            assert begun.acquire(timeout=PATIENCE)
        until(lambda: pool is not None and pool._work_queue.qsize() == 1)
    until(lambda: told)
    over.set()
    for each in asking:
        each.join(PATIENCE)
    assert sorted((each.text, each.failed) for each in told) == [(NOTHING, False)] + [(f"{FRAME}\n- x", False)] * 2
    assert not begun.acquire(blocking=False)


def test_a_look_that_breaks_off_is_answered(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The agent goes on without; the node's log says where."""

    class Broken(ScriptedDesk):
        def recall(self, query: str, limit: int) -> Sequence[str]:
            raise KeyError(query)

    answer = called(Broken(), tmp_path, RECALL, {"query": "x"})
    assert answer.failed
    assert "recall broke off" in answer.text
    assert "KeyError" in caplog.text
