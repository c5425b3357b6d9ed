"""Where does one attempt work, and what of it stays for an attempt that goes on with it?

A folder of its own: the tree, the git folder beside it, a home for the agent, one for the project's tests, a folder for
proposals, and `session.json`, which lies where nothing that runs in the sandbox can write.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from handoff.agents_file import BEGIN
from missions.plain_data import read_json
from orchestrator.core.errors import WorkspaceFailed
from orchestrator.core.ports.agent import AgentJob
from orchestrator.core.ports.model import Stop
from orchestrator.core.ports.sandbox import Confinement
from orchestrator.execution.workspace.agents_md import AGENTS, CLAUDE, remove_from_folder
from orchestrator.execution.workspace.clone import Workspace, Workspaces
from orchestrator.execution.workspace.inputs import VARIABLE, lay_inputs
from orchestrator.execution.workspace.isolated_git import reset_git_folder
from orchestrator.execution.workspace.run_tools import NO_TOOLS, RunTools
from orchestrator.execution.workspace.start_point import apply_patch, apply_where_it_fits
from orchestrator.execution.workspace.tree_walk import remove_tree
from sync import files
from sync.errors import GitError

SESSION_FILE = "session.json"
ALLOWED_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
"""What a run sees of the node's own environment. Everything else may be a secret."""


@dataclass(frozen=True, kw_only=True)
class AttemptSession:
    """What an attempt leaves for the next one that goes on with it."""

    agent: str
    attempt: int
    session: str = ""
    base: str = ""
    branch: str = ""


@dataclass(kw_only=True)
class AttemptDir:
    """An attempt's place. `kept` is its session; `resumed` says that an earlier attempt's work is still there.

    `tools` are what its runs see beside the tree.
    """

    job: AgentJob
    workspace: Workspace | None
    kept: AttemptSession
    started: float
    resumed: bool = False
    tools: RunTools = NO_TOOLS
    inputs: Path | None = None
    """Where the files lie that the mission came with, if it came with any."""

    @property
    def tree(self) -> Path:
        """Where the work is done."""
        return self.workspace.tree if self.workspace else self.job.folder / "tree"

    @property
    def protected(self) -> tuple[Path, ...]:
        """What may be read but not written."""
        return self.workspace.protected if self.workspace else ()

    @property
    def home(self) -> Path:
        """The agent's home folder."""
        return self.job.folder / "home"

    @property
    def proposals(self) -> Path:
        """Where missions may be proposed."""
        return self.job.folder / "proposals"

    @property
    def filed(self) -> Path:
        """Where the node keeps the missions that the run proposes by its bridge; no run can write there."""
        return self.job.folder / "filed"

    @property
    def deadline(self) -> float:
        """When the attempt's time is over, on the monotonic clock."""
        return self.started + self.job.mission.timeout_seconds

    def environment(self, home: Path) -> dict[str, str]:
        """The whole environment of a run here."""
        allowed = {name: os.environ[name] for name in ALLOWED_VARIABLES if name in os.environ}
        own = {
            "HOME": str(home),
            "SHIFTBOOK_MISSION": self.job.mission.name,
            "SHIFTBOOK_ATTEMPT": str(self.job.attempt),
        }
        if self.inputs:
            own[VARIABLE] = str(self.inputs)
        path = os.pathsep.join((*self.tools.path, allowed.get("PATH") or os.defpath))
        return {**self.tools.variables, **allowed, "PATH": path, **own}

    def remember(self, session: str) -> None:
        """Writes down the agent's session, so that an attempt which is cut off can go on. Raises OSError."""
        if session and session != self.kept.session:
            self.kept = replace(self.kept, session=session)
            self._save_session()

    def forget(self) -> None:
        """The session cannot be gone on with. Raises OSError."""
        self.kept = replace(self.kept, session="")
        (self.job.folder / SESSION_FILE).unlink(missing_ok=True)

    def _save_session(self) -> None:
        """Whole or not at all."""
        text = json.dumps(asdict(self.kept)) + "\n"
        files.replace(self.job.folder / SESSION_FILE, text, durable=False)  # nor is the tree flushed that it is about


def open_attempt_dir(job: AgentJob, agent: str, workspaces: Workspaces, stop: Stop) -> AttemptDir:
    """The attempt's place: what an earlier one of the same agent left in its folder, else a fresh one.

    The mission's time begins when it stands: how long a large project is fetched says nothing of the work.

    Raises WorkspaceFailed, OSError.
    """
    inputs = lay_inputs(job.folder, job.inputs)
    if old := _earlier_session(job, agent):
        workspace = _reopened_workspace(job, old, workspaces)
        return AttemptDir(job=job, workspace=workspace, kept=old, started=time.monotonic(), resumed=True, inputs=inputs)
    for name in ("tree", "git", "spare", "home", "proposals", "filed", "embedded"):
        remove_tree(job.folder / name)
    workspace = _new_workspace(job, workspaces, stop)
    for name in ("home", "proposals", *(() if workspace else ("tree",))):
        (job.folder / name).mkdir()
    kept = AttemptSession(agent=agent, attempt=job.attempt)
    if workspace:
        kept = replace(kept, base=workspace.base, branch=workspace.branch)
    return AttemptDir(job=job, workspace=workspace, kept=kept, started=time.monotonic(), inputs=inputs)


def confinement_for(
    site: AttemptDir, environment: Mapping[str, str], *, network: bool = False, tests: bool = False
) -> Confinement:
    """What a run at a site may touch: the tree and nothing else. Only `tests` see the files that are for tests."""
    tools = site.tools
    parts = (*tools.parts, *(tools.tested_with if tests else ()))
    return Confinement(
        writable=site.tree,
        protected=site.protected,
        readable=(*tools.readable, *((site.inputs,) if site.inputs else ())),
        views=(*tools.views, *_views(site.tree, tools.also_at, parts)),
        also_at=tools.also_at,
        environment=environment,
        network=network,
    )


def _views(tree: Path, also_at: Path | None, parts: Iterable[tuple[Path, str]]) -> Iterator[tuple[Path, Path]]:
    """Where parts are shown in a tree. The tree may be hostile: through a link, the place would be made elsewhere."""
    for source, path in parts:
        place = tree / path
        whole = place.parent.is_dir() and place.parent.resolve() == (tree.resolve() / path).parent
        if whole and not place.is_symlink() and _may_be_hidden(place, source):
            yield source, place
            if also_at:
                yield source, also_at / path


def _may_be_hidden(place: Path, source: Path) -> bool:
    """Whether nothing is lost behind a view: what is there of the project's own goes before what a set-up made."""
    if source.is_file():
        return not place.is_dir()
    return not place.exists() or (place.is_dir() and not any(place.iterdir()))


def _new_workspace(job: AgentJob, workspaces: Workspaces, stop: Stop) -> Workspace | None:
    if not job.project:
        return None
    workspace = workspaces.open(
        job.project, mission=job.mission.name, attempt=job.attempt, folder=job.folder, stop=stop
    )
    if job.patch:
        apply_patch(workspace, job.patch)
    elif job.earlier:
        apply_where_it_fits(workspace, job.earlier)
    return workspace


def _earlier_session(job: AgentJob, agent: str) -> AttemptSession | None:
    """What an earlier attempt of this agent left, if all that it takes to go on is there."""
    if not job.goes_on:
        return None
    try:
        read = read_json((job.folder / SESSION_FILE).read_text())
        found = AttemptSession(**{key: read[key] for key in ("agent", "attempt", "session", "base", "branch")})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    parts = ("home", "tree", "proposals", *(("git", "tree/.git") if job.project else ()))
    whole = all((job.folder / part).exists() for part in parts) and bool(found.base) == bool(job.project)
    return found if whole and found.agent == agent else None


def _reopened_workspace(job: AgentJob, old: AttemptSession, workspaces: Workspaces) -> Workspace | None:
    if not job.project:
        return None
    reset_git_folder(job.folder / "git", old.branch)  # settings are ours again, whatever was done without a sandbox
    workspace = Workspace(folder=job.folder, server=workspaces.server(job.project), branch=old.branch, base=old.base)
    try:  # a node that was killed has left the handoff in them; a block that a person committed stays
        names = [name for name in (AGENTS, CLAUDE) if not workspace.repository.holds(BEGIN, name)]
    except GitError as error:
        raise WorkspaceFailed(f"what was done in {workspace.tree} cannot be read: {error}") from error
    remove_from_folder(workspace.tree, names)
    return workspace
