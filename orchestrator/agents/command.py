"""How is a mission done that is one command line?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from missions.policy import outside_scope
from orchestrator.delegation import agents_file
from orchestrator.delegation.harvest import Work
from orchestrator.delegation.process import Ending, Ran, run
from orchestrator.delegation.workspace import Workspace, Workspaces
from orchestrator.errors import WorkspaceFailed
from orchestrator.ports import Confinement, Job, Outcome, Sandbox, Stop, Usage

ALLOWED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
"""What a command sees of the node's own environment. Everything else may be a secret."""
LISTED = 1000
"""Most files that are listed for a mission without a project."""


@dataclass(frozen=True, kw_only=True)
class CommandAgent:
    """Runs a mission's `run` line with /bin/sh in a sandbox. `node` signs the commit; `network` opens the network."""

    sandbox: Sandbox
    workspaces: Workspaces
    node: str
    network: bool = False
    scope: Callable[[Iterable[str], Iterable[str]], list[str]] = outside_scope
    name: str = "command"

    def missing(self) -> str | None:
        """What the sandbox lacks."""
        return self.sandbox.missing()

    def run(self, job: Job, stop: Stop) -> Outcome:
        """One attempt. A failed command's branch is pushed, too; not one that left its scope or was stopped."""
        if not job.mission.run:
            return _refused("a mission for the agent `command` needs a `run:` line")
        if job.mission.project and not job.project:
            return _refused(f"the project {job.mission.project} is not in fleet.toml")
        try:
            return self._attempt(job, job.mission.run, stop)
        except WorkspaceFailed as error:
            return Outcome(ok=False, summary="No workspace.", error=str(error), cancelled=stop.is_set())

    def _attempt(self, job: Job, line: str, stop: Stop) -> Outcome:
        workspace = self._open(job, stop)
        tree = workspace.tree if workspace else _empty(job.folder / "tree")
        protected = workspace.protected if workspace else ()
        laid = agents_file.lay(tree, job.context) if workspace else ()
        ran = self._run(job, line, tree, protected, stop)
        agents_file.take_out(laid)
        work = self._work(job, workspace) if workspace else Work(commit="", files=_produced(tree))
        (job.folder / "diff.patch").write_bytes(work.patch)
        outside = self.scope(work.files, job.mission.scope)
        branch, notes = (None, ()) if outside else self._push(workspace, work, stop)
        error = _error(ran, outside)
        return Outcome(
            ok=not error,
            summary=_summary(line, ran, work),
            output=ran.output,
            exit_code=ran.exit_code,
            error=error,
            diff=work.patch.decode("utf-8", "replace"),
            base=workspace.base if workspace else None,
            branch=branch,
            files=work.files,
            cancelled=ran.ending is Ending.STOPPED,
            sandbox=self.sandbox.name,
            notes=(*self._lacks(), *_cut(ran), *work.notes, *notes),
            usage=Usage(seconds=ran.seconds),
        )

    def _open(self, job: Job, stop: Stop) -> Workspace | None:
        if not job.project:
            return None
        return self.workspaces.open(
            job.project, mission=job.mission.name, attempt=job.attempt, folder=job.folder, stop=stop
        )

    def _run(self, job: Job, line: str, tree: Path, protected: tuple[Path, ...], stop: Stop) -> Ran:
        home = _empty(job.folder / "home")
        environment = environment_for(job, home)
        confinement = Confinement(writable=tree, protected=protected, environment=environment, network=self.network)
        return run(
            self.sandbox.command(["/bin/sh", "-c", line], confinement),
            folder=tree,
            environment=environment,
            output=job.folder / "output.log",
            timeout=job.mission.timeout_seconds,
            stop=stop,
            say=job.say,
        )

    def _work(self, job: Job, workspace: Workspace) -> Work:
        title = job.mission.title or job.mission.name
        return workspace.finish(node=self.node, mission=job.mission.name, attempt=job.attempt, title=title)

    def _push(self, workspace: Workspace | None, work: Work, stop: Stop) -> tuple[str | None, tuple[str, ...]]:
        """The branch if it reached the project's server, and why it did not."""
        if not workspace or not work.files:
            return None, ()
        if stop.is_set():
            return None, ("the branch was not pushed: the mission was stopped",)
        why = workspace.push(work.commit, stop=stop)
        return (None, (why,)) if why else (workspace.branch, ())

    def _lacks(self) -> tuple[str, ...]:
        return tuple(getattr(self.sandbox, "lacks", ()))


def environment_for(job: Job, home: Path) -> Mapping[str, str]:
    """A command's whole environment."""
    kept = {name: os.environ[name] for name in ALLOWED if name in os.environ}
    own = {"HOME": str(home), "SHIFTBOOK_MISSION": job.mission.name, "SHIFTBOOK_ATTEMPT": str(job.attempt)}
    return {"PATH": os.defpath, **kept, **own}


def _error(ran: Ran, outside: list[str]) -> str:
    if outside:
        return "changed outside of its scope: " + ", ".join(outside)
    if ran.ending is Ending.STOPPED:
        return "stopped before it ended"
    if ran.ending is Ending.TIMEOUT:
        return f"not ended after {ran.seconds:.0f} s: its time was over"
    return f"ended with exit code {ran.exit_code}" if ran.exit_code else ""


def _summary(line: str, ran: Ran, work: Work) -> str:
    first = line.strip().splitlines()[0] if line.strip() else line
    shown = first if len(first) <= 60 else first[:59] + "…"
    how = {Ending.EXIT: f"ended with {ran.exit_code}", Ending.TIMEOUT: "ran out of time", Ending.STOPPED: "was stopped"}
    count = f"{len(work.files)} file{'' if len(work.files) == 1 else 's'} changed"
    return f"`{shown}` {how[ran.ending]} after {ran.seconds:.1f} s, {count}."


def _cut(ran: Ran) -> tuple[str, ...]:
    return (f"{ran.cut_bytes:,} bytes in the middle of the output were not kept",) if ran.cut_bytes else ()


def _refused(why: str) -> Outcome:
    return Outcome(ok=False, summary="Not started.", error=why)


def _empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _produced(tree: Path) -> tuple[str, ...]:
    """The files in a folder, by relative path; links are named, not followed."""
    found = (Path(folder, name) for folder, folders, names in os.walk(tree) for name in (*folders, *names))
    files = (path for path in found if path.is_symlink() or not path.is_dir())
    return tuple(sorted(str(path.relative_to(tree)) for path in files)[:LISTED])
