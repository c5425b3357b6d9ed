"""What does the stand-in for a forge keep: pull requests over a real repository, issues, words, checks?"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sync.git import Git
from tests.orchestrator.repositories import git

OWNER, NAME, BOT, TOKEN = "me", "shop", "shiftbook-bot", "forge-token-of-the-bot-1234567890"


@dataclass
class Refusal(Exception):
    """What is answered in place of what was asked."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Pull:
    """A pull request. `talk` are its comments, as `kind`, number, author, words, time, path and line."""

    number: int
    head: str
    base: str
    title: str
    body: str
    commit: str = ""
    state: str = "open"
    merged_as: str = ""
    fork: int | None = None
    """The number of the repository that its branch is in, 0 for one that is gone; None: this one."""
    deleted: bool = False
    """Whether its branch is gone."""
    talk: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Issue:
    """An issue."""

    number: int
    title: str
    body: str
    author: str = "anna"
    labels: tuple[str, ...] = ()
    assignee: str = ""
    state: str = "open"
    updated: str = ""
    talk: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class ForgeState:
    """One repository on the forge, whatever dialect it is asked in."""

    repository: Path
    pulls: list[Pull] = field(default_factory=list)
    listed: list[Issue] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    lacks: set[str] = field(default_factory=set)
    """What the token may not do: write, checks."""
    archived: bool = False
    checking: bool = False
    """Whether it still finds out what conflicts."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _idents: Iterator[int] = field(default_factory=lambda: itertools.count(101))
    _ticks: Iterator[int] = field(default_factory=itertools.count)

    def time(self) -> str:
        """A moment later than the last one."""
        tick = next(self._ticks)
        return f"2026-11-21T{12 + tick // 3600:02}:{tick // 60 % 60:02}:{tick % 60:02}Z"

    # -- the repository ------------------------------------------------------------------------------------------

    def tip(self, branch: str) -> str:
        """A branch's commit; empty where there is none."""
        return Git(self.repository).refs().get(f"refs/heads/{branch}", "")

    def refresh(self, pull: Pull) -> Pull:
        """The same with its branch as it is: whoever pushes moves it, and whoever deletes it ends it."""
        if pull.state == "open" and pull.fork is None:
            tip = self.tip(pull.head)
            pull.commit, pull.deleted = tip or pull.commit, not tip
            pull.state = "open" if tip else "closed"
        return pull

    def conflicts(self, pull: Pull) -> bool:
        """Whether both branches cannot be joined."""
        return not self._joined(pull)

    def _joined(self, pull: Pull) -> str:
        try:
            return git(self.repository, "merge-tree", "--write-tree", self.tip(pull.base), pull.commit).split()[0]
        except AssertionError:  # of the tests' own git: it exits with 1 where there is a conflict
            return ""

    # -- what people do ------------------------------------------------------------------------------------------

    def open_pull(self, head: str, base: str, title: str, body: str) -> Pull:
        """Opens one; the numbers are the issues', too."""
        made = Pull(number=next(self._numbers), head=head, base=base, title=title, body=body, commit=self.tip(head))
        self.pulls.append(made)
        return made

    def open_fork(self, head: str, base: str, commit: str, *, fork: int = 2) -> Pull:
        """A stranger opens one from a branch of a fork."""
        made = self.open_pull(head, base, "theirs", "their words")
        made.commit, made.fork = commit, fork
        return made

    def open_issue(self, title: str, body: str, **more: Any) -> Issue:
        """Somebody opens an issue."""
        made = Issue(number=next(self._numbers), title=title, body=body, updated=self.time(), **more)
        self.listed.append(made)
        return made

    def say(self, thing: Pull | Issue, author: str, body: str, *, kind: str = "comment", **more: Any) -> dict[str, Any]:
        """Somebody writes below it; `kind` is comment, review, line, system or hidden."""
        now = self.time()
        said = {"id": next(self._idents), "author": author, "body": body, "kind": kind, "created": now, "updated": now}
        said |= {"bot": False, "path": "", "line": None} | more
        thing.talk.append(said)
        return said

    def check(
        self, commit: str, name: str, state: str, says: str = "", *, kind: str = "status", suite: int = 1
    ) -> None:
        """CI says something; `kind` is status or run, `state` success, failure or pending."""
        one: dict[str, Any] = {"suite": suite}
        one |= {"id": next(self._idents), "commit": commit, "name": name, "state": state, "says": says, "kind": kind}
        self.checks.append(one)

    def merge(self, number: int) -> str:
        """A person merges it, by a merge commit."""
        pull = self.refresh(self.pull(number))
        tree, tip = self._joined(pull), self.tip(pull.base)
        assert tree, "it has a conflict"
        made = git(
            self.repository, "commit-tree", tree, "-p", tip, "-p", pull.commit, "-m", f"{pull.title} (#{number})"
        )
        git(self.repository, "update-ref", f"refs/heads/{pull.base}", made, tip)
        pull.state, pull.merged_as = "merged", made
        return made

    def close(self, number: int) -> None:
        """A person closes it."""
        self.pull(number).state = "closed"

    def pull(self, number: int) -> Pull:
        """One by its number. Raises Refusal."""
        for each in self.pulls:
            if each.number == number:
                return self.refresh(each)
        raise Refusal(404, {"message": "Not Found"})

    def issue(self, number: int) -> Issue:
        """One by its number. Raises Refusal."""
        for each in self.listed:
            if each.number == number:
                return each
        raise Refusal(404, {"message": "Not Found"})
