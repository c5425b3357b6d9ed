"""How is a study run, so that it can be broken off at any moment and goes on where it was? One line an answer.

The file of answers begins with the plan's hash; each trial is appended when it is over. Whoever runs it again skips
what is there. A last line that a crash cut short is no answer: it is taken off, and the trial is made again.
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
from orchestrator.continuity.arms import Arm, ArmMaker, CountTokens
from orchestrator.continuity.reader import Reader
from orchestrator.continuity.study_plan import PlannedTrial, StudyPlan
from orchestrator.continuity.trial import TrialRecord, ask_question, attempt_task
from orchestrator.core.errors import WrongSetting

ANSWERS_FILE = "answers.jsonl"
LOCK_FILE = ".answers.lock"
"""Held by whoever runs the study."""
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

    def go(self, progress: Progress = lambda done, of: None) -> int:
        """Makes the trials that are missing, and says how many those were. Raises what the reader raises, and
        WrongSetting for another reader than the plan's, answers to another plan, or where somebody else runs it."""
        if self.reader.name != self.plan.reader:
            raise WrongSetting("DIR", f"the plan is for {self.plan.reader}, and {self.reader.name} would answer")
        try:
            with FileLock(self.folder / LOCK_FILE, timeout=0):
                return self._make_missing(progress)
        except Timeout:
            raise WrongSetting("DIR", f"another process runs the study in {self.folder}") from None

    def _make_missing(self, progress: Progress) -> int:
        known = {_ident(one) for one in read_answers(self.plan, self.folder, mend=True)}
        trials = self.plan.trials()
        makers = {number: self._maker(number) for number in range(len(self.plan.histories))}
        made = 0
        with self._answers() as write:
            for trial in trials:
                if trial.ident in known:
                    continue
                if self.ended():
                    break
                write(json.dumps(self._trial(trial, makers[trial.project]).json(), ensure_ascii=False))
                made += 1
                progress(len(known) + made, len(trials))
        return made

    def _maker(self, number: int) -> ArmMaker:
        plan = self.plan
        return ArmMaker(
            history=plan.histories[number],
            placebo=plan.placebo(number),
            generation=plan.generation,
            budget=plan.budget,
            count=self.count,
        )

    @contextmanager
    def _answers(self) -> Iterator[Callable[[str], None]]:
        path = self.folder / ANSWERS_FILE
        with path.open("a", encoding="utf-8") as file:

            def write(line: str) -> None:
                file.write(line + "\n")
                file.flush()

            if not file.tell():
                write(json.dumps({"plan": self.plan.digest}))
            yield write

    def _trial(self, trial: PlannedTrial, maker: ArmMaker) -> TrialRecord:
        plan, began = self.plan, self.clock()
        seed = trial_seed(plan.seed, trial)
        named = {"instance": trial.instance, "seed": seed}
        project = maker.history.name
        if question := plan.questions.get(trial.item):
            made = ask_question(question, project, Arm(trial.arm), maker, self.reader, **named)
        else:
            with tempfile.TemporaryDirectory(prefix="shiftbook-continuity-") as place:
                made = attempt_task(
                    plan.tasks[trial.item],
                    project,
                    Arm(trial.arm),
                    maker,
                    self.reader,
                    **named,
                    turns=plan.turns,
                    folder=Path(place),
                )
        return replace(made, seconds=round(self.clock() - began, 3))


def trial_seed(seed: int, trial: PlannedTrial) -> int:
    """The seed of a trial's first call: the same in every arm, so that pairs differ by what was given alone."""
    return int.from_bytes(hashlib.sha256(f"{seed}|{trial.item}|{trial.instance}".encode()).digest()[:4]) >> 1


def read_answers(plan: StudyPlan, folder: Path, *, mend: bool = False) -> list[TrialRecord]:
    """The answers so far, none for a study that was not begun. `mend` takes a last line off that was cut short.

    Raises WrongSetting for answers to another plan, and for a line that is none.
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
    if _read_line(path, 1, lines[0]) != {"plan": plan.digest}:
        raise WrongSetting("DIR", f"{path} answers another plan: the plan was changed after the first answer")
    answers = {}
    for number, line in enumerate(lines[1:], 2):
        try:
            record = TrialRecord(**_read_line(path, number, line))
        except TypeError as error:
            raise WrongSetting("DIR", f"{path}, line {number}, is no answer: {error}") from error
        answers[_ident(record)] = record
    return list(answers.values())


def _read_line(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        read = read_json(line)
    except ValueError as error:
        raise WrongSetting("DIR", f"{path}, line {number}, is no answer: {error}") from error
    return read if isinstance(read, dict) else {}


def _ident(record: TrialRecord) -> str:
    return f"{record.item}|{record.arm}|{record.instance}"
