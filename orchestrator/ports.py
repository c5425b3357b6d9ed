"""What does the orchestrator ask of the things that it can exchange: agents, models, sandboxes?

Values that cross these ports, then one protocol each. Adapters live in `agents/`, `models/` and `sandbox/`; only
`wiring.py` names them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from missions.mission import Mission


class Stop(Protocol):
    """A flag that a running job looks at: set means end now (cancelled, fenced, or the node is stopping)."""

    def is_set(self) -> bool:
        """Whether the job must end."""

    def wait(self, timeout: float | None = None) -> bool:
        """Waits at most `timeout` seconds for the flag; returns whether it is set."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a run took. Tokens are the model's own count, money USD, times seconds."""

    model: str = ""
    backend: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    first_token_seconds: float | None = None
    seconds: float = 0.0
    cost_usd: float | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one attempt. `summary` is one sentence for a colleague; `error` is empty when it went well.

    `branch` names a branch that is on the project's server; without one, `diff` is all that there is.
    """

    ok: bool
    summary: str
    answer: str = ""
    diff: str = ""
    output: str = ""
    exit_code: int | None = None
    error: str = ""
    base: str | None = None
    branch: str | None = None
    files: tuple[str, ...] = ()
    cancelled: bool = False
    sandbox: str = ""
    notes: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project that missions may name: where its repository is and what its own checks are."""

    name: str
    url: str
    branch: str = "main"
    test: str | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """One attempt at one mission, as an agent gets it. `context` is the assembled handoff."""

    mission: Mission
    attempt: int
    project: Project | None
    context: str
    folder: Path
    """An empty folder of the attempt's own, kept until the result is accepted."""
    say: Callable[[str], None]
    """Takes one line of progress for people who watch."""


class Agent(Protocol):
    """Something that can do a mission."""

    @property
    def name(self) -> str:
        """What a mission's `agent:` calls it."""

    def missing(self) -> str | None:
        """Why this agent cannot work here, in words with the next step; None when it can."""

    def run(self, job: Job, stop: Stop) -> Outcome:
        """Does one attempt and returns what came of it; a failure of the work is an outcome, not an exception.

        Ends within 5 s of `stop`, leaving no process behind. Raises OrchestratorError only for what is wrong with
        this node.
        """


@dataclass(frozen=True, kw_only=True)
class Message:
    """One turn given to a model. `role` is system, user, assistant or tool."""

    role: str
    content: str


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What a model is asked. What stays the same from call to call stands first: only an equal beginning is cached.

    `schema` is a JSON schema that the answer must satisfy. `temperature` and `seed` are the backend's own where they
    are None. `stop` are texts at which an answer ends (they are not part of it). `conversation` is a key: calls with
    the same one find what they read last time still in memory, where the backend keeps such places.
    """

    messages: tuple[Message, ...]
    max_tokens: int
    schema: Mapping[str, Any] | None = None
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    conversation: str = ""


@dataclass(frozen=True, kw_only=True)
class Generation:
    """A model's answer. `finish` is stop, length or cancelled; `notes` say when another model than usual gave it."""

    text: str
    finish: str
    usage: Usage
    notes: tuple[str, ...] = ()


class Embedder(Protocol):
    """Turns texts into vectors whose directions are near where meanings are."""

    def embed(self, texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        """One vector for each text, all of one dimension. Raises ContextTooLong, ModelUnavailable."""


class Keeper(Protocol):
    """Keeps what a model has read of a prompt, so that the next call need not read it again."""

    def warm(self, messages: Sequence[Message], conversation: str = "") -> Usage:
        """Reads `messages` ahead for the next call that begins with them. Raises ContextTooLong, ModelUnavailable."""

    def save(self, path: Path, conversation: str = "") -> bool:
        """Writes what is in memory for a conversation to a file; False when there is nothing.

        Raises ModelUnavailable, OSError.
        """

    def load(self, path: Path, conversation: str = "") -> bool:
        """Takes up such a file for a conversation; False when it is not there, or of another model.

        Raises ModelUnavailable, OSError.
        """


class Model(Protocol):
    """A backend that continues a conversation. Several threads may call it at once."""

    @property
    def name(self) -> str:
        """The model's name, as people know it."""

    @property
    def backend(self) -> str:
        """What runs it."""

    @property
    def context_tokens(self) -> int:
        """The longest prompt and answer together that it holds."""

    @property
    def embedder(self) -> Embedder | None:
        """What makes vectors with this model; None where it has none."""

    @property
    def keeper(self) -> Keeper | None:
        """What keeps prompts that were read; None where the backend does that by itself or not at all."""

    def missing(self) -> str | None:
        """Why it cannot answer here, in words with the next step; None when it can. Loads nothing."""

    def count(self, text: str) -> int:
        """How many tokens `text` is for this model; an estimate where the backend offers no count."""

    def generate(self, prompt: Prompt, *, on_text: Callable[[str], None], stop: Stop) -> Generation:
        """Answers, passing each piece of text on as it comes. Raises ContextTooLong, ModelUnavailable."""

    def close(self) -> None:
        """Lets go of memory and processes. Closing twice is no error."""


RUN_MARK = "SHIFTBOOK_RUN"
"""The variable that tells a run's processes from everybody else's; every sandbox lets it through."""


@dataclass(frozen=True, kw_only=True)
class Confinement:
    """What a command may touch. Paths are absolute; everything that is not named is read-only or hidden.

    `memory_mib` bounds each process's writable memory, `file_mib` each file; a limit of 0 is none. `HOME`, if
    `environment` names one, is an empty folder that is thrown away.
    """

    writable: Path
    protected: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    network: bool = False
    memory_mib: int = 4096
    processes: int = 512
    file_mib: int = 2048
    cpu_seconds: int | None = None


class Sandbox(Protocol):
    """A way to run somebody else's command so that it can do no harm outside its workspace."""

    @property
    def name(self) -> str:
        """What it is called in a result."""

    def missing(self) -> str | None:
        """Why it does not work on this machine, found by trying it; None when it does."""

    def command(self, argv: Sequence[str], confinement: Confinement) -> list[str]:
        """The command line that runs `argv` confined, with `confinement.writable` as its working folder.

        Start it with `confinement.environment` (and RUN_MARK) as its whole environment: on a command line, keys could
        be read by every user of the machine. It takes away any other variable that this process has.
        When the process that starts this command line dies, by SIGKILL too, so does everything inside.
        """
