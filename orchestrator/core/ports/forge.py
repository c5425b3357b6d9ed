"""The port of forges: what stands on a project's forge (GitHub, GitLab, Forgejo) about one pull request or issue?

What a forge says is somebody else's words. What is asked of it may be asked again: each write is found again first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from orchestrator.core.errors import OrchestratorError

ForgeKind = Literal["github", "gitlab", "forgejo"]
FORGE_KINDS: tuple[ForgeKind, ...] = ("github", "gitlab", "forgejo")
PullState = Literal["open", "merged", "closed"]
CheckState = Literal["green", "red", "running"]


class ForgeFailed(OrchestratorError):
    """A forge did not do what was asked, in one line.

    `status` is its answer, 0 where none came and it is not known whether it was done; `seconds` is when it wants to be
    asked again; `right` is whether the token lacks one.
    """

    def __init__(self, words: str, *, status: int = 0, seconds: float | None = None, right: bool = False) -> None:
        self.status, self.seconds, self.right = status, seconds, right
        super().__init__(words)

    @property
    def is_hidden(self) -> bool:
        """Whether the token may not see what was asked for; a limit of rate is no such answer."""
        return self.status in {403, 404} and self.seconds is None


@dataclass(frozen=True, kw_only=True)
class ForgeRepository:
    """Where a project's pull requests are: `api` is the base of its routes, without a slash at the end."""

    kind: ForgeKind
    api: str
    owner: str
    name: str

    @property
    def path(self) -> str:
        """What the forge calls it."""
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class PullWanted:
    """A pull request as it shall stand. `head` is a branch of the same repository, at `commit`.

    `number` is known of one that stands there since an earlier attempt, which keeps the base that it has.
    """

    head: str
    base: str
    commit: str
    title: str
    body: str
    number: int | None = None


@dataclass(frozen=True, kw_only=True)
class ForgeCheck:
    """What one check says of a commit, the newest of its name."""

    name: str
    state: CheckState
    says: str = ""
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class PullRequest:
    """A pull request as it stands. `conflicts` is None where the forge has not found out; `merged_as` is the commit
    that brought it in; `foreign`: its branch is in another repository. Without `checks_known` the token may not read
    what CI says; no checks are never green ones."""

    number: int
    url: str
    state: PullState
    head: str
    commit: str
    base: str
    title: str = ""
    body: str = ""
    merged_as: str = ""
    conflicts: bool | None = None
    foreign: bool = False
    checks: tuple[ForgeCheck, ...] = ()
    checks_known: bool = True


@dataclass(frozen=True, kw_only=True)
class ForgeComment:
    """What somebody wrote below a pull request. `ident` tells it from all others there; `updated` is the forge's own
    word for when, which changes with each edit."""

    ident: str
    author: str
    body: str
    updated: str
    bot: bool = False
    path: str = ""
    line: int | None = None


@dataclass(frozen=True, kw_only=True)
class ForgeIssue:
    """An issue that is open. `author` is empty where the account is gone."""

    number: int
    title: str
    body: str
    author: str
    url: str
    updated: str
    bot: bool = False
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class IssueSearch:
    """Which open issues are asked for; of two words both must fit."""

    label: str = ""
    assignee: str = ""

    def fits(self, issue: ForgeIssue) -> bool:
        """Whether an issue is one of them: a server that does not know a label may show every issue."""
        pairs = ((self.label, issue.labels), (self.assignee, issue.assignees))
        return all(not word or word.casefold() in {each.casefold() for each in known} for word, known in pairs)


@dataclass(frozen=True, kw_only=True)
class IssuePage:
    """What came. `issues` is None where nothing changed since `etag` was given."""

    issues: tuple[ForgeIssue, ...] | None
    etag: str = ""


@dataclass(frozen=True, kw_only=True)
class ForgeRights:
    """As whom a token speaks, and which rights it lacks here, in words."""

    user: str
    missing: tuple[str, ...] = ()


class Forge(Protocol):
    """One project's repository on its forge. Every method raises ForgeFailed, and may be called again after it."""

    def pull_request(self, wanted: PullWanted) -> PullRequest:
        """Opens it, or finds the one that is there for this branch and commit, and has title and body as wanted.

        After a lost answer it is looked up before it is asked for again: there is never a second one. One that is
        open and shows another commit is left as it is: that fails.
        """

    def read(self, number: int) -> PullRequest:
        """How it stands, with what CI says of its newest commit."""

    def comments(self, number: int) -> tuple[ForgeComment, ...]:
        """What was written below it, reviews included, oldest first."""

    def issues(self, search: IssueSearch, *, etag: str = "") -> IssuePage:
        """The open issues, newest first; no pull requests among them."""

    def say(self, number: int, marker: str, text: str) -> None:
        """Has one comment of ours that begins with `marker` say this: made once, then edited."""

    def rights(self) -> ForgeRights:
        """As whom it speaks, and what it may not do."""
