"""What does one turn on the forges of all projects do, and which of them rest?

Pull requests that are due, issues that are new, and what is told below them. A forge that fails or limits its rate
rests for as long as it says, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from orchestrator.core.errors import OrchestratorError
from orchestrator.core.ports.forge import Forge, ForgeFailed
from orchestrator.ledger.config.fleet_toml import ProjectPart
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.forges.issue_intake import IssueIntake
from orchestrator.workflow.forges.pull_delivery import PullDelivery
from sync.backoff import Backoff
from sync.errors import SyncError

PULL_SECONDS, ISSUE_SECONDS = 60.0, 300.0
"""Seconds between two looks at one pull request, and at one project's issues."""
TOLD_SECONDS = 10.0
"""Seconds between two looks at whether something has to be told below an issue."""
RETRY = Backoff(first=30.0, limit=3600.0)
Event = tuple[str, str, str]
"""A kind, a line, and the mission that it is about, for the shift's log."""


@dataclass(kw_only=True)
class ForgeTurn:
    """One machine's. `clock` is monotonic seconds; `forge` is None where there is no token for a project's forge."""

    pulls: PullDelivery
    intake: IssueIntake | None
    forge: Callable[[LedgerSnapshot, str], Forge | None]
    clock: Callable[[], float]
    _next: dict[str, float] = field(default_factory=dict)
    """By what is looked at: when it is looked at again."""
    _news: set[str] = field(default_factory=set)
    """Projects where something has to be told below an issue."""
    _rests: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By project: until when its forge is left alone, and for how many seconds that was."""

    def is_due(self, ledger: LedgerSnapshot) -> bool:
        """Whether there is anything to look at now."""
        return next(self._missions(ledger), None) is not None or next(self._projects(ledger), None) is not None

    def hurry(self) -> None:
        """A forge said that something happened: everything is looked at now, but for forges that rest."""
        self._next.clear()

    def look(self, ledger: LedgerSnapshot) -> Iterator[Event]:
        """Does what is due, one thing after the other. Raises what the ledger's remote raises."""
        self._next = {what: when for what, when in self._next.items() if when > self.clock()}
        for name, project, blob in list(self._missions(ledger)):
            self._next[f"{name} {blob}"] = self.clock() + PULL_SECONDS
            yield from self._held(project, partial(self._pull, name))
        for project, part in list(self._projects(ledger)):
            asks = self._comes(f"issues {project}")
            self._next |= {f"issues {project}": self.clock() + ISSUE_SECONDS} if asks else {}
            self._news.discard(project)
            yield from self._held(project, partial(self._issues, ledger, project, part, asks=asks))

    def _missions(self, ledger: LedgerSnapshot) -> Iterator[tuple[str, str, str]]:
        for filed in self.pulls.due(ledger):
            name, project = filed.mission.name, str(filed.mission.about)
            if self._awake(project) and self.clock() >= self._next.get(f"{name} {filed.blob}", 0.0):
                yield name, project, filed.blob

    def _projects(self, ledger: LedgerSnapshot) -> Iterator[tuple[str, ProjectPart]]:
        for project, part in ledger.charter.projects.items():
            wanted = self.intake is not None and part.forge and (part.issue_label or part.issue_assignee)
            if not wanted or self.intake is None or not self._awake(project):
                continue
            news = self._has_news(self.intake, project, ledger)
            if news or self._comes(f"issues {project}"):
                yield project, part

    def _has_news(self, intake: IssueIntake, project: str, ledger: LedgerSnapshot) -> bool:
        """Whether something has to be told below an issue; looked at now and then."""
        if self._comes(f"told {project}"):
            self._next[f"told {project}"] = self.clock() + TOLD_SECONDS
            self._news |= {project} if intake.has_news(project, ledger) else set()
        return project in self._news

    def _comes(self, what: str) -> bool:
        return self.clock() >= self._next.get(what, 0.0)

    def _awake(self, project: str) -> bool:
        return self.clock() >= self._rests.get(project, (0.0, 0.0))[0]

    def _held(self, project: str, act: Callable[[], Iterator[Event]]) -> Iterator[Event]:
        """Does it; after a failure its forge rests."""
        try:
            yield from list(act())
            self._rests.pop(project, None)
        except SyncError:
            raise
        except OrchestratorError as error:
            asked = error.seconds if isinstance(error, ForgeFailed) else None
            rest = RETRY.next(self._rests.get(project, (0.0, 0.0))[1]) if asked is None else asked
            self._rests[project] = (self.clock() + rest, rest)
            yield "forge", f"{project}: {error}", ""

    def _pull(self, name: str) -> Iterator[Event]:
        done = self.pulls.step(name)
        if done is not None:
            yield ("feedback" if done.again else "pull request"), f"{done.mission}: {done.says}", done.mission

    def _issues(self, ledger: LedgerSnapshot, project: str, part: ProjectPart, *, asks: bool) -> Iterator[Event]:
        forge = self.forge(ledger, project)
        if forge is None or self.intake is None:
            return
        for name in self.intake.take(project, part, forge) if asks else ():
            yield "filed", f"{name}: an issue of {project}", name
        self.intake.tell(project, self.pulls.ledger(), forge)
