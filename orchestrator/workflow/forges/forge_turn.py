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
from orchestrator.ledger.config.forge_place import repository_on_forge, token_host
from orchestrator.ledger.snapshot import LedgerSnapshot, MissionFile
from orchestrator.workflow.forges.issue_intake import IssueIntake, Taken
from orchestrator.workflow.forges.pull_delivery import PullDelivery, is_changing
from sync.backoff import Backoff
from sync.errors import SyncError

PULL_SECONDS, CHANGING_SECONDS, ISSUE_SECONDS = 60.0, 600.0, 300.0
"""Seconds between two looks at one pull request, at one whose next attempt is still to come, and at one project's
issues."""
ASKS_PER_LOOK, ASKS_PER_HOUR = 6, 4000
"""Requests that one look at a pull request takes at most, and of all looks in an hour: GitHub allows 5000."""
HURRY_SECONDS = 10.0
"""Seconds between two looks at the same thing, whatever webhooks say."""
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
    _soonest: dict[str, float] = field(default_factory=dict)
    """The same, when a webhook came."""
    _news: set[str] = field(default_factory=set)
    """Projects where something has to be told below an issue."""
    _rests: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By project, and by host for a limit of rate: until when that is left alone, and for how many seconds that was."""

    def is_due(self, ledger: LedgerSnapshot) -> bool:
        """Whether there is anything to look at now."""
        return next(self._missions(ledger), None) is not None or next(self._projects(ledger), None) is not None

    def hurry(self) -> None:
        """A forge said that something happened: everything is looked at soon, but on forges that rest."""
        self._next = {what: min(when, self._soonest.get(what, 0.0)) for what, when in self._next.items()}

    def look(self, ledger: LedgerSnapshot) -> Iterator[Event]:
        """Does what is due, one thing after the other. Raises what the ledger's remote raises."""
        self._next = {what: when for what, when in self._next.items() if when > self.clock()}
        self._soonest = {what: when for what, when in self._soonest.items() if what in self._next}
        pulls = sum(not is_changing(filed.mission) for filed in self.pulls.due(ledger))
        seconds, soonest = look_seconds(pulls), look_seconds(pulls, least=HURRY_SECONDS)
        for filed in list(self._missions(ledger)):
            name, project = filed.mission.name, str(filed.mission.about)
            if self._awake(ledger, project):
                wait = max(seconds, CHANGING_SECONDS) if is_changing(filed.mission) else seconds
                self._looked(_key(filed), wait, soonest)
                yield from self._held(ledger, project, partial(self._pull, name))
        for project, part in list(self._projects(ledger)):
            if not self._awake(ledger, project):
                continue
            asks = self._comes(f"issues {project}")
            if asks:
                self._looked(f"issues {project}", ISSUE_SECONDS)
            self._news.discard(project)
            yield from self._held(ledger, project, partial(self._issues, ledger, project, part, asks=asks))

    def _looked(self, what: str, seconds: float, soonest: float = HURRY_SECONDS) -> None:
        self._next[what], self._soonest[what] = self.clock() + seconds, self.clock() + soonest

    def _missions(self, ledger: LedgerSnapshot) -> Iterator[MissionFile]:
        for filed in self.pulls.due(ledger):
            if self._comes(_key(filed)) and self._awake(ledger, str(filed.mission.about)):
                yield filed

    def _projects(self, ledger: LedgerSnapshot) -> Iterator[tuple[str, ProjectPart]]:
        for project, part in ledger.charter.projects.items():
            wanted = self.intake is not None and part.forge and (part.issue_label or part.issue_assignee)
            if not wanted or self.intake is None or not self._awake(ledger, project):
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

    def _awake(self, ledger: LedgerSnapshot, project: str) -> bool:
        rests = (self._rests.get(what, (0.0, 0.0)) for what in (project, _host(ledger, project)))
        return all(self.clock() >= until for until, _ in rests)

    def _held(self, ledger: LedgerSnapshot, project: str, act: Callable[[], Iterator[Event]]) -> Iterator[Event]:
        """Does it; after a failure its project rests, and for a limit of rate all that is on its host."""
        try:
            yield from list(act())
            self._rests.pop(project, None)  # it was over: else nothing was asked
        except SyncError:
            raise
        except OrchestratorError as error:
            asked = error.seconds if isinstance(error, ForgeFailed) else None
            rest = RETRY.next(self._rests.get(project, (0.0, 0.0))[1]) if asked is None else asked
            self._rests[project if asked is None else _host(ledger, project)] = (self.clock() + rest, rest)
            yield "forge", f"{project}: {error}", ""

    def _pull(self, name: str) -> Iterator[Event]:
        done = self.pulls.step(name)
        if done is not None:
            yield ("feedback" if done.again else "pull request"), f"{done.mission}: {done.says}", done.mission

    def _issues(self, ledger: LedgerSnapshot, project: str, part: ProjectPart, *, asks: bool) -> Iterator[Event]:
        forge = self.forge(ledger, project)
        if forge is None or self.intake is None:
            return
        taken = self.intake.take(project, part, forge, self.pulls.ledger()) if asks else Taken()
        for name in taken.filed:
            yield "filed", f"{name}: an issue of {project}", name
        for words in (*taken.failed, *self.intake.tell(project, self.pulls.ledger(), forge)):
            yield "forge", f"{project}: {words}", ""


def look_seconds(pulls: int, *, least: float = PULL_SECONDS) -> float:
    """Seconds between two looks at each of so many pull requests, within what a forge allows in an hour."""
    return max(least, pulls * ASKS_PER_LOOK * 3600 / ASKS_PER_HOUR)


def _key(filed: MissionFile) -> str:
    return f"{filed.mission.name} {filed.blob}"


def _host(ledger: LedgerSnapshot, project: str) -> str:
    """What shares a limit of rate: the host whose token is used. A project's name is a slug, and none of these."""
    part = ledger.charter.projects.get(project)
    if part is None or not part.forge:
        return ""
    return f"host {token_host(repository_on_forge(part.forge, part.forge_url or part.url))}"
