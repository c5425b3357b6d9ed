"""What is a mission, as a value?"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from missions.errors import BadName

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

TASKS = ("general_task", "coding_task", "review")
AGENTS = ("builtin", "command", "review", "claude", "codex", "gemini", "opencode", "aider", "auto")
NO_PROJECT = "none"
"""What `project:` says of a mission that belongs to none, so that none is looked for."""
AUTO = "auto"
"""Whichever agent fits best: the node that takes the mission chooses, and says which and why."""
PAID_AGENTS = frozenset({"claude", "codex", "gemini", "opencode", "aider"})
APPROVALS = ("policy", "always", "auto")
BY_POLICY = "policy"
"""A mission's `decided_by` where nobody had to decide."""
DELIVERIES = ("nothing", "push", "merge")
"""What an approval can do with the branch that was approved."""


@dataclass(frozen=True, kw_only=True)
class Mission:
    """A mission file as it was read: what the person wrote, then what nodes added.

    `name` is the identity (the slug of the file name). Times are aware UTC datetimes, durations seconds, money USD.
    """

    name: str
    title: str
    body: str
    task: str = "general_task"
    project: str | None = None
    projectless: bool = False
    """Whether the person said that it belongs to no project."""
    priority: int = 1
    agent: str = "builtin"
    run: str | None = None
    to: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    not_before: datetime | None = None
    timeout_seconds: int = 3600
    max_retries: int = 3
    budget_usd: float | None = None
    scope: tuple[str, ...] = ()
    approve: str = "policy"
    patch: str | None = None
    """The blob in the ledger's `missions/patches/` that the workspace starts from."""
    parent: str | None = None
    """The mission whose agent proposed this one."""
    comment: str | None = None
    """What the person wrote who rejected the last attempt: the next one reads it."""

    status: Status = Status.QUEUED
    node: str | None = None
    attempt: int = 0
    epoch: int = 0
    retry_at: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    branch: str | None = None
    cost_usd: float | None = None
    reason: str | None = None
    """Why it is parked or waits in review, in words."""
    kept_on: str | None = None
    """The node that keeps the workspace of the attempt that was parked last, and may go on in it."""
    matched_project: str | None = None
    """The project that the last attempt worked on, where the person named none."""
    chosen_agent: str | None = None
    """The agent that did the last attempt, where the person left the choice (`auto`)."""
    commit: str | None = None
    """The commit that the last attempt handed back: what a person looks at is what is merged."""
    decision: str | None = None
    """`approved` or `rejected`; None while nobody has said."""
    decided_by: str | None = None
    decided: datetime | None = None
    rejections: int = 0
    retries: int = 0
    """How often a person had it tried again after its attempts were spent. Attempts are counted on: each has a branch
    and files of its own."""
    on_approval: str | None = None
    """What the approval does with the branch, where whoever decided said so; None: what the project says."""
    merged: str | None = None
    """The commit on the project's default branch that brought it in."""
    adopted_by: str | None = None
    adopted_from: str | None = None
    """The last part of the late ref whose work a person took as the result."""

    @property
    def about(self) -> str | None:
        """The project it is about: the person's word, else what the last attempt worked on."""
        return self.project or self.matched_project

    @property
    def worker(self) -> str:
        """The agent it is for: the person's word, else who did the last attempt."""
        return self.chosen_agent or self.agent if self.agent == AUTO else self.agent

    @property
    def attempts_allowed(self) -> int:
        """How many attempts there are in all; a mission runs at least once, and as often again after a rejection or
        a person's order to try it again."""
        return max(1, self.max_retries) * (1 + self.rejections + self.retries)


@dataclass(frozen=True, kw_only=True)
class Quarantined:
    """A file among the missions that cannot be read as one: shown with its reason, never skipped, never lost."""

    name: str
    path: str
    reason: str
    line: int | None = None
    hint: str = field(default="mend the file and push: it runs as soon as it can be read")


def slug(name: str) -> str:
    """The identity that a file name or a title stands for.

    Lower-case ASCII letters and digits joined by single hyphens, at most NAME_ROOF characters, so that it is a safe
    file name and a safe part of a ref name everywhere. Raises BadName when nothing is left.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    found = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:MAX_NAME_CHARS].strip("-")
    if not found:
        raise BadName(name)
    return found
