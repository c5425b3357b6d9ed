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

    @property
    def silence_ms(self) -> int:
        """How long, in ms, it should wait for a model that is silent: slow ones read for longer than 300 s, which is
        what most programs allow, and asking again has them begin anew."""
        return int(min(max(self.seconds, MIN_SILENCE_SECONDS), MAX_SILENCE_SECONDS) * 1000)


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How a program is started for one round. `environment` adds to what every run gets; `readable` are its files.

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
    windows_after: Callable[[str], tuple[QuotaWindow, ...]] = lambda _session: ()
    """What it wrote down of its account's windows in a session, when the round is over, for a program that keeps them
    in a file. May raise OSError."""


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
