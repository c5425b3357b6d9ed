"""How is work verified before it is handed back: is there any, is it in scope, do the project's tests pass?"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from missions.evidence.bundle import NO_EVIDENCE, EvidenceBundle
from orchestrator.core.errors import WorkspaceFailed
from orchestrator.core.ports.sandbox import Sandbox
from orchestrator.execution.bounds import AttemptLimits
from orchestrator.execution.dev_services.served_run import ServiceFailed, run_served, split_last_words
from orchestrator.execution.dev_services.service_supervisor import LAST_WORDS
from orchestrator.execution.evidence.collecting import EvidenceHunt
from orchestrator.execution.process.runner import CommandResult, Ending
from orchestrator.execution.turn import describe_cut_off
from orchestrator.execution.workspace.attempt_dir import AttemptDir, confinement_for
from orchestrator.execution.workspace.clone import Workspace
from orchestrator.execution.workspace.git_tree import TreeSnapshot
from orchestrator.execution.workspace.handoff_leak import HandoffSearch
from sync.errors import GitError

MAX_TEST_OUTPUT_CHARS = 6000
"""Characters of a test's output that go back to the agent, half from its beginning and half from its end."""
MAX_SERVICE_CHARS = 2000
"""Characters that go back of what the services beside the tests said last."""
MIN_SECRET_CHARS = 6
"""Characters of the shortest value in a file for tests that is struck out of what the tests print."""

ScopeCheck = Callable[[Iterable[str], Iterable[str]], list[str]]
"""Those of some paths that lie outside of a scope."""


@dataclass(frozen=True, kw_only=True)
class ProjectTestResult:
    """How the project's own test command ended."""

    line: str
    passed: bool
    how: str
    output: str
    evidence: EvidenceBundle = NO_EVIDENCE
    """What it wrote that `projects.NAME.evidence` names."""
    disk_full: bool = False
    """It ended because this machine had no more room, whoever took it: that says nothing of the work."""


@dataclass(frozen=True, kw_only=True)
class WorkCheck:
    """What is known of the work. `stray` are files outside of the scope, `denials` what the agent was refused.

    `empty` is that there should be a change and is none.
    """

    seen: TreeSnapshot | None = None
    stray: tuple[str, ...] = ()
    leaks: tuple[str, ...] = ()
    """Files that carry the handoff, which is not the project's."""
    taken: tuple[str, ...] = ()
    """Files out of which the handoff was taken."""
    empty: bool = False
    denials: tuple[str, ...] = ()
    tests: ProjectTestResult | None = None
    cut: bool = False
    """The project's tests were stopped: nobody knows."""
    unready: str = ""
    """Why the project's tests could not be begun, which is no fault of the work."""
    last_words: str = ""
    """What the services printed that did not come up."""

    @property
    def wrong(self) -> str:
        """What stands against the work, in one line; "" if nothing does."""
        return "; ".join(self._faults())

    def _faults(self) -> Iterable[str]:
        if self.stray:
            yield "changed outside of its scope: " + ", ".join(self.stray)
        if self.leaks:
            yield "carries the handoff, which stays with the fleet: " + ", ".join(self.leaks)
        if self.denials:
            yield "was refused: " + "; ".join(self.denials)
        if self.empty:
            below = " (below a submodule, whose repository is not here, does not count)"
            where = below if self.seen and self.seen.submodules else ""
            yield f"nothing was changed{where}, and the task is to change something"
        if self.tests and not self.tests.passed:
            yield f"the project's tests do not pass: `{self.tests.line}` {self.tests.how}"
        if self.cut:
            yield "stopped before the project's tests had ended"
        if self.unready:
            yield self.unready

    def feedback(self, scope: Iterable[str]) -> str:
        """What the agent is told that is to put it right."""
        parts = ["Your work was checked before it is handed over, and it is not right yet. Put it right now."]
        if self.stray:
            names = "\n".join(f"- {path}" for path in self.stray)
            allowed = ", ".join(f"`{glob}`" for glob in scope)
            parts.append(f"These files are outside of your scope ({allowed}). Undo your changes to them:\n{names}")
        if self.leaks:
            names = "\n".join(f"- {path}" for path in self.leaks)
            parts.append(f"These files carry the handoff that you were given. It is not the project's:\n{names}")
        if self.denials:
            names = "\n".join(f"- {each}" for each in self.denials)
            parts.append(f"You asked for what you may not do. Finish without it, and do not ask again:\n{names}")
        if self.empty:
            parts.append("No file was changed. The task is to change files in the working folder.")
        if self.tests and not self.tests.passed:
            parts.append(
                f"`{self.tests.line}` {self.tests.how}. What it printed:\n\n{_quote_output(self.tests.output)}"
            )
        return "\n\n".join(parts)


def verify(
    site: AttemptDir,
    sandbox: Sandbox | None,
    bounds: AttemptLimits,
    *,
    leaves: tuple[str, ...],
    scope: ScopeCheck,
    number: int,
) -> WorkCheck:
    """Looks at what was done at a site with a project and runs the project's tests on it, without network.

    Without a sandbox nothing is run: the work was cut off. What the tests write is taken back: it is no part of the
    work. Raises WorkspaceFailed, OSError.
    """
    assert site.workspace
    seen, taken, leaks = _without_handoff(site, site.workspace, leaves)
    tests, cut, unready, last_words = None, False, "", ""
    line = site.job.project.test if site.job.project else None
    if line and seen.files and sandbox:
        site.workspace.restore(but=leaves)  # only what is handed over is tested: no ignored file makes it right
        try:
            tests = run_project_tests(line, site, sandbox, bounds, number)
            cut = tests is None
        except ServiceFailed as error:
            unready, last_words = str(error), error.output
        site.workspace.restore()
    stray = scope(seen.files, site.job.mission.scope)
    empty = site.job.mission.task == "coding_task" and not seen.files
    return WorkCheck(
        seen=seen,
        stray=tuple(stray),
        leaks=leaks,
        taken=taken,
        empty=empty,
        tests=tests,
        cut=cut,
        unready=unready,
        last_words=last_words,
    )


def _without_handoff(
    site: AttemptDir, workspace: Workspace, leaves: tuple[str, ...]
) -> tuple[TreeSnapshot, tuple[str, ...], tuple[str, ...]]:
    """What was done without blocks of the handoff, out of which files they were taken, and which still carry it."""
    mission = site.job.mission
    public = (mission.title, mission.body, mission.run or "")
    search = HandoffSearch(repository=workspace.repository, handoff=site.job.context, public=public)
    seen = workspace.snapshot(leaves=leaves)
    try:
        taken = search.take_out(seen.tree)
        seen = workspace.snapshot(leaves=leaves) if taken else seen
        return seen, taken, search.carried(seen.tree)
    except GitError as error:
        raise WorkspaceFailed(f"what was done in {site.tree} cannot be read: {error}") from error


def run_project_tests(
    line: str, site: AttemptDir, sandbox: Sandbox, bounds: AttemptLimits, number: int
) -> ProjectTestResult | None:
    """How the tests ended; None if they were stopped, because then nobody knows. Raises ServiceFailed, OSError."""
    site.job.say(f"[the project's tests: {line}]")
    home = site.job.folder / "test-home"
    home.mkdir(exist_ok=True)
    environment = site.environment(home)
    confinement = confinement_for(site, environment, tests=True)
    hide = secret_words(path for path, _ in site.tools.tested_with)
    project = site.job.project
    hunt = _evidence_hunt(site, hide)
    before = hunt.marks()
    try:
        ran = run_served(
            sandbox,
            ["/bin/sh", "-c", line],
            confinement,
            project=project,
            services=project.services if project else (),
            folder=site.job.folder,
            output=site.job.folder / f"test-{number}.log",
            timeout=bounds.left,
            stop=bounds.stop,
            say=lambda line: site.job.say(hide(line)),
        )
    except ServiceFailed as error:
        raise ServiceFailed(hide(str(error)), hide(error.output)) from error
    finally:
        _remove_mount_points(site)
    if ran.ending is Ending.STOPPED:
        return None
    passed = ran.ending is Ending.EXIT and ran.exit_code == 0
    how = "passed" if passed else _describe_failure(ran)
    site.job.say(f"[the project's tests {how}]")
    full = ran.ending is Ending.DISK
    found, output = hunt.collect(before), hide(ran.output)
    return ProjectTestResult(line=line, passed=passed, how=how, output=output, evidence=found, disk_full=full)


def _evidence_hunt(site: AttemptDir, hide: Callable[[str], str]) -> EvidenceHunt:
    globs = site.job.project.evidence if site.job.project else ()
    shown = frozenset(path for _, path in site.tools.tested_with)
    return EvidenceHunt(tree=site.tree, globs=globs, hide=hide, not_these=shown)


def secret_words(paths: Iterable[Path]) -> Callable[[str], str]:
    """Strikes what stands in the files for tests out of a text: each line's value, as it stands, and as HTML, XML, JSON
    and addresses write it."""
    values: set[str] = set()
    for path in paths:
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            values |= {line.strip(), line.partition("=")[2].strip().strip("\"'")}
    long = [value for value in values if len(value) >= MIN_SECRET_CHARS]
    written = {form for value in long for form in _written_forms(value)}
    wanted = sorted(written, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, wanted)) or r"(?!)")
    return lambda text: pattern.sub("[from a file for tests]", text)


def _written_forms(value: str) -> Iterable[str]:
    as_json = (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    plain = html.escape(value, quote=False)  # as text of an element; in an attribute quotes are written, too
    as_markup = (plain, plain.replace('"', "&quot;"), html.escape(value))
    return (value, *as_json, *as_markup, quote(value), quote(value, safe=""))


def _remove_mount_points(site: AttemptDir) -> None:
    """An empty file is left where a file for tests was shown: it is nobody's work."""
    for _, path in site.tools.tested_with:
        place = site.tree / path
        if any(each.is_symlink() for each in (place, *place.parents) if each.is_relative_to(site.tree)):
            continue  # what ran may have put a link in the place of a folder: it leads anywhere
        if place.is_file() and not place.stat().st_size:
            place.unlink()


def _describe_failure(ran: CommandResult) -> str:
    if ran.ending is Ending.EXIT:
        return f"ended with exit code {ran.exit_code}"
    return describe_cut_off(ran.ending, ran.seconds, ran.why)


def _quote_output(output: str) -> str:
    printed, words = split_last_words(output)
    text = printed.strip() or "(nothing)"
    if len(text) > MAX_TEST_OUTPUT_CHARS:
        half = MAX_TEST_OUTPUT_CHARS // 2
        text = (
            f"{text[:half]}\n[… {len(text) - MAX_TEST_OUTPUT_CHARS:,} characters are left out here …]\n{text[-half:]}"
        )
    text += f"\n{LAST_WORDS}\n{words.strip()[-MAX_SERVICE_CHARS:]}" if words else ""
    return "\n".join(f"    {line}" for line in text.splitlines())
