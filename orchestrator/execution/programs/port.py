"""The port of agents' programs: how is one started, and what does its output say?

Each adapter in `agents/` is one such program. It starts nothing itself: workspace, sandbox, budget, verification and
hand-over are the same for all (`execution.attempt`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from orchestrator.core.ports.model import Usage
from orchestrator.core.quota_window import QuotaWindow

MIN_SILENCE_SECONDS = 300.0
MAX_SILENCE_SECONDS = 7 * 86_400.0
"""Seconds; a timer of JavaScript holds no more than 24 days."""
NOTHING_BEFORE: Mapping[str, Any] = {}
"""What a conversation had taken before its first round."""


class ErrorKind(StrEnum):
    """What kept a program from its work. The first two need a person, and are not tried again blindly."""

    LOGIN = "log-in"
    QUOTA = "quota"
    BUDGET = "budget"
    TURNS = "turn limit"
    API = "model API"


@dataclass(frozen=True, kw_only=True)
class ModelApi:
    """A model's API that a program may call. The node's own key goes with the call and never into the sandbox.

    `url` is where it is; `base` names the variable by which the program is told another address, `key` the variable
    that holds the key, in the node's environment and (as a placeholder) in the program's. `header` carries it.
    """

    name: str
    url: str
    base: str
    key: str
    header: str = "authorization"
    path: str = ""
    """What the program expects at the end of its base address (`/v1`)."""


@dataclass(frozen=True, kw_only=True)
class ToolServer:
    """A server of tools that a program starts beside itself, and speaks with in the Model Context Protocol on its
    standard input and output. `tools` are all that it may be asked for without a question; empty: all that it has."""

    name: str
    command: tuple[str, ...]
    tools: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 60.0
    """For so long is an answer of it waited for."""

    @property
    def milliseconds(self) -> int:
        """The same, as most programs want it."""
        return int(self.seconds * 1000)


@dataclass(frozen=True, kw_only=True)
class RoundRequest:
    """What one round gives a program. With `session`, it goes on with that conversation of its own.

    `home` is its home folder, empty in the first round and the same in all rounds of an attempt; `tree` is where it
    works. `budget_usd` is what is left to spend; None: no limit.
    """

    prompt: str
    tree: Path
    home: Path
    session: str = ""
    model: str = ""
    budget_usd: float | None = None
    seconds: float = 3600.0
    """How long the round may take."""
    tools: tuple[str, ...] | None = None
    """What policy lets it use, in the words of `ports.AgentJob.tools`; None: policy does not say."""
    hook: str = ""
    """The command line that it runs before it uses a tool, if it can: the node's answer is for its model. "": none."""
    servers: tuple[ToolServer, ...] = ()
    """Servers of tools that it starts, and no others."""

    @property
    def unfailing_hook(self) -> str:
        """The same, as a line for a shell that ends with 0 and says nothing where the hook cannot run: gemini and
        copilot refuse a call whose hook failed, claude one whose hook ended with 2, as a Python does without its file.
        """
        return f"{self.hook} 2>/dev/null || :" if self.hook else ""

    @property
    def silence_ms(self) -> int:
        """How long, in ms, it should wait for a model that is silent: slow ones read for longer than 300 s, which is
        what most programs allow, and asking again has them begin anew."""
        return int(min(max(self.seconds, MIN_SILENCE_SECONDS), MAX_SILENCE_SECONDS) * 1000)


class ProgramConversation(Protocol):
    """One round's talk with a program on its standard input and output. Reads the output like an `OutputParser`, and
    answers what it reads. Lines come from one thread; `say` and `unheard` may be called from any."""

    def begin(self, send: Callable[[bytes], bool], finish: Callable[[], None]) -> None:
        """The program is about to start: `send` writes to it and says whether that is on its way, `finish` ends its
        input. Neither waits."""

    def take(self, line: str) -> str:
        """Takes one line; returns what a person who watches should see of it ("" for nothing)."""

    def told(self, exit_code: int | None) -> ParsedOutput:
        """What is known by now; `exit_code` is None while the program runs."""

    def say(self, text: str) -> bool:
        """A person's words in the middle of the work: whether the program is given them in this round."""

    @property
    def unheard(self) -> tuple[str, ...]:
        """What `say` passed on and the program has not taken in."""

    def cancel(self) -> bool:
        """The round must end now; whether the program was asked to, and may do so by itself."""

    def blocked(self) -> str:
        """Why nothing can come of this round until a person has mended something; "" as long as it can."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How a program is started for one round. `environment` adds to what every run gets, and `{NAME}` in its values
    stands for a variable of the line; `readable` are its files.

    `upstreams` are the APIs that it calls through the node's line, `hosts` (as host:port) others that it may reach.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    readable: tuple[Path, ...] = ()
    upstreams: tuple[ModelApi, ...] = ()
    hosts: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    """Globs of files that the program leaves in the tree for itself; they are no part of the work."""
    hidden: tuple[str, ...] = ()
    """Paths in the tree that the sandbox shows empty, because the program would do what the project says there."""
    taken_before: Mapping[str, Any] = field(default_factory=dict)
    """What the conversation had taken before this round, in the words of a program that counts it from its first round
    on. It goes to the round's reading, which takes it off."""
    spoken_to: Callable[[str], bytes] | None = None
    """How a text stands on its standard input, for a program that reads there while it works; the prompt comes first.
    Its reading counts what it took (`ParsedOutput.heard`), and its input ends when it has answered all of it. None:
    nobody can speak to it before its next round."""
    conversation: ProgramConversation | None = None
    """Who speaks with a program that answers questions and asks some itself; its reading of the output is the round's.
    """
    line_decides: bool = False
    """Whether the node's line alone is asked if the calls to the model went well: each that failed must have been made
    good by a later one.
    For a program that may call a turn finished whatever its model's API said."""
    hooked: bool = False
    """Whether it runs the request's hook at its calls, those of commands left out where its bash asks."""
    of_bash: Callable[[str], str] | None = None
    """Of what it has `bash -c` run, the command line as its output tells of it; "" of what is none of its model's. For
    a program without hooks at its commands: its bash asks the node in their place. None: it does not."""
    codes_untold: bool = False
    """Whether it tells no exit codes, so that they must stand in the output of what bash runs."""
    windows_after: Callable[[str], tuple[QuotaWindow, ...]] = lambda _session: ()
    """What it wrote down of its account's windows in a session, when the round is over, for a program that keeps them
    in a file. May raise OSError."""


@dataclass(frozen=True, kw_only=True)
class EndedAction:
    """A command line, or a path that was changed, as a program says that it did it, and whether that went well; None
    where it does not say so."""

    action: str
    ok: bool | None
    call: str = ""
    """The id of the call, if it has one."""
    hooked: bool = False
    """Whether the program's hook, where it runs one, must have asked the node about it."""


@dataclass(frozen=True, kw_only=True)
class ParsedOutput:
    """What a program's output says so far. Success needs `ended` and no trouble, whatever the exit code is.

    `usage` is of this round alone, whatever the program counts. `ended` is that the program's last event was seen (for
    one that has none: that its output says so).
    """

    ended: bool = False
    session: str = ""
    answer: str = ""
    error: str = ""
    trouble: ErrorKind | None = None
    denials: tuple[str, ...] = ()
    denied_calls: Mapping[str, str] = field(default_factory=dict)
    """Of the denials those of calls that have an id, by that id."""
    actions: tuple[EndedAction, ...] = ()
    """What it says that it did, the first so many."""
    usage: Usage = field(default_factory=Usage)
    heard: int = 0
    """How many texts of its standard input it says that it has taken in, the prompt among them."""
    windows: tuple[QuotaWindow, ...] = ()
    """What it declares of the windows of the account that it works with, of each kind the last word."""


class OutputParser(Protocol):
    """Reads one round's output as it comes. Unknown lines and events are no error."""

    def take(self, line: str) -> str:
        """Takes one line; returns what a person who watches should see of it ("" for nothing)."""

    def told(self, exit_code: int | None) -> ParsedOutput:
        """What is known by now; `exit_code` is None while the program runs."""


class Program(Protocol):
    """An agent's command-line program."""

    @property
    def name(self) -> str:
        """What a mission's `agent:` calls it."""

    @property
    def unread_rules(self) -> tuple[str, ...]:
        """Files of a project's rules that it does not read as it is started: they come with the prompt."""

    def missing(self) -> str | None:
        """Why it cannot work here, in words with the next step; None when it can. Starts nothing that talks."""

    def version(self) -> str:
        """The program's name and version as it says them; "" when it does not."""

    def launch(self, brief: RoundRequest) -> Launch:
        """How to start it for a round. May write files of its own into `brief.home`."""

    def reading(self, before: Mapping[str, Any] = NOTHING_BEFORE) -> OutputParser:
        """A fresh reading for one round; `before` is its `Launch.taken_before`."""
