"""A chat in a terminal shows a prompt at once, and a sign of life while it is waited for."""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from orchestrator.chat.values import AnswerEvent, ChatRequest
from orchestrator.cli.chat.backend import LastConversation
from orchestrator.cli.chat.conversation import HELP, TerminalChat
from orchestrator.cli.chat.opening import OpeningBackend
from orchestrator.cli.chat.page import ChatPage, under_way
from orchestrator.cli.live.sign_of_life import SignOfLife
from orchestrator.core.errors import NotFound, Refused
from tests.waiting import PATIENCE

START = AnswerEvent(kind="start", data={"conversation_id": "c", "model": "tiny", "notes": []})
DONE = AnswerEvent(
    kind="done",
    data={
        "model": "tiny",
        "backend": "b",
        "node": "desk",
        "usage": {"tokens_in": 1, "tokens_cached": 0, "tokens_out": 1, "first_token_seconds": None},
        "cut": [],
        "good_for": "answers",
        "journal": "",
        "finish": "stop",
    },
)


class Screen(io.StringIO):
    """A terminal, as far as whoever writes to it can tell."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@dataclass
class Scripted:
    """A backend that answers each message with the word that it was asked."""

    where: str = "desk · here"
    warmed: list[str] = field(default_factory=list)
    pause: float = 0.0

    def ask(self, request: ChatRequest) -> Generator[AnswerEvent, None, None]:
        """An answer."""
        yield START
        time.sleep(self.pause)
        yield AnswerEvent(kind="token", data={"text": f"You said {request.message} to {request.model or 'me'}."})
        yield DONE

    def decide(self, question: str, *, allow: bool) -> None:
        """Nothing is asked."""

    def last(self, device: str) -> LastConversation | None:
        """None yet."""
        return None

    def turns(self, conversation: str) -> Iterator[tuple[str, str]]:
        """Two, which name the conversation."""
        yield from (("user", f"asked in {conversation}"), ("assistant", f"answered in {conversation}"))

    def warm(self, model: str) -> None:
        """Notes it."""
        self.warmed.append(model)

    def models(self) -> list[str]:
        """Two."""
        return ["tiny", "large"]


def opened(line: Scripted, *, after: threading.Event | None = None, model: str = "") -> OpeningBackend:
    """The backend on its way; with `after` not before that."""

    @contextmanager
    def door() -> Iterator[Scripted]:
        if after:
            after.wait(PATIENCE)
        yield line

    found = OpeningBackend(door, model)
    found.start()
    return found


def talk(line: Scripted, out: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> TerminalChat:
    """A chat on a screen."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    request = ChatRequest(message="", device="terminal")
    return TerminalChat(backend=opened(line), page=ChatPage(out), request=request)


def test_nobody_waits_for_a_backend_that_is_not_asked() -> None:
    """Opening goes on beside; the model is loaded before it is asked, and what went wrong is told to who asks."""
    ready, line = threading.Event(), Scripted()
    backend = opened(line, after=ready, model="large")
    assert not line.warmed
    ready.set()
    assert backend.get() is line
    backend.close()
    over = time.monotonic() + 60
    while not line.warmed and time.monotonic() < over:
        time.sleep(0.005)
    assert line.warmed == ["large"]

    @contextmanager
    def shut() -> Iterator[Scripted]:
        raise Refused("the node here asks for a token")
        yield line

    broken = OpeningBackend(shut)
    broken.start()
    for _ in range(2):
        with pytest.raises(Refused, match="token"):
            broken.get()
    broken.close()


def test_a_sign_of_life_ticks_and_goes() -> None:
    """What, since when, who; nothing before the first second, nothing left behind, nothing where it is not shown."""
    out = Screen()
    sign = SignOfLife(out=out, shown=True, period=0.02)
    sign.begin("thinking · tiny")
    over = time.monotonic() + 60
    while out.getvalue().count("thinking") < 2 and time.monotonic() < over:
        time.sleep(0.005)
    first, second = re.findall(r"\rthinking (\d+) s · tiny\x1b\[K", out.getvalue())[:2]
    assert 0 < int(first) < int(second)
    sign.begin("using search")
    sign.end()
    assert out.getvalue().endswith("\r\x1b[K")
    assert "using" not in out.getvalue()
    quiet = io.StringIO()
    hidden = SignOfLife(out=quiet, shown=False, period=0.001)
    hidden.begin("thinking")
    time.sleep(0.01)
    hidden.end()
    assert quiet.getvalue() == ""


def test_what_is_done_follows_from_the_events() -> None:
    """Reading, using a tool, thinking about what it said, waiting for a place; words that come need no sign."""
    tool = {"tool": "search", "state": "running"}
    assert under_way(START) == "thinking · tiny"
    assert under_way(AnswerEvent(kind="tool", data=tool)) == "using search"
    assert under_way(AnswerEvent(kind="tool", data=tool | {"state": "done"})) == "thinking"
    assert under_way(AnswerEvent(kind="position", data={"position": 2})) == "waiting"
    assert under_way(AnswerEvent(kind="token", data={"text": "x"})) == ""
    assert under_way(DONE) == ""


def test_who_answers_is_said_once_and_before_the_first_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model by its name, and where it is."""
    out = Screen()
    chat = talk(Scripted(), out, monkeypatch)
    chat.say("one")
    chat.say("two")
    said = out.getvalue()
    assert said.count("tiny answers · desk · here") == 1
    assert said.index("tiny answers") < said.index("You said one")
    assert "You said two" in said


def test_model_alone_says_which_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """And which one answers; a name is taken, `auto` gives the choice back."""
    out = Screen()
    chat = talk(Scripted(), out, monkeypatch)
    chat.run_command("/model")
    words = " ".join(out.getvalue().replace("│", " ").split())
    assert "the node's choice: tiny answers; there are tiny, large" in words
    chat.run_command("/model large")
    assert chat.request.model == "large"
    chat.run_command("/model auto")
    assert chat.request.model == ""


def test_notes_keep_to_the_margin_and_help_to_the_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 60 columns, whatever is told; the help has 80 at most and names every way out."""
    out = Screen()
    chat = talk(Scripted(), out, monkeypatch)
    chat.page.note("word " * 40)
    lines = out.getvalue().splitlines()
    assert len(lines) > 1
    assert all(line.startswith("      │ word") and len(line) <= 60 for line in lines)
    assert max(map(len, HELP.splitlines())) <= 80
    assert "/exit" in HELP


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_nobody_sees_colours_who_does_not_want_them(monkeypatch: pytest.MonkeyPatch, env: dict[str, str]) -> None:
    """Neither in what is told nor in the prompt."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b" in ChatPage(Screen()).prompt
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    out = Screen()
    page = ChatPage(out)
    page.note("quiet")
    page.write("loud\n")
    assert "\x1b" not in out.getvalue() + page.prompt


def test_history_is_of_this_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of the one that was used last on this machine, which another terminal may have begun."""
    out = Screen()
    chat = talk(Scripted(), out, monkeypatch)
    chat.run_command("/history")
    assert "nothing was said" in out.getvalue()
    chat.say("one")
    chat.run_command("/history")
    assert "asked in c" in out.getvalue()
    assert "answered in c" in out.getvalue()


def test_a_chat_that_was_never_begun_cannot_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so."""
    with pytest.raises(NotFound, match="no conversation"):
        talk(Scripted(), Screen(), monkeypatch).go_on()
