"""What is handed over of an attempt: commit, branch, diff, counts, and what a colleague reads of it?"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.core.ports.agent import Outcome, Proposal, Sandbox, Stop
from orchestrator.execution.bounds import Bill
from orchestrator.execution.process.runner import Ending
from orchestrator.execution.programs.json_events import ANSWER
from orchestrator.execution.proposals import gathered
from orchestrator.execution.turn import Turn
from orchestrator.execution.verification import Verdict
from orchestrator.execution.workspace.attempt_dir import Site
from orchestrator.execution.workspace.git_tree import Work
from orchestrator.execution.workspace.tree_walk import entries

LISTED = 1000
"""Most files that are listed for a mission without a project."""
SENTENCE = 200


@dataclass(frozen=True, kw_only=True)
class Done:
    """An attempt whose rounds are over; `verdict` is of the last one."""

    site: Site
    worker: str
    program: str
    turns: tuple[Turn, ...]
    verdict: Verdict
    rounds: int
    bill: Bill
    sandbox: Sandbox

    @property
    def last(self) -> Turn:
        """The round that counts."""
        return self.turns[-1]

    @property
    def error(self) -> str:
        """Why it is not done, in one line; a breach of scope before all else."""
        wrong = self.verdict.wrong
        return wrong if self.verdict.stray or not self.last.fault else self.last.fault

    @property
    def parked(self) -> str:
        """Why only a person can go on from here; "" if that is not so."""
        return self.last.parked or (self.bill.over() if self.verdict.wrong else "")


def outcome_of(done: Done, *, node: str, stop: Stop) -> Outcome:
    """Commits, takes the diff, pushes what may be pushed. Raises WorkspaceFailed, OSError."""
    last, verdict, workspace = done.last, done.verdict, done.site.workspace
    cancelled = stop.is_set() and (last.ending is Ending.STOPPED or verdict.cut)
    parked = "" if cancelled else done.parked
    work = _work(done, node)
    (done.site.job.folder / "diff.patch").write_bytes(work.patch)
    branch, push_notes = (None, ()) if verdict.stray or parked else _push(done, work, stop)
    proposals, proposal_notes = _proposals(done.site)
    notes = (
        *(workspace.notes if workspace else ()),
        *getattr(done.sandbox, "lacks", ()),
        *(note for turn in done.turns for note in turn.notes),
        *work.notes,
        *push_notes,
        *proposal_notes,
    )
    return Outcome(
        ok=not (done.error or parked or cancelled),
        summary=_summary(last, work),
        answer=_whole(last.told.answer),
        output=_output(done),
        exit_code=last.exit_code,
        error=done.error or parked,
        diff=work.patch.decode("utf-8", "replace"),
        base=workspace.base if workspace else None,
        branch=branch,
        commit=work.commit if branch else None,
        files=work.files,
        cancelled=cancelled,
        sandbox=done.sandbox.name,
        notes=tuple(dict.fromkeys(notes)),
        usage=done.bill.total,
        parked=parked,
        changes=work.changes,
        tested=verdict.tests.passed if verdict.tests else None,
        rounds=done.rounds,
        denials=tuple(dict.fromkeys(each for turn in done.turns for each in turn.told.denials)),
        session=done.site.kept.session,
        program=done.program,
        proposals=proposals,
    )


def _whole(text: str) -> str:
    """An answer as the ledger may keep it."""
    return text if len(text) <= ANSWER else f"{text[:ANSWER]}\n[… {len(text) - ANSWER:,} more characters …]"


def first_sentence(text: str) -> str:
    """The first sentence of an answer, as a summary."""
    line = text.strip().partition("\n")[0].strip()
    sentence = line.partition(". ")[0]
    shown = line if sentence == line else sentence + "."
    return shown if len(shown) <= SENTENCE else shown[: SENTENCE - 1] + "…"


def _work(done: Done, node: str) -> Work:
    workspace, job = done.site.workspace, done.site.job
    if not workspace or not done.verdict.seen:
        return Work(commit="", files=_produced(done.site.tree))
    trailers = {
        "Shiftbook-Mission": job.mission.name,
        "Shiftbook-Attempt": str(job.attempt),
        "Shiftbook-Agent": done.program or done.worker,
        "Shiftbook-Model": done.bill.total.model,
    }
    title = " ".join((job.mission.title or job.mission.name).split())
    return workspace.settle(done.verdict.seen, node=node, title=title, trailers=trailers)


def _push(done: Done, work: Work, stop: Stop) -> tuple[str | None, tuple[str, ...]]:
    """The branch if it reached the project's server, and why it did not."""
    workspace = done.site.workspace
    if not workspace or not work.files:
        return None, ()
    if stop.is_set():
        return None, ("the branch was not pushed: the mission was stopped",)
    why = workspace.push(work.commit, stop=stop)
    return (None, (why,)) if why else (workspace.branch, ())


def _proposals(site: Site) -> tuple[tuple[Proposal, ...], tuple[str, ...]]:
    return gathered(site.proposals) if site.proposals.is_dir() else ((), ())


def _summary(last: Turn, work: Work) -> str:
    count = f"{len(work.files)} file{'' if len(work.files) == 1 else 's'} changed"
    said = first_sentence(last.told.answer)
    return f"{last.says}, {count}.{f' {said}' if said else ''}"


def _output(done: Done) -> str:
    """What a person should see of all rounds, the tests last."""
    tests = done.verdict.tests
    parts: Iterable[str] = [turn.output for turn in done.turns if turn.output]
    if tests:
        parts = [*parts, f"$ {tests.line}\n{tests.output.rstrip()}\n[{tests.how}]\n"]
    return "".join(part if part.endswith("\n") or not tests else part + "\n" for part in parts)


def _produced(tree: Path) -> tuple[str, ...]:
    """The files in a folder, by relative path; links are named, not followed."""
    files = (each.path for each in entries(tree) if not each.is_dir(follow_symlinks=False))
    names = sorted(os.path.relpath(path, tree) for path in files)[:LISTED]
    return tuple(os.fsencode(name).decode("utf-8", "replace") for name in names)
