"""Proposals about dependencies: whose lock files has nobody touched for a season?

A proposal is a mission that the node signs and no person: it is shown, and runs only when somebody who may file
missions vouches for it. Where fleet.toml trusts whoever may push it would run at once: there nothing is proposed.
Nothing is fetched from a registry: how old a lock file is, the clone that is kept here knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Protocol

from handoff.secrets.excerpts import redacted_line
from missions.frontmatter import Scalar, print_scalar
from missions.mission import slug
from orchestrator.core.ports.agent import Project
from orchestrator.core.ports.model import Stop
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.snapshot import MISSIONS, LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport

OLD_AFTER = timedelta(days=90)
MAX_OPEN = 3
"""Proposals that may wait for a person at a time."""
BUDGET_USD = 2.0
"""What looking for updates may cost, unless fleet.toml lets a mission cost less."""
PREFIX = "proposal-dependencies-"
LOCKS = re.compile(
    r".*\.lock|.*-lock\.(?:json|yaml)|npm-shrinkwrap\.json|bun\.lockb|go\.sum|requirements[\w.-]*\.txt|Gemfile\.lock"
)


class ProjectFiles(Protocol):
    """The kept clones of projects."""

    def changed_at(self, project: Project, wanted: Callable[[str], bool], stop: Stop) -> Mapping[str, datetime]:
        """When each file that is wanted was changed last, on the default branch as it was fetched last (UTC).

        Empty where no attempt has left a clone here. Fetches nothing.
        """


@dataclass(frozen=True, kw_only=True)
class DependencyProposals:
    """Proposes to look for updates, once for each state of a project's lock files."""

    bus: Transport
    reader: SnapshotReader
    projects: ProjectFiles
    now: Callable[[], datetime]
    name: str = "dependencies"
    shared: bool = True

    def run(self, ledger: LedgerSnapshot, stop: Stop) -> str:
        """At most one proposal at a time."""
        if _runs_unasked(ledger) or sum(name.startswith(PREFIX) for name in ledger.open) >= MAX_OPEN:
            return ""
        roof = ledger.charter.budget.mission_usd
        budget = BUDGET_USD if roof is None else min(BUDGET_USD, roof)
        for name, path, changed in self._old(ledger, stop):
            proposed = f"{PREFIX}{slug(name)[:40]}-{changed:%Y%m%d}"
            if not _is_known(ledger, proposed):
                text = self._text(name, path, changed, proposed, budget)
                filed = commit_change(self.bus, self.reader, lambda new, of=(proposed, text): _draft(new, *of))  # type: ignore[misc]
                return f"proposed {proposed}" if filed else ""
        return ""

    def _old(self, ledger: LedgerSnapshot, stop: Stop) -> Iterator[tuple[str, str, datetime]]:
        """Projects with the lock file that was changed last, where that was long ago."""
        for name in sorted(ledger.charter.projects):
            if stop.is_set():
                return
            found = self.projects.changed_at(ledger.charter.project(name), _is_lock, stop)
            if found and not stop.is_set():
                path = max(found, key=lambda each: (found[each], each))
                if self.now() - found[path] > OLD_AFTER:
                    yield name, path, found[path]

    def _text(self, project: str, path: str, changed: datetime, name: str, budget: float) -> str:
        days = (self.now() - changed).days
        head: dict[str, Scalar] = {
            "title": f"Look for updates of what {project} depends on",
            "task": "coding_task",
            "project": project,
            "max_retries": 1,
            "budget_usd": budget,
            "approve": "always",
        }
        fields = "\n".join(f"{key}: {print_scalar(value)}" for key, value in head.items())
        shown = redacted_line(path, 200).replace("`", "'")
        return (
            f"---\n{fields}\n---\n"
            f"`{shown}` was changed last on {changed:%Y-%m-%d}, {days} days ago. Look which dependencies have newer "
            "releases and which of those matter, security first; update within what the project allows, and run its "
            f"tests.\n\n{self.bus.name} proposes this of its own accord. It runs when somebody vouches for it: "
            f"`shiftbook mission trust {name}`; `shiftbook mission cancel {name}` puts it away for good.\n"
        )


def _is_lock(path: str) -> bool:
    return LOCKS.fullmatch(PurePosixPath(path).name) is not None and path.count("/") <= 1


def _runs_unasked(ledger: LedgerSnapshot) -> bool:
    """Whether a mission runs that no person has signed."""
    return ledger.charter.trust.missions == "remote"


def _is_known(ledger: LedgerSnapshot, name: str) -> bool:
    broken = any(bad.name == name for bad in ledger.quarantined)
    return name in ledger.open or name in ledger.claims or broken or ledger.archived(name) is not None


def _draft(ledger: LedgerSnapshot, name: str, text: str) -> LedgerChange | None:
    if _runs_unasked(ledger) or _is_known(ledger, name):
        return None
    return LedgerChange(files={f"{MISSIONS}/{name}.md": text.encode()}, message=f"Mission: {name}")
