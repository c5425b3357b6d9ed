"""How does the branch of a result reach the project's server, when its node could not push it at the time?

From the commit that the node has kept, on its machine; anywhere else made anew from the diff that people look at, as
the same files on the same base. What is made anew is a function of the mission, so every machine makes the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from missions.mission import Mission
from orchestrator.core.errors import Refused
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs, read_label
from orchestrator.workflow.approval.project_repository import ProjectRepository

REDACTION = "[redacted:"
"""What stands in a diff from which a secret was taken: it does not give the files that were handed over."""


@dataclass(frozen=True, kw_only=True)
class UnpushedResult:
    """A result whose commit is known and whose branch its node could not push. `shown` is its diff as it is kept."""

    mission: Mission
    base: str | None
    shown: str

    @property
    def branch(self) -> str:
        """Its attempt's branch."""
        return branch_of(self.mission)

    def restore(self, repository: ProjectRepository, kept: Path | None) -> str:
        """Brings the branch to the project's server, unless it is there; returns its commit. Raises Refused."""
        there = repository.server.tip(repository.folder, self.branch)
        if there and there == self.mission.commit:
            return there
        made = self._kept_commit(repository, kept) or self._made_anew(repository)
        if there and there != made:
            raise Refused(f"the project has another branch {self.branch} already: {there[:10]}")
        if not there:
            why = repository.push_new(made, self.branch)
            if why:
                raise Refused(f"the project's server does not take {self.branch}: {why}")
        return there or made

    def _kept_commit(self, repository: ProjectRepository, kept: Path | None) -> str:
        found = repository.take_in(kept, self.branch) if kept else ""
        return found if found == self.mission.commit else ""

    def _made_anew(self, repository: ProjectRepository) -> str:
        mission = self.mission
        away = f"the branch {self.branch} never reached the project's server; {mission.node} keeps it and tries again"
        if self.base is None or REDACTION in self.shown:
            raise Refused(f"{away}: its diff alone does not give its files")
        when = mission.finished or datetime.fromtimestamp(0, UTC)
        trailers = f"Shiftbook-Mission: {mission.name}\nShiftbook-Attempt: {mission.attempt}\n"
        message = f"{mission.title or mission.name}\n\n{trailers}"
        made = repository.commit_patch(self.base, self.shown, who=mission.node or "shiftbook", when=when, text=message)
        if not made:
            raise Refused(f"{away}: its diff does not fit {self.base[:10]}")
        return made


def branch_of(mission: Mission) -> str:
    """The branch of a mission's last attempt, whether or not it was pushed."""
    return mission.branch or f"shiftbook/{mission.name}/{mission.attempt}"


def kept_folder(folders: AttemptDirs | None, mission: Mission) -> Path | None:
    """Where this machine keeps the commit of a result that could not be pushed; None where it does not."""
    folder = folders.of(mission.name, mission.epoch) if folders else None
    label = read_label(folder) if folder else None
    return folder / "git" if folder and label and label.unpushed and (folder / "git").is_dir() else None
