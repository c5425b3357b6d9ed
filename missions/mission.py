"""What is a mission, as a value?"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from missions.agents.agent_names import AGENT_SEPARATOR as AGENT_SEPARATOR
from missions.agents.agent_names import AGENTS as AGENTS
from missions.agents.agent_names import AUTO as AUTO
from missions.agents.agent_names import LISTED_AGENTS as LISTED_AGENTS
from missions.agents.agent_names import PAID_AGENTS as PAID_AGENTS
from missions.agents.agent_names import REVIEW as REVIEW
from missions.agents.agent_names import UPDATE_AGENT as UPDATE_AGENT
from missions.agents.agent_names import joined_agents, known_agents, listed_agents
from missions.declared.value_rules import After, Before, Limits
from missions.errors import BadName
from missions.field_types import (
    ATTEMPT,
    NODE,
    PERSON,
    SHOWN,
    SHOWN_TEXT,
    Amount,
    Command,
    Commit,
    Count,
    Globs,
    Help,
    Name,
    SmallCount,
    StringList,
    UtcTime,
    WholeNumber,
    one_of,
    word_of,
    wrong_value,
)

MAX_NAME_CHARS = 80
"""Longest slug, in characters: it must fit a file name and a ref name together with a node's name."""


class Status(StrEnum):
    """Where a mission stands. The words are what people read in the file and in every list."""

    QUEUED = "queued"
    RUNNING = "running"
    REVIEW = "review"
    PARKED = "parked"
    DONE = "done"
    FAILED = "failed"
    DEAD = "dead"
    CANCELLED = "cancelled"
    QUARANTINED = "quarantined"
    UNTRUSTED = "untrusted"


OPEN = frozenset({Status.QUEUED, Status.FAILED})
"""States from which a node may claim a mission."""

FINISHED = frozenset({Status.DONE, Status.CANCELLED})
"""States in which a mission leaves `missions/` for its archive. A dead one stays: a person has to look at it."""

CODING_TASK = "coding_task"
"""The kind of work that changes a project, and so needs one."""
UPDATE_TASK = "system:update_factory"
"""A node's program goes to another release; and who does that, which is nobody else's work. An admin alone may ask."""
TASKS = ("general_task", CODING_TASK, REVIEW)
"""The kinds of work that divisions take and rules are for."""
NO_PROJECT = "none"
"""What `project:` says of a mission that belongs to none, so that none is looked for."""
MAX_ATTEMPTS_BESIDE = 8
"""Most attempts that are made side by side."""
APPROVALS = ("policy", "always", "auto")
BY_POLICY = "policy"
"""A mission's `decided_by` where nobody had to decide."""
DELIVERIES = ("nothing", "push", "merge", "pull_request")
"""What an approval can do with the branch that was approved."""
MAX_COMMENT_CHARS = 8000
"""Characters of a rejection's comment."""
MAX_FEEDBACK_CHARS = 16_000
"""Characters of what comes back from a pull request at once."""


RELEASE = r"^v(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})$"
"""A release of this program, as its tag is called."""
_SLUG = re.compile(r"[a-z0-9]++(?:-[a-z0-9]++)*+")


def slug(name: str) -> str:
    """The identity that a file name or a title stands for.

    Lower-case ASCII letters and digits joined by single hyphens, at most MAX_NAME_CHARS characters, so that it is a
    safe file name and a safe part of a ref name everywhere. Raises BadName when nothing is left.
    """
    if len(name) <= MAX_NAME_CHARS and _SLUG.fullmatch(name):
        return name  # as most file names are
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    found = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:MAX_NAME_CHARS].strip("-")
    if not found:
        raise BadName(name)
    return found


_LATIN = str.maketrans(
    {"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D"}
    | {"ð": "d", "Ð": "D", "þ": "th", "Þ": "TH", "ł": "l", "Ł": "L", "ħ": "h", "Ħ": "H", "ı": "i", "ŋ": "n", "Ŋ": "N"}
    | {"ŧ": "t", "Ŧ": "T", "ĸ": "q", "ə": "e", "Ə": "E"}
)
"""Latin letters that are no letter with a mark, as the Latin-ASCII transform of Unicode CLDR writes them."""


def new_name(words: str) -> str:
    """How a mission is called that gets its name here, by a title or a file's: `slug`, with no Latin letter lost.

    Of files that are in a ledger only `slug` says which mission they are: `Grüße.md` stays `grue`. Raises BadName.
    """
    return slug(unicodedata.normalize("NFKD", words).translate(_LATIN))


def name_of_file(stem: str) -> str:
    """What a file without its ending is called as a mission: its slug, or as it stands where that is none."""
    try:
        return slug(stem)
    except BadName:
        return stem


def mission_of_file(name: str) -> str:
    """Which mission a file in the folder of missions is, by its name and whatever its spelling; "" for no such file."""
    stem, _, ending = name.rpartition(".")
    return name_of_file(stem) if stem and ending.lower() == "md" else ""


_LINK = re.compile(
    r"\s*+(?:\[\[)?(?:\.{0,2}/)*+(?:missions/(?:archive/(?:[0-9a-f-]+/)+)?)?([^|#\]]*+)(?:[|#].*+)?(?:\]\])?\s*+"
)
"""A mission as another one names it: by its name, its file, its path in the ledger, or a link as in a wiki."""


def _mission_name(word: str) -> str:
    found = _LINK.fullmatch(word)
    return slug((found[1].strip() if found else word).removesuffix(".md"))


def _slugged(names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(_mission_name(name) for name in names)
    except BadName as error:
        raise ValueError(str(error)) from error


def _attached(words: tuple[str, ...]) -> tuple[str, ...]:
    from missions.attachments.attachment import BadAttachment, read_attachments  # few missions come with files

    try:
        return tuple(one.word for one in read_attachments(words))
    except BadAttachment as error:
        raise ValueError(str(error)) from error


def _group_name(value: str | None) -> str | None:
    """A plain name, as a mission has one. Raises ValueError."""
    if value is not None and not _SLUG.fullmatch(value):
        raise ValueError("write a plain name, such as fix-the-login")
    return value


def _status_word(value: Any) -> Any:
    return (word_of(value, tuple(Status)) or value) if isinstance(value, str) else value


def _of_a_file(status: Status) -> Status:
    """A file is not quarantined by its own word."""
    if status in (Status.QUARANTINED, Status.UNTRUSTED):
        raise wrong_value("status", "no file can say so")
    return status


@dataclass(frozen=True, kw_only=True)
class MissionFields:
    """The front matter as it may be written: each field with who writes it, whether it is shown, and its values.

    This is the only list of them: what nodes may write, what a record may bring and what a view has follow from it.
    Names are the words in the file, and stand in the order of a view.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = {"extra": "forbid", "coerce_numbers_to_str": True}

    title: Annotated[
        str | None,
        Limits(max_length=300),
        PERSON,
        Help(says="how people see it; the first line of the text where it is left out"),
        SHOWN,
    ] = None
    project: Annotated[
        Name | None,
        PERSON,
        Help(says="a name from fleet.toml, or none; where it is left out, the one that the text names"),
        SHOWN,
    ] = None
    task: Annotated[
        str,
        one_of((*TASKS, UPDATE_TASK), "task type"),
        PERSON,
        Help(says="general_task answers, coding_task changes files, review reviews the logs", values=TASKS),
        SHOWN,
    ] = "general_task"
    agent: Annotated[
        Annotated[str, Before(joined_agents), After(known_agents)] | None,
        PERSON,
        Help(says="who does it; auto is whoever fits best; of a list the first whose account is open", values=AGENTS),
        SHOWN,
    ] = None
    attempts: Annotated[
        Annotated[WholeNumber, Limits(ge=1, le=MAX_ATTEMPTS_BESIDE)] | None,
        PERSON,
        Help(says="so many attempts side by side, of which one result is accepted; filing makes missions of them"),
    ] = None
    agents: Annotated[
        StringList,
        Limits(max_length=MAX_ATTEMPTS_BESIDE),
        After(listed_agents),
        PERSON,
        Help(says="who does them, each in its turn: an attempt for each agent where `attempts` says nothing"),
    ] = ()
    group: Annotated[Name | None, After(_group_name), PERSON, SHOWN_TEXT] = None
    """What several attempts at one thing are called together: one result of them is accepted."""
    priority: Annotated[WholeNumber, Limits(ge=0, le=9), PERSON, Help(says="0 to 9; higher goes first"), SHOWN] = 1
    run: Annotated[
        Command | None, Limits(max_length=20_000), PERSON, Help(says="the command line, for `agent: command`")
    ] = None
    to: Annotated[
        StringList,
        PERSON,
        Help(says="a node, a role, capabilities or a division (coder, desktop/coder); every word must fit"),
    ] = ()
    capabilities: Annotated[
        StringList, PERSON, Help(says="what its node must have (SHIFTBOOK_CAPABILITIES); every word of it")
    ] = ()
    depends_on: Annotated[StringList, After(_slugged), PERSON, Help(says="missions that must be done before")] = ()
    not_before: Annotated[UtcTime | None, PERSON, Help(says="when it may begin, such as 2026-12-01T08:00:00Z")] = None
    timeout_seconds: Annotated[
        WholeNumber, Limits(gt=0, le=7 * 86_400), PERSON, Help(says="how long one attempt may take")
    ] = 3600
    max_retries: Annotated[
        Annotated[WholeNumber, Limits(ge=0, le=100)] | None,
        PERSON,
        Help(says="how many attempts there are in all: 3, or 1 for agents that cost money"),
    ] = None
    budget_usd: Annotated[
        Annotated[Amount, Limits(ge=0)] | None,
        PERSON,
        Help(says="what it may cost over all its attempts; it is parked when that is reached"),
    ] = None
    scope: Annotated[
        Globs, PERSON, Help(says="paths that may change, written as in .gitignore; anything where it is left out")
    ] = ()
    approve: Annotated[
        str,
        one_of(APPROVALS),
        PERSON,
        Help(says="policy: the rules decide; always: a person must; auto: nobody needs to", values=APPROVALS),
    ] = "policy"
    patch: Annotated[Commit | None, PERSON] = None
    """The blob in the ledger's `missions/patches/` that the workspace starts from."""
    attachments: Annotated[StringList, After(_attached), PERSON] = ()
    """The files in the ledger's `missions/attachments/` that the agent is shown, each as its blob and its name."""
    trusted_by: Annotated[Name | None, PERSON] = None
    release: Annotated[str | None, Limits(pattern=RELEASE, max_length=24), PERSON] = None
    """The release that a node's program goes to, for `task: system:update_factory`."""

    status: Annotated[Status, Before(_status_word), After(_of_a_file), NODE, SHOWN] = Status.QUEUED
    node: Annotated[str | None, NODE, SHOWN] = None
    attempt: Annotated[Count, NODE, SHOWN] = 0
    epoch: Annotated[Count, NODE, SHOWN] = 0
    retry_at: Annotated[UtcTime | None, NODE] = None
    started: Annotated[UtcTime | None, ATTEMPT, SHOWN] = None
    finished: Annotated[UtcTime | None, ATTEMPT, SHOWN] = None
    branch: Annotated[str | None, ATTEMPT, SHOWN] = None
    cost_usd: Annotated[Amount | None, ATTEMPT, SHOWN] = None
    reason: Annotated[str | None, Limits(max_length=2000), ATTEMPT, SHOWN_TEXT] = None
    """Why it is parked or waits in review, in words."""
    spared: Annotated[SmallCount, ATTEMPT] = 0
    """How many attempts ended by no doing of whoever worked, so that nothing counts against them."""
    kept_on: Annotated[str | None, NODE, SHOWN_TEXT] = None
    """The node that keeps the workspace of the attempt that was parked last, and may go on in it."""
    matched_project: Annotated[str | None, Limits(max_length=200), ATTEMPT] = None
    """The project that the last attempt worked on, where the person named none."""
    chosen_agent: Annotated[str | None, Limits(max_length=40), ATTEMPT] = None
    """The agent that did the last attempt, where the person left the choice (`auto`)."""
    answered_by: Annotated[str | None, Limits(max_length=200), ATTEMPT, SHOWN_TEXT] = None
    """Who did the last attempt: the division of its node, by the name that the fleet gave it."""

    commit: Annotated[Commit | None, NODE, SHOWN_TEXT] = None
    """The commit that the last attempt handed back: what a person looks at is what is merged."""
    decision: Annotated[Literal["approved", "rejected"] | None, NODE, SHOWN_TEXT] = None
    """None while nobody has said."""
    decided_by: Annotated[str | None, Limits(max_length=200), NODE, SHOWN_TEXT] = None
    decided: Annotated[UtcTime | None, NODE, SHOWN] = None
    comment: Annotated[
        str | None,
        Limits(max_length=MAX_COMMENT_CHARS),
        PERSON,
        Help(says="what the next attempt should know"),
        SHOWN_TEXT,
    ] = None
    """What the person wrote who rejected the last attempt: the next one reads it."""
    rejections: Annotated[SmallCount, NODE] = 0
    retries: Annotated[SmallCount, NODE] = 0
    """How often a person had it tried again after its attempts were spent. Attempts are counted on: each has a branch
    and files of its own."""
    on_approval: Annotated[Annotated[str, one_of(DELIVERIES)] | None, NODE] = None
    """What the approval does with the branch, where whoever decided said so; None: what the project says."""
    merged: Annotated[Commit | None, NODE, SHOWN_TEXT] = None
    """The commit on the project's default branch that brought it in."""
    pull_request: Annotated[str | None, Limits(max_length=500), NODE, SHOWN_TEXT] = None
    """The address of its pull request, or merge request, on the project's forge."""
    pull_state: Annotated[Literal["open", "changing", "merged", "closed"] | None, NODE, SHOWN_TEXT] = None
    """How it stands there; changing: another attempt is being made of what came back from it."""
    pull_head: Annotated[Commit | None, NODE] = None
    """The commit that this fleet pushed last to the pull request's branch."""
    feedback: Annotated[str | None, Limits(max_length=MAX_FEEDBACK_CHARS), NODE] = None
    """What came back from the pull request: the next attempt reads it."""
    feedback_rounds: Annotated[SmallCount, NODE] = 0
    """How often something came back. Each time there are as many attempts again."""
    feedback_seen: Annotated[str | None, Limits(max_length=4000), NODE] = None
    """Marks of what came back already, so that nothing does twice."""
    parent: Annotated[
        str | None, PERSON, Help(says="the mission whose agent proposed this one; the fold writes it"), SHOWN_TEXT
    ] = None
    """The mission whose agent proposed this one."""
    adopted_by: Annotated[str | None, NODE, SHOWN_TEXT] = None
    adopted_from: Annotated[str | None, NODE, SHOWN_TEXT] = None
    """The last part of the late ref whose work a person took as the result."""


@dataclass(frozen=True, kw_only=True)
class Mission(MissionFields):
    """A mission file as it is meant: what the front matter leaves open is filled in.

    `name` is the identity (the slug of the file name). Times are aware UTC datetimes, durations seconds, money USD.
    """

    name: str
    title: str
    body: str
    agent: str = "builtin"
    max_retries: int = 3
    agent_order: tuple[str, ...] = ()
    """The agents that the person listed, whose `agent` is `auto` then: the first whose account is open does it."""
    projectless: bool = False
    """Whether the person said that it belongs to no project."""

    @property
    def request(self) -> str:
        """What is asked for: title and body, or the body alone where it begins with the title."""
        title, body = self.title.strip(), self.body.strip()
        return body if body.startswith(title) else f"{title}\n\n{body}".strip()

    @property
    def about(self) -> str | None:
        """The project it is about: the person's word, else what the last attempt worked on."""
        return self.project or self.matched_project

    @property
    def worker(self) -> str:
        """The agent it is for: the person's word, else who did the last attempt."""
        return self.chosen_agent or self.agent if self.agent == AUTO else self.agent

    @property
    def always_waits(self) -> bool:
        """Whether its result waits for a person whatever the rules say: its own word, or one of several attempts."""
        return self.approve == "always" or self.group is not None

    @property
    def attempts_allowed(self) -> int:
        """How many attempts there are in all; a mission runs at least once, and as often again after a rejection, a
        person's order to try it again, or what came back from its pull request."""
        return max(1, self.max_retries) * (1 + self.rejections + self.retries + self.feedback_rounds)


@dataclass(frozen=True, kw_only=True)
class Quarantined:
    """A file among the missions that cannot be read as one: shown with its reason, never skipped, never lost."""

    name: str
    path: str
    reason: str
    line: int | None = None
    hint: str = field(default="mend the file and push: it runs as soon as it can be read")
