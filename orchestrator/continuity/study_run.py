"""How is a study run, so that it can be broken off at any moment and goes on where it was? One line an answer.

The file of answers begins with the plan's hash; each trial is appended when it is over, with a hash of it and of all
lines before. Whether it was right is worked out from the plan when it is read. Whoever runs it again skips what is
there. A last line that a crash cut short is no answer: it is taken off, and the trial is made again.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from missions.plain_data import read_json
from orchestrator import __version__
from orchestrator.continuity.arms import ArmMaker, CountTokens, arm_of
from orchestrator.continuity.given_contexts import arm_makers, context_digests
from orchestrator.continuity.reader import Reader
from orchestrator.continuity.study_plan import PlannedTrial, StudyPlan
from orchestrator.continuity.trial import TrialRecord, ask_question, attempt_task, rejudged, state_goal
from orchestrator.core.errors import WrongSetting

ANSWERS_FILE = "answers.jsonl"
LOCK_FILE = ".answers.lock"
"""Held by whoever runs the study."""
MAX_UNREADABLE = 20
"""Answers in a row that could not be read, after which no more are asked for."""
Progress = Callable[[int, int], None]
"""Takes how many trials are over, and of how many."""


@dataclass(frozen=True, kw_only=True)
class StudyRun:
    """A study in a folder. `clock` is seconds that only go forwards; `ended` says whether somebody wants it to stop."""

    plan: StudyPlan
    folder: Path
    reader: Reader
    count: CountTokens
    clock: Callable[[], float]
    ended: Callable[[], bool] = lambda: False
    commit: str = ""
    """The commit that the plan stands in, for the first line; "" where it stands in none."""

    def go(self, progress: Progress = lambda done, of: None) -> int:
        """Makes the trials that are missing, and says how many those were. Raises what the reader raises, and
        WrongSetting for another reader than the plan's, answers to another plan, or where somebody else runs it."""
        if self.reader.name != self.plan.reader:
            raise WrongSetting("DIR", f"the plan is for {self.plan.reader}, and {self.reader.name} would answer")
        if self.plan.program != __version__:
            raise WrongSetting("DIR", f"the plan is for Shiftbook {self.plan.program}, and this is {__version__}")
        try:
            with FileLock(self.folder / LOCK_FILE, timeout=0):
                return self._make_missing(progress)
        except Timeout:
            raise WrongSetting("DIR", f"another process runs the study in {self.folder}") from None

    def _make_missing(self, progress: Progress) -> int:
        known = {one.ident for one in read_answers(self.plan, self.folder, mend=True)}
        trials = self.plan.trials()
        makers = arm_makers(self.plan, self.count)
        if other := [
            arm for arm, one in context_digests(self.plan, makers).items() if self.plan.contexts.get(arm) != one
        ]:
            raise WrongSetting("DIR", f"other words would be given than the plan has, in: {', '.join(other)}")
        made = unreadable = 0
        with self._answers() as write:
            for trial in trials:
                if trial.ident in known:
                    continue
                if self.ended():
                    break
                record = self._trial(trial, makers[trial.project])
                write(record.json())
                made += 1
                progress(len(known) + made, len(trials))
                unreadable = 0 if record.answer else unreadable + 1
                if unreadable >= MAX_UNREADABLE:
                    raise WrongSetting("SHIFTBOOK_MODEL", f"{unreadable} answers in a row were none of the choices")
        return made

    @contextmanager
    def _answers(self) -> Iterator[Callable[[dict[str, Any]], None]]:
        path = self.folder / ANSWERS_FILE
        link = _last_link(self.plan, path)
        with path.open("a", encoding="utf-8") as file:

            def write(line: dict[str, Any]) -> None:
                nonlocal link
                link = _link(link, line)
                file.write(_dumped(line | {"chain": link}) + "\n")
                file.flush()

            if not file.tell():
                file.write(_dumped({"plan": self.plan.digest, "commit": self.commit}) + "\n")
            yield write

    def _trial(self, trial: PlannedTrial, maker: ArmMaker) -> TrialRecord:
        plan, began = self.plan, self.clock()
        seed = trial_seed(plan, trial)
        named = {"instance": trial.instance, "seed": seed}
        project = maker.history.name
        if question := plan.questions.get(trial.item):
            made = ask_question(question, project, arm_of(trial.arm), maker, self.reader, **named)
        elif goal := plan.goals.get(trial.item):
            made = state_goal(goal, project, arm_of(trial.arm), maker, self.reader, **named)
        else:
            with tempfile.TemporaryDirectory(prefix="shiftbook-continuity-") as place:
                made = attempt_task(
                    plan.tasks[trial.item],
                    project,
                    arm_of(trial.arm),
                    maker,
                    self.reader,
                    **named,
                    turns=plan.turns,
                    folder=Path(place),
                )
        return replace(made, seconds=round(self.clock() - began, 3))


def trial_seed(plan: StudyPlan, trial: PlannedTrial) -> int:
    """The seed of a trial's first call: the same in every arm, so that pairs differ by what was given alone. It comes
    of the whole plan: who plans again, whatever for, has other answers."""
    return int.from_bytes(hashlib.sha256(f"{plan.digest}|{trial.item}|{trial.instance}".encode()).digest()[:4]) >> 1


def plan_commit(folder: Path) -> str:
    """The commit that the answers say their plan stood in; "" where there is none."""
    path = folder / ANSWERS_FILE
    if not path.exists():
        return ""
    with path.open(encoding="utf-8", errors="replace") as file:
        return str(_read_line(path, 1, file.readline()).get("commit", ""))


def read_answers(plan: StudyPlan, folder: Path, *, mend: bool = False) -> list[TrialRecord]:
    """The answers so far, none for a study that was not begun. `mend` takes a last line off that was cut short.

    Raises WrongSetting for answers to another plan, for a line that is none, and where one was changed afterwards.
    """
    path = folder / ANSWERS_FILE
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if mend and len(whole) < len(data):
        with path.open("rb+") as file:
            file.truncate(len(whole))
    lines = whole.decode("utf-8", "replace").splitlines()
    if not lines:
        return []
    if _read_line(path, 1, lines[0]).get("plan") != plan.digest:
        raise WrongSetting("DIR", f"{path} answers another plan: the plan was changed after the first answer")
    answers, link = {}, plan.digest
    for number, line in enumerate(lines[1:], 2):
        read = _read_line(path, number, line)
        told = read.pop("chain", "")
        try:
            record = rejudged(TrialRecord(**read), plan.questions, plan.tasks)
        except (TypeError, KeyError, ValueError) as error:
            raise WrongSetting("DIR", f"{path}, line {number}, is no answer: {error!r}") from error
        link = _link(link, read)
        if told != link:
            raise WrongSetting("DIR", f"{path}: line {number}, or one before it, was changed after it was written")
        answers[record.ident] = record
    return list(answers.values())


def _last_link(plan: StudyPlan, path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()[1:] if path.exists() else []
    return str(_read_line(path, len(lines) + 1, lines[-1]).get("chain", "")) if lines else plan.digest


def _link(before: str, line: dict[str, Any]) -> str:
    return hashlib.sha256(f"{before}\n{_dumped(line)}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _dumped(line: dict[str, Any]) -> str:
    return json.dumps(line, sort_keys=True)


def _read_line(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        read = read_json(line)
    except ValueError as error:
        raise WrongSetting("DIR", f"{path}, line {number}, is no answer: {error}") from error
    return read if isinstance(read, dict) else {}
