"""A question is answered by who is there, or rests; what is said to it is never lost."""

from __future__ import annotations

import threading

from missions.message import MessageState
from orchestrator.execution.bridge.person_question import NOBODY_YET, PersonQuestion
from orchestrator.execution.message_box import MessageBox
from orchestrator.execution.process.runner import Ending
from orchestrator.execution.programs.port import ParsedOutput
from orchestrator.execution.round_doors import resting, taking_words, unanswered_reason
from orchestrator.execution.turn import RoundResult, question_reason
from tests.waiting import PATIENCE, until

ENDED = RoundResult(told=ParsedOutput(ended=True))


def question(
    box: MessageBox, seconds: float = 0.0, stop: threading.Event | None = None, **more: object
) -> PersonQuestion:
    """What one round asks."""
    said: list[str] = []
    return PersonQuestion(steering=box, stop=stop or threading.Event(), seconds=seconds, say=said.append, **more)  # type: ignore[arg-type]


def test_a_person_who_is_there_answers_at_once() -> None:
    """The words come as the call's answer and go nowhere else; the run does not rest."""
    box, heard, got = MessageBox(), list[str](), list[str]()
    asked = question(box, seconds=60)
    asked.say = heard.append

    def take(text: str) -> bool:
        got.append(text)
        return True

    with box.intake(take):
        thread = threading.Thread(target=lambda: got.append("answer: " + asked.ask("Which\x1b[2J port?")))
        thread.start()
        until(lambda: heard)
        assert box.deliver("01", author="anna", text="8080") is MessageState.INJECTED
        thread.join(20)
        assert box.deliver("02", author="anna", text="And tabs.") is MessageState.INJECTED
    assert heard == ["[asks a person: Which [2J port?]"]
    assert got == ["answer: anna says: 8080", "anna says: And tabs."]
    assert (asked.open, resting(ENDED, asked)) == ("", ENDED)
    assert not box.waits


def test_where_nobody_is_the_round_rests() -> None:
    """The reason names the question; the run is not asked a second thing; words that come now wait for the next round
    instead of going into one that ends."""
    box = MessageBox()
    asked = question(box)
    assert [asked.ask("Which port?"), asked.ask("And which host?")] == [NOBODY_YET] * 2
    rests = resting(ENDED, asked)
    assert (rests.parked, rests.asks) == (question_reason("Which port?"), "Which port?")
    assert "it asked a person: Which port?" in rests.notes
    with box.intake(taking_words(lambda _text: True, asked)):
        assert box.deliver("01", author="anna", text="8080") is MessageState.QUEUED
    assert box.waits
    assert box.take() == ("anna says: 8080",)
    assert not box.waits


def test_what_is_said_to_a_question_whose_round_is_over_is_not_lost() -> None:
    """A program may end while it still asks. Whoever answers it then speaks to the next round, and who waits for the
    answer waits no longer."""
    box, heard, told = MessageBox(), list[str](), list[str]()
    asked = question(box, seconds=10_000)
    asked.say = heard.append
    thread = threading.Thread(target=lambda: told.append(asked.ask("Which port?")))
    thread.start()
    until(lambda: heard)
    asked.close()
    thread.join(PATIENCE)
    assert told == [NOBODY_YET]
    assert box.deliver("01", author="anna", text="8080") is MessageState.QUEUED
    assert (box.take(), asked.ask("And which host?"), asked.open) == (("anna says: 8080",), NOBODY_YET, "")
    assert heard == ["[asks a person: Which port?]"]


def test_what_was_said_in_the_rounds_last_moment_is_told_in_the_next() -> None:
    """It was taken for the question, and the program that asked was gone before it heard it."""
    box = MessageBox()
    asked = question(box, seconds=10_000)

    def ends(_line: str) -> None:
        box.deliver("01", author="anna", text="8080")
        asked._closed = True  # as `close` says it, which waits for this thread

    asked.say = ends
    assert asked.ask("Which port?") == NOBODY_YET
    assert box.take() == ("anna says: 8080",)


def test_what_ended_the_round_otherwise_goes_before() -> None:
    """A budget, a stop: the question is only told."""
    asked = question(MessageBox())
    asked.ask("Which port?")
    budget = RoundResult(told=ParsedOutput(), parked="budget: it is used up")
    stopped = RoundResult(told=ParsedOutput(), ending=Ending.STOPPED)
    for one in (budget, stopped):
        found = resting(one, asked)
        assert (found.parked, found.asks) == (one.parked, "")
        assert "it asked a person: Which port?" in found.notes


def test_a_program_that_does_not_rest_is_ended() -> None:
    """It has so long to end by itself."""
    now = [100.0]
    asked = question(MessageBox(), clock=lambda: now[0])
    assert unanswered_reason(asked, 30.0) == ""
    asked.ask("Which port?")
    now[0] = 129.0
    assert unanswered_reason(asked, 30.0) == ""
    now[0] = 130.0
    assert unanswered_reason(asked, 30.0) == question_reason("Which port?")
    ended = RoundResult(told=ParsedOutput(), ending=Ending.STOPPED, parked=question_reason("Which port?"))
    assert resting(ended, asked).asks == "Which port?"


def test_a_stop_ends_the_wait() -> None:
    """Whatever time is left."""
    stop = threading.Event()
    stop.set()
    assert question(MessageBox(), seconds=10_000, stop=stop).ask("Which port?") == NOBODY_YET


def test_a_long_question_is_a_short_reason() -> None:
    """In one line; the notes have all of it."""
    asked = question(MessageBox())
    asked.ask("Which\nport? " * 100)
    found = resting(ENDED, asked)
    assert len(found.parked) < 420
    assert "\n" not in found.parked
    assert found.notes[-1].count("Which port?") == 100
