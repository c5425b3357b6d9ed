"""How does a conversation run in a terminal: what is typed, what is heard, what does a `/word` do?"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from orchestrator.chat.values import AnswerEvent, ChatRequest
from orchestrator.cli import terminal
from orchestrator.cli.chat import page
from orchestrator.cli.chat.page import ChatPage
from orchestrator.core.errors import NotFound, OrchestratorError

if TYPE_CHECKING:
    from orchestrator.cli.chat.backend import ChatBackend
    from orchestrator.cli.chat.opening import OpeningBackend

NO_LEDGER = (
    "There is no ledger here: nothing that is answered has a source, and nothing of it is checked. "
    "`shiftbook init` or `shiftbook join URL` makes one."
)
HELP = """\
/new             a new conversation
/project [NAME]  a new conversation about a project (without a name: about none)
/model [NAME]    who answers: a model, a backend, or backend/model
                 (without a name: which there are; auto: the node's choice)
/tools [on|off]  whether tools may be used, or which: /tools search read
/history         what was said so far
/quit, /exit     leaves (so does Ctrl-D); Ctrl-C stops an answer
"""


def all_tools() -> tuple[str, ...]:
    """Every tool that there is."""
    from orchestrator.ledger.config.policy_tables import TOOLS  # what reads fleet.toml, which a prompt can do without

    return TOOLS


@dataclass
class TerminalChat:
    """A person at a terminal."""

    backend: OpeningBackend
    page: ChatPage
    request: ChatRequest
    advised: set[str] = field(default_factory=set)
    _introduced: bool = False

    @property
    def line(self) -> ChatBackend:
        """The way to the model; waits until it is open. Raises what opening it raised."""
        return self.backend.get()

    def loop(self, node: str, advice: str = "") -> None:
        """Asks for messages until the person leaves. `advice` is what they should know first."""
        self.page.note(f"{node} · /help")
        self._advise(advice)
        while True:
            try:
                typed = input(self.page.prompt if sys.stdin.isatty() else "").strip()
            except EOFError:
                print()
                return
            except KeyboardInterrupt:
                print()
                continue
            if typed in ("/quit", "/exit"):
                return
            try:
                self.run_command(typed) if typed.startswith("/") else self.say(typed)
            except OrchestratorError as error:
                self.page.note(str(error))

    def go_on(self) -> None:
        """Takes up the last conversation. Raises NotFound."""
        found = self.line.last(terminal.DEVICE_ID)
        if found is None:
            raise NotFound("no conversation was begun here yet")
        self.request = replace(self.request, conversation=found.id, project="")
        self.page.note(f"going on with “{found.title}”, {found.turns} turns")

    def say(self, message: str) -> None:
        """One message and its answer. Ctrl-C ends the answer; what came is kept."""
        if not message:
            return
        try:
            with without_echo(), self.page.sign_of_life() as sign:
                sign.begin("opening")
                with closing(self.line.ask(replace(self.request, message=message))) as events:
                    for event in events:
                        sign.end()
                        self._print_event(event)
                        if doing := page.under_way(event):
                            sign.begin(doing)
        except KeyboardInterrupt:
            self.page.note("stopped")

    def print_answer(self, message: str) -> None:
        """One message and its answer as JSON. What a tool asks for is refused: nobody is there to say yes."""
        for event in self.line.ask(replace(self.request, message=message)):
            if event.kind == "approval":
                self.line.decide(event.data["id"], allow=False)
            if event.kind == "error":
                raise OrchestratorError(str(event.data.get("detail") or event.data["title"]))
            if event.kind == "done":
                terminal.print_json(event.data)

    def _print_event(self, event: AnswerEvent) -> None:
        data = event.data
        if event.kind == "start":
            self.request = replace(self.request, conversation=data["conversation_id"], project="")
            if not self._introduced and self.page.fancy:
                self.page.note(f"{data['model']} answers · {self.line.where}")
            self._introduced = True
            self._tell(data)
        elif event.kind == "token":
            self.page.write(data["text"])
        elif event.kind == "position":
            self.page.note(f"waiting · place {data['position']}")
        elif event.kind == "tool" and data["state"] != "running":
            self.page.note(page.tool_line(data))
        elif event.kind == "approval":
            self._decide(event)
        elif event.kind == "error":
            raise OrchestratorError(str(data.get("detail") or data["title"]))
        elif event.kind == "done":
            self.page.note(page.answer_footer(data))
            if found := page.grounding_line(data):
                self.page.note(found)

    def _tell(self, data: Mapping[str, Any]) -> None:
        """What is known before the first word."""
        for note in data["notes"]:
            self.page.note(note)
        self._advise(data.get("advice", ""))

    def _advise(self, advice: str) -> None:
        """What the person should know of the model, once."""
        if advice and advice not in self.advised:
            self.advised.add(advice)
            self.page.note(advice)

    def _decide(self, event: AnswerEvent) -> None:
        arguments = " ".join(f"{name}={value!r}" for name, value in event.data["arguments"].items())
        self.page.note(f"it asks to use {event.data['act']}: {arguments[:400]}")
        allow = False
        if sys.stdin.isatty():
            with suppress(EOFError), with_echo():
                allow = input("      │ allow? [y/N] ").strip().lower() in ("y", "yes")
        self.line.decide(event.data["id"], allow=allow)

    def run_command(self, typed: str) -> None:
        """A word to the terminal."""
        word, _, rest = typed.partition(" ")
        orders: dict[str, Callable[[str], None]] = {
            "/new": lambda _: self._start_new(self.request.project, match=True),
            "/project": self._start_new,
            "/model": self._choose,
            "/tools": self._allow,
            "/history": lambda _: self._print_history(),
        }
        order = orders.get(word)
        if order is None:
            print(HELP, end="")
        else:
            order(rest.strip())

    def _start_new(self, project: str, *, match: bool = False) -> None:
        self.request = replace(self.request, conversation="", project=project, match=match)
        self.page.note(f"a new conversation{f' about {project}' if project else ''}")

    def _choose(self, name: str) -> None:
        if not name:
            with self.page.sign_of_life() as sign:
                sign.begin("looking for models")
                found = self.line.models()
            now = self.request.model or f"the node's choice: {found[0] if found else 'none'}"
            self.page.note(f"{now} answers; there {'is' if len(found) == 1 else 'are'} {', '.join(found) or 'none'}")
            return
        self.request = replace(self.request, model="" if name == "auto" else name)
        self.page.note(f"{'the node’s choice' if name == 'auto' else name} answers from now on")

    def _allow(self, names: str) -> None:
        tools = all_tools()
        chosen = tools if names in ("", "on") else () if names == "off" else tuple(names.split())
        if unknown := [name for name in chosen if name not in tools]:
            self.page.note(f"there is no tool {unknown[0]}: {', '.join(tools)}")
            return
        self.request = replace(self.request, tools=chosen)
        self.page.note(f"tools: {', '.join(chosen) or 'none'}")

    def _print_history(self) -> None:
        """Of this conversation: another terminal of this machine may have begun a newer one."""
        if not self.request.conversation:
            self.page.note("nothing was said in it yet")
            return
        for role, content in self.line.turns(self.request.conversation):
            if role == "user":
                self.page.note(content)
            else:
                self.page.write(content)
                self.page.end()


def with_input_history(path: Path, loop: Callable[[], None]) -> None:
    """Runs the loop with what was typed before at hand, where the system has readline."""
    try:
        lines: ModuleType = importlib.import_module("readline")
    except ImportError:
        loop()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    lines.read_history_file(str(path))
    lines.set_history_length(1000)
    try:
        loop()
    finally:
        lines.write_history_file(str(path))


@contextmanager
def without_echo() -> Iterator[None]:
    """What is typed while an answer comes is not written into it; the next prompt shows it. Ctrl-C leaves no `^C`."""
    with _echo(on=False):
        yield


@contextmanager
def with_echo() -> Iterator[None]:
    """For a question in the middle of an answer."""
    with _echo(on=True):
        yield


@contextmanager
def _echo(*, on: bool) -> Iterator[None]:
    if not sys.stdin.isatty():
        yield
        return
    import termios

    before = termios.tcgetattr(sys.stdin)
    now = [*before]
    now[3] = now[3] | termios.ECHO if on else now[3] & ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSANOW, now)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
