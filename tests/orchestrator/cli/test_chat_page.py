"""Does a chat's page say who answered, what that is worth, and what of it the handoff bears out?"""

from __future__ import annotations

import io
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from orchestrator.chat.values import AnswerEvent, ChatAnswer, ChatRequest
from orchestrator.cli.chat.conversation import NO_LEDGER, TerminalChat
from orchestrator.cli.chat.page import ChatPage, answer_footer
from orchestrator.core.ports.model import Usage

ANSWER = ChatAnswer(
    conversation="c1",
    seq=2,
    text="It is so.",
    finish="stop",
    usage=Usage(model="m", backend="b"),
    node="desk",
    good_for="answers",
    grounding={"sentences": 2, "supported": 1, "citations": ["entry a-1"], "unsupported": ["It is so."]},
)
TOY = "tiny is a toy: it shows that everything works, and is not for answers"


@dataclass
class Line:
    """A way to a chat that answers with what it was given."""

    done: ChatAnswer = ANSWER
    where: str = "desk"
    asked: list[str] = field(default_factory=list)

    def get(self) -> Line:
        """It is open."""
        return self

    def ask(self, request: ChatRequest) -> Generator[AnswerEvent, None, None]:
        """Start, text, done."""
        self.asked.append(request.message)
        data: dict[str, Any] = {"conversation_id": "c1", "notes": [], "model": "m", "advice": self.done.advice}
        yield AnswerEvent(kind="start", data=data)
        yield AnswerEvent(kind="token", data={"text": self.done.text})
        yield AnswerEvent(kind="done", data=self.done.json())

    def decide(self, question: str, *, allow: bool) -> None:
        """Nothing is asked."""

    def last(self, device: str) -> Mapping[str, Any] | None:
        """No conversation yet."""
        return None


def shown(line: Line, *messages: str) -> str:
    """What a person sees of some answers."""
    out = io.StringIO()
    talk = TerminalChat(backend=line, page=ChatPage(out), request=ChatRequest(message=""))
    for message in messages:
        talk.say(message)
    return out.getvalue()


def test_what_the_handoff_does_not_bear_out_is_named_below() -> None:
    """How many sentences rest on it, where these stand, and which do not."""
    page = shown(Line(), "Is it so?")
    assert "1 of 2 sentences rest on the handoff: entry a-1; not in the handoff: “It is so.”" in page


def test_a_toy_is_named_once_with_what_is_better() -> None:
    """Before its first answer, and beside each."""
    toy = ChatAnswer(**{**vars(ANSWER), "good_for": "toy", "advice": TOY, "grounding": {}})
    page = shown(Line(done=toy), "Is it so?", "And now?")
    assert page.count(TOY) == 1
    assert page.index(TOY) < page.index("It is so.")
    assert page.count("m (a toy) on b at desk") == 2


def test_an_answer_without_a_model_says_so() -> None:
    """Nothing was generated."""
    page = shown(Line(done=ChatAnswer(**{**vars(ANSWER), "good_for": "ledger", "grounding": {}})), "What waits?")
    assert "from the ledger at desk; no model was asked" in page


def test_without_a_ledger_that_is_said_first(monkeypatch: Any, capsys: Any) -> None:
    """Before anything can be asked."""
    monkeypatch.setattr("builtins.input", lambda _: "/quit")
    out = io.StringIO()
    TerminalChat(backend=Line(), page=ChatPage(out), request=ChatRequest(message="")).loop("desk", NO_LEDGER)
    assert "There is no ledger here" in out.getvalue()
    assert "shiftbook init" in out.getvalue()


MARGIN = "      │ "


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def printed(monkeypatch: pytest.MonkeyPatch, columns: int, *pieces: str) -> list[str]:
    """The lines of an answer that came in pieces, on a terminal so wide."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "dumb")
    page = ChatPage(Screen())
    for piece in pieces:
        page.write(piece)
    page.end()
    return str(page.out.getvalue()).splitlines()  # type: ignore[attr-defined]


def test_a_long_line_stays_beside_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken at blanks, a list's words below its words; a path that is longer than a line is broken, too."""
    text = "- fix-the-limit · done · approved by you [missions/archive/2026/11/30/6/3/8/fix-the-limit.md]\n  code"
    assert printed(monkeypatch, 40, *text) == [
        f"{MARGIN}- fix-the-limit · done ·",
        f"{MARGIN}  approved by you",
        f"{MARGIN}  [missions/archive/2026/11/30/6",
        f"{MARGIN}  /3/8/fix-the-limit.md]",
        f"{MARGIN}  code",
    ]


@given(st.lists(st.text(st.sampled_from("ab c-.1日é\n"), max_size=60), max_size=6), st.integers(20, 60))
def test_no_line_is_wider_than_the_screen(pieces: list[str], columns: int) -> None:
    """However it comes in pieces: each line begins with the rule and has room, and no character of a word is lost."""
    with pytest.MonkeyPatch.context() as patch:
        lines = printed(patch, columns, *pieces)
    assert all(line.startswith(MARGIN.rstrip()) for line in lines)
    assert all(cell_len(line) <= columns for line in lines)
    words = "".join(line[len(MARGIN) :] for line in lines)
    assert "".join(words.split()) == "".join("".join(pieces).split())


def test_a_pipe_gets_lines_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless it is to look like a terminal, as for a picture of one."""
    monkeypatch.setenv("COLUMNS", "30")
    for force, lines in (("", 1), ("1", 2)):
        monkeypatch.setenv("FORCE_COLOR", force)
        page = ChatPage(io.StringIO())
        page.write("A sentence that is longer than thirty columns")
        page.end()
        assert (len(str(page.out.getvalue()).splitlines()) > 1) is (lines > 1)  # type: ignore[attr-defined]


def test_the_line_below_names_the_persona() -> None:
    """Where the fleet gave one; the node alone where it did not."""
    named = answer_footer(replace(ANSWER, answered_by="Nora, primary of desk").json())
    assert named.startswith("Nora, primary of desk · m on b at desk")
    assert answer_footer(replace(ANSWER, answered_by="primary of desk").json()).startswith("m on b at desk")
