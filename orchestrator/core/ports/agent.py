"""What is an agent asked to do, and what comes of it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from handoff.warnings.heard_warnings import HeardWarning
from missions.evidence.bundle import NO_EVIDENCE, EvidenceBundle
from missions.mission import Mission
from orchestrator.core.ports.action_warner import ActionWarner, Unwarned
from orchestrator.core.ports.model import Stop, Usage
from orchestrator.core.ports.run_desk import NoRunDesk, RunDesk
from orchestrator.core.ports.steering import Steering, Unsteered
from orchestrator.core.quota_window import QuotaWindow

if TYPE_CHECKING:
    from handoff.answers.admission import AnswerSources


@dataclass(frozen=True, kw_only=True)
class DiffStat:
    """What a diff does, counted from Git's own tables: a mode change and a binary file are no lines (unidiff sees 0).

    Paths are the project's. `modes` are files whose mode changed, `executables` those that became or came executable.
    """

    added: int = 0
    removed: int = 0
    binaries: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    executables: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    renames: int = 0


@dataclass(frozen=True, kw_only=True)
class MissionProposal:
    """A mission that an agent proposes: a file for `missions/`, which waits for policy or a person."""

    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one attempt. `summary` is one sentence for a colleague; `error` is empty when it went well.

    `branch` names a branch that is on the project's server; without one, `diff` is all that there is, or `commit` is
    what the node keeps because it could not push it. `parked` says
    why only a person can help (a quota, a log-in, a budget, a full disk): such an attempt is no failure, it waits.
    `tested` is whether the project's own test command passed; None where it has none or it was not run.
    """

    ok: bool
    summary: str
    answer: str = ""
    diff: str = ""
    submodules: str = ""
    """What was written below the project's submodules, as a diff: their repositories are not here to commit it to."""
    output: str = ""
    exit_code: int | None = None
    error: str = ""
    base: str | None = None
    branch: str | None = None
    commit: str | None = None
    """What the branch points to, or will once it can be pushed: the commit that a person looks at, and nothing else, is
    what an approval merges."""
    files: tuple[str, ...] = ()
    cancelled: bool = False
    sandbox: str = ""
    notes: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    parked: str = ""
    released: bool = False
    """Whether the mission goes back into the queue, so that this node goes on with it later; it is no failure."""
    changes: DiffStat | None = None
    tested: bool | None = None
    evidence: EvidenceBundle = NO_EVIDENCE
    """Files that the project's tests wrote and that its `evidence` names."""
    rounds: int = 0
    """How often the work went back to the agent because it was not right yet."""
    denials: tuple[str, ...] = ()
    """What the agent asked for and was refused."""
    session: str = ""
    """The agent's own name for the conversation, with which it can go on."""
    program: str = ""
    """The agent's program and its version, as it names itself."""
    proposals: tuple[MissionProposal, ...] = ()
    windows: tuple[QuotaWindow, ...] = ()
    """What was declared of the windows of the agent's account, of each kind the last word."""
    heard: tuple[HeardWarning, ...] = ()
    """What the journal warned of at its actions, and what followed."""
    spared: bool = False
    """Whether it failed by no doing of whoever worked: a mistake or a fault of the node, a workspace or a set-up of the
    project that could not be made, a dev service that did not come up, a model's API that did not answer."""
    out_of_quota: bool = False
    """Whether the work ended because one of them is used up, by a declared signal and not by anybody's words."""


class Meter(Protocol):
    """Watches what an attempt takes while it runs, so that it is stopped when its budget is reached and not after."""

    def note(self, usage: Usage) -> None:
        """Takes in what the attempt has taken so far, all in all. May be called from any thread."""

    def over(self) -> str:
        """Why the attempt must end now, in words that name the budget and its limit; empty while it may go on."""

    @property
    def mission_usd(self) -> float | None:
        """The mission's own budget in USD, which may change while it runs; None where it has none."""

    def unpriced(self, model: str) -> str:
        """Why a model may not even be asked: its price is unknown, and a budget is to be kept. Empty if it may."""


class Unmetered:
    """The meter of an attempt that nobody limits."""

    mission_usd: float | None = None

    def note(self, usage: Usage) -> None:
        """Takes no note."""

    def over(self) -> str:
        """Never."""
        return ""

    def unpriced(self, model: str) -> str:
        """No budget, no need of a price."""
        return ""


@dataclass(frozen=True, kw_only=True)
class ProjectToolServer:
    """A server of tools (Model Context Protocol) that a project's agents start in their sandbox. Without `tools` they
    may ask it for all that it has."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    tools: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DevServiceSpec:
    """A program that stands beside a project's tests, such as a database, in the sandbox of each run.

    `command` and `health` are shell lines; without `health` it is up once each of its ports takes a connection.
    `ports` are variables that get a free port's number; `environment` is seen by all that runs there, with `{NAME}` for
    such a number. `seconds` bound its start; `agents`: it stands beside agents, too.
    """

    name: str
    command: str
    health: str = ""
    ports: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 60.0
    agents: bool = False


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project that missions may name: where its repository is and what its own checks are.

    `setup` prepares a clone with the network, `tools` are paths of nodes that its runs may read, and `test_files` are
    pairs of a path in the tree and of the node's file that the project's tests find there.
    """

    name: str
    url: str
    branch: str = "main"
    test: str | None = None
    trust_hooks: bool = False
    """Whether a repository on this machine may run its own hooks there, unconfined, when a branch is pushed to it."""
    setup: str | None = None
    tools: tuple[str, ...] = ()
    test_files: tuple[tuple[str, str], ...] = ()
    servers: tuple[ProjectToolServer, ...] = ()
    evidence: tuple[str, ...] = ()
    """Globs of files that its tests write and that are kept with a result."""
    services: tuple[DevServiceSpec, ...] = ()
    """In the order in which they are started."""

    @property
    def agent_services(self) -> tuple[DevServiceSpec, ...]:
        """Those that stand beside agents, too."""
        return tuple(each for each in self.services if each.agents)


@dataclass(frozen=True, kw_only=True)
class AgentJob:
    """One attempt at one mission, as an agent gets it. `context` is the assembled handoff."""

    mission: Mission
    attempt: int
    project: Project | None
    context: str
    folder: Path
    """The attempt's own folder, kept until the result is accepted. Empty, unless the attempt goes on."""
    say: Callable[[str], None]
    """Takes one line of progress for people who watch."""
    meter: Meter = field(default_factory=Unmetered)
    goes_on: bool = False
    """The folder has what an earlier run of this mission left when it was parked or cut off: its tree, its home and
    the `session.json` of its agent's conversation. Without that file every attempt gets an empty folder."""
    patch: bytes = b""
    """What the workspace starts from beyond the project's default branch, as a diff."""
    inputs: Mapping[str, bytes] = field(default_factory=dict)
    """The files that the mission came with, by name; the agent may read them."""
    tools: tuple[str, ...] | None = None
    """What policy lets this agent use here (search, read, write, run, shell, git); None: it does not say."""
    place: str = ""
    """As whom the agent speaks, what its node lets it use, and what it may ask other nodes for, in words."""
    comment: str = ""
    """What the person wrote who rejected the attempt before; empty if nobody did."""
    feedback: str = ""
    """What came back from the pull request of the attempt before."""
    earlier: bytes = b""
    """What that attempt changed, as a diff: the workspace begins with it where it still fits."""
    sources: AnswerSources | None = None
    """What an answer may rest on, with its places; None: `context` alone."""
    steering: Steering = field(default_factory=Unsteered)
    """What people say to the attempt while it works."""
    warner: ActionWarner = field(default_factory=Unwarned)
    """Who says at its actions what the journal knows of them."""
    desk: RunDesk = field(default_factory=NoRunDesk)
    """What it may ask of its fleet while it works."""
    rounds: int = 2
    """How often the work may go back to the agent to be put right before the attempt has failed."""

    @property
    def answer_sources(self) -> AnswerSources:
        """What an answer may rest on."""
        from handoff.answers.admission import AnswerSources
        from handoff.answers.citable import document_lines

        return self.sources or AnswerSources(lines=document_lines("handoff", self.context))


class Agent(Protocol):
    """Something that can do a mission."""

    @property
    def name(self) -> str:
        """What a mission's `agent:` calls it."""

    def missing(self) -> str | None:
        """Why this agent cannot work here, in words with the next step; None when it can."""

    def run(self, job: AgentJob, stop: Stop) -> Outcome:
        """Does one attempt and returns what came of it; a failure of the work is an outcome, not an exception.

        Ends within 5 s of `stop`, leaving no process behind. Raises OrchestratorError only for what is wrong with
        this node.
        """
