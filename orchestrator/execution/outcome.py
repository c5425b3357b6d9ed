"""The outcome of an attempt: commit, branch, diff, counts, and what a colleague reads of it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from handoff.secrets.excerpts import redacted_excerpt
from missions.evidence.bundle import NO_EVIDENCE
from orchestrator.core.ports.agent import MissionProposal, Outcome
from orchestrator.core.ports.model import Stop
from orchestrator.core.ports.sandbox import Sandbox
from orchestrator.core.quota_window import latest_windows
from orchestrator.execution.bounds import UsageMeter
from orchestrator.execution.process.runner import Ending
from orchestrator.execution.programs.json_events import MAX_ANSWER_CHARS
from orchestrator.execution.programs.port import ErrorKind
from orchestrator.execution.project_setup import LOCK_FILES
from orchestrator.execution.proposals import collect_proposals
from orchestrator.execution.turn import RoundResult
from orchestrator.execution.verification import WorkCheck
from orchestrator.execution.workspace.attempt_dir import AttemptDir
from orchestrator.execution.workspace.git_tree import CommittedWork
from orchestrator.execution.workspace.tree_walk import walk_entries

MAX_LISTED_FILES = 1000
"""Most files that are listed for a mission without a project."""
MAX_SENTENCE_CHARS = 200


@dataclass(frozen=True, kw_only=True)
class FinishedAttempt:
    """An attempt whose rounds are over; `verdict` is of the last one."""

    site: AttemptDir
    worker: str
    program: str
    turns: tuple[RoundResult, ...]
    verdict: WorkCheck
    rounds: int
    usage_meter: UsageMeter
    sandbox: Sandbox

    @property
    def last(self) -> RoundResult:
        """The round that counts."""
        return self.turns[-1]

    @property
    def error(self) -> str:
        """Why it is not done, in one line; a breach of scope before all else."""
        wrong = self.verdict.wrong
        return wrong if self.verdict.stray or self.verdict.leaks or not self.last.fault else self.last.fault

    @property
    def spared(self) -> bool:
        """Whether it failed by no doing of whoever worked; what lies outside its scope is theirs all the same."""
        if not self.error or self.verdict.stray or self.verdict.leaks:
            return False
        last = self.last
        unanswered = last.unanswered or (last.ending is Ending.EXIT and last.told.trouble is ErrorKind.API)
        return unanswered or (bool(self.verdict.unready) and not last.fault)

    @property
    def parked(self) -> str:
        """Why only a person can go on from here; "" if that is not so."""
        return self.last.parked or (self.usage_meter.over() if self.verdict.wrong else "")


def build_outcome(done: FinishedAttempt, *, node: str, stop: Stop) -> Outcome:
    """Commits, takes the diff, pushes what may be pushed. Raises WorkspaceFailed, OSError."""
    last, verdict, workspace = done.last, done.verdict, done.site.workspace
    cancelled = stop.is_set() and (last.ending is Ending.STOPPED or verdict.cut)
    parked = "" if cancelled else done.parked
    work = _commit_work(done, node)
    (done.site.job.folder / "diff.patch").write_bytes(work.patch)
    ok = not (done.error or parked or cancelled)
    branch, push_notes = (None, ()) if verdict.stray or verdict.leaks or parked else _push(done, work, stop)
    proposals, proposal_notes = _proposals(done.site)
    notes = (
        *(workspace.notes if workspace else ()),
        *getattr(done.sandbox, "lacks", ()),
        *(note for turn in done.turns for note in turn.notes),
        *work.notes,
        *_setup_notes(done.site, work),
        *(f"the handoff was taken out of {name}: it is not the project's" for name in verdict.taken),
        *push_notes,
        *proposal_notes,
    )
    return Outcome(
        ok=ok,
        summary=_summary(last, work),
        answer=_truncate_answer(last.told.answer),
        output=_combined_output(done),
        exit_code=last.exit_code,
        error=done.error or parked,
        diff=work.patch.decode("utf-8", "replace"),
        submodules=work.submodules.decode("utf-8", "replace"),
        base=workspace.base if workspace else None,
        branch=branch,
        commit=work.commit or None if branch or (ok and work.files) else None,
        files=work.files,
        cancelled=cancelled,
        sandbox=done.sandbox.name,
        notes=tuple(dict.fromkeys(notes)),
        usage=done.usage_meter.total,
        parked=parked,
        spared=done.spared,
        changes=work.changes,
        tested=verdict.tests.passed if verdict.tests else None,
        evidence=verdict.tests.evidence if verdict.tests else NO_EVIDENCE,
        rounds=done.rounds,
        denials=tuple(dict.fromkeys(each for turn in done.turns for each in turn.told.denials)),
        session=done.site.kept.session,
        program=done.program,
        proposals=proposals,
        windows=latest_windows(each for turn in done.turns for each in turn.windows),
        out_of_quota=last.out_of_quota and not cancelled,
    )


def _truncate_answer(text: str) -> str:
    """An answer as the ledger may keep it."""
    return (
        text
        if len(text) <= MAX_ANSWER_CHARS
        else f"{redacted_excerpt(text, MAX_ANSWER_CHARS)}\n[… {len(text) - MAX_ANSWER_CHARS:,} more characters …]"
    )


def first_sentence(text: str) -> str:
    """The first sentence of an answer, as a summary."""
    line = text.strip().partition("\n")[0].strip()
    sentence = line.partition(". ")[0]
    return redacted_excerpt(line if sentence == line else sentence + ".", MAX_SENTENCE_CHARS)


def _commit_work(done: FinishedAttempt, node: str) -> CommittedWork:
    workspace, job = done.site.workspace, done.site.job
    if not workspace or not done.verdict.seen:
        return CommittedWork(commit="", files=_list_files(done.site.tree))
    trailers = {
        "Shiftbook-Mission": job.mission.name,
        "Shiftbook-Attempt": str(job.attempt),
        "Shiftbook-Agent": done.program or done.worker,
        "Shiftbook-Model": done.usage_meter.total.model,
    }
    title = " ".join((job.mission.title or job.mission.name).split())
    return workspace.settle(done.verdict.seen, node=node, title=title, trailers=trailers)


def _push(done: FinishedAttempt, work: CommittedWork, stop: Stop) -> tuple[str | None, tuple[str, ...]]:
    """The branch if it reached the project's server, and why it did not."""
    workspace = done.site.workspace
    if not workspace or not work.files:
        return None, ()
    if stop.is_set():
        return None, ("the branch was not pushed: the mission was stopped",)
    why = workspace.push(work.commit, stop=stop)
    if not why:
        return workspace.branch, ()
    name = done.site.job.mission.name
    kept = f"this node keeps it and tries again; `shiftbook mission deliver {name}` pushes it now"
    return None, (why if done.error else f"{why}; {kept}",)


def _setup_notes(site: AttemptDir, work: CommittedWork) -> Iterable[str]:
    """That what the work depends on now is not what it was tested with."""
    changed = [path for path in work.files if LOCK_FILES.fullmatch(PurePosixPath(path).name)]
    if changed and site.tools.also_at:
        yield f"{changed[0]} was changed: this was tested with the set-up of the default branch, before the change"


def _proposals(site: AttemptDir) -> tuple[tuple[MissionProposal, ...], tuple[str, ...]]:
    return collect_proposals(site.filed, site.proposals)


def _summary(last: RoundResult, work: CommittedWork) -> str:
    count = f"{len(work.files)} file{'' if len(work.files) == 1 else 's'} changed"
    said = first_sentence(last.told.answer)
    return f"{last.says}, {count}.{f' {said}' if said else ''}"


def _combined_output(done: FinishedAttempt) -> str:
    """What a person should see of all rounds, the tests last."""
    tests = done.verdict.tests
    parts: Iterable[str] = [turn.output for turn in done.turns if turn.output]
    if tests:
        parts = [*parts, f"$ {tests.line}\n{tests.output.rstrip()}\n[{tests.how}]\n"]
    if done.verdict.unready:
        parts = [*parts, f"[{done.verdict.unready}]\n{done.verdict.last_words}\n"]
    checked = tests or done.verdict.unready
    return "".join(part if part.endswith("\n") or not checked else part + "\n" for part in parts)


def _list_files(tree: Path) -> tuple[str, ...]:
    """The files in a folder, by relative path; links are named, not followed."""
    files = (each.path for each in walk_entries(tree) if not each.is_dir(follow_symlinks=False))
    names = sorted(os.path.relpath(path, tree) for path in files)[:MAX_LISTED_FILES]
    return tuple(os.fsencode(name).decode("utf-8", "replace") for name in names)
