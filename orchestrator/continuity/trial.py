"""How is one trial carried out, and what of it is written down? A fresh reader, one item, one arm.

A question is one call. A task is up to so many turns: the reader chooses an action, it is carried out, and what came
of it is what the next turn is given. Each call is a fresh instance that is shown the turns before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator.continuity.arms import Arm, ArmMaker, StudyArm
from orchestrator.continuity.reader import Reader
from orchestrator.continuity.scenarios.build_task import ActionOutcome, BuildAction, BuildTask, carry_out, prepare
from orchestrator.continuity.scenarios.own_goal import GoalQuestion
from orchestrator.continuity.scenarios.questions import NONE, ClosedQuestion
from orchestrator.core.errors import WrongSetting

TASK, GOAL = "task", "goal"
"""The kinds of what is no closed question."""


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """What one trial came to. What does not apply is None: a question has no path, an absent setting no old value."""

    item: str
    project: str
    kind: str
    arm: str
    instance: int
    right: bool
    answer: str
    superseded: bool | None = None
    """Whether a value was used that counted before and does not now."""
    invented: bool | None = None
    """Of what is not set: whether a value was given all the same."""
    recovered: float | None = None
    """The share of the decisions that the first action got right: value, convention, way of building."""
    foreign: bool | None = None
    """Whether the answer is what the other project says, whose handoff is the placebo."""
    built: bool | None = None
    """Of a task: whether it was built in the turns it had, rightly or not."""
    convention: bool | None = None
    failed_path: bool | None = None
    """Whether the first action ran into what the journal says fails."""
    repeated: int | None = None
    """Failures that the journal, or an earlier turn, had told of word for word."""
    calls: int = 1
    warned: int = 0
    context_tokens: int = 0
    seconds: float = 0.0

    @property
    def ident(self) -> str:
        """What it is called among the answers."""
        return f"{self.item}|{self.arm}|{self.instance}"

    def json(self) -> dict[str, Any]:
        """For the file of answers; what does not apply is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def ask_question(
    question: ClosedQuestion, project: str, arm: StudyArm, maker: ArmMaker, reader: Reader, *, instance: int, seed: int
) -> TrialRecord:
    """One question, in the wording of this instance."""
    wording = question.wordings[instance % len(question.wordings)]
    context = maker.context(arm, wording)
    answer = reader.choose(context, wording, {"answer": question.options}, seed).get("answer", "")
    made = TrialRecord(
        item=question.item,
        project=project,
        kind=question.kind.value,
        arm=arm.value,
        instance=instance,
        right=False,
        answer=answer,
        context_tokens=maker.count(context),
    )
    return _judged_question(made, question)


def state_goal(
    question: GoalQuestion, project: str, arm: StudyArm, maker: ArmMaker, reader: Reader, *, instance: int, seed: int
) -> TrialRecord:
    """One goal in the instance's own words; there is no right one."""
    context = maker.context(arm, question.request)
    return TrialRecord(
        item=question.item,
        project=project,
        kind=GOAL,
        arm=arm.value,
        instance=instance,
        right=False,
        answer=reader.choose(context, question.request, {"goal": ()}, seed).get("goal", ""),
        context_tokens=maker.count(context),
    )


def rejudged(
    record: TrialRecord, questions: Mapping[str, ClosedQuestion], tasks: Mapping[str, BuildTask]
) -> TrialRecord:
    """The record with what can be told from its answer alone, told anew: nobody's word is taken for what is right.

    Raises KeyError for an item that is none of these, ValueError for an answer that is no answer to it.
    """
    if record.kind == GOAL:
        return replace(record, right=False)
    if record.kind != TASK:
        return _judged_question(record, questions[record.item])
    task = tasks[record.item]
    actions = [_action(words) for words in record.answer.split(" ; ") if words]
    return _judged_task(record, task, actions)


def _judged_question(record: TrialRecord, question: ClosedQuestion) -> TrialRecord:
    answer = record.answer
    if answer and answer not in question.options:
        raise ValueError(f"{answer!r} is none of the choices")
    return replace(
        record,
        right=answer == question.right,
        superseded=answer in question.superseded if question.superseded else None,
        invented=answer not in {NONE, ""} if question.right == NONE else None,
        foreign=answer == question.foreign if question.foreign else None,
    )


def _judged_task(record: TrialRecord, task: BuildTask, actions: Sequence[BuildAction]) -> TrialRecord:
    """By the first action what was recovered, and by the last one what came of it; None without any action."""
    right, failing = task.right, {mode for mode, _ in task.history.traps.errors}
    first, last = (actions[0], actions[-1]) if actions else (None, None)
    return replace(
        record,
        right=last == right,
        built=last is not None and last.mode not in failing,
        superseded=last.value in task.setting.superseded if last else None,
        recovered=_share(first, right) if first else None,
        convention=first.separator == right.separator if first else None,
        failed_path=first.mode in failing if first else None,
    )


def attempt_task(
    task: BuildTask,
    project: str,
    arm: StudyArm,
    maker: ArmMaker,
    reader: Reader,
    *,
    instance: int,
    seed: int,
    turns: int,
    folder: Path,
) -> TrialRecord:
    """One task in a folder that is empty, until it is built or the turns are over; whether it is right is not said."""
    prepare(task, folder)
    run = _TaskRun(task=task, arm=arm, maker=maker, reader=reader, place=folder, seed=seed)
    return run.go(project, instance, turns)


@dataclass(kw_only=True)
class _TaskRun:
    """One task under way."""

    task: BuildTask
    arm: StudyArm
    maker: ArmMaker
    reader: Reader
    place: Path
    seed: int

    def __post_init__(self) -> None:
        self.heard: list[str] = []
        self.shown: list[str] = []
        self.tried: list[tuple[BuildAction, ActionOutcome | None]] = []

    def go(self, project: str, instance: int, turns: int) -> TrialRecord:
        """All turns."""
        context = self.maker.context(self.arm, self.task.request, self.task.commands)
        calls = 0
        while calls < turns and not self._built():
            request = "\n".join([self.task.request, *self.shown])
            said = self.reader.choose(context, request, self._choices(), self.seed + calls)
            calls += 1
            if len(said) < 3:
                self.shown.append("That was no action: choose a value, a separator and a mode.")
                continue
            self._act(BuildAction(**said))
        return self._record(project, instance, calls, self.maker.count(context))

    def _choices(self) -> dict[str, tuple[str, ...]]:
        return {"value": self.task.values, "separator": self.task.separators, "mode": self.task.modes}

    def _built(self) -> ActionOutcome | None:
        """What the last action came to, if it built."""
        last = self.tried[-1][1] if self.tried else None
        return last if last is not None and last.built else None

    def _act(self, action: BuildAction) -> None:
        """Carries an action out, or refuses it once; what is said of it is for the next turn."""
        new = self.maker.warnings(action.command, self.heard) if self.arm in {Arm.AFTER, Arm.REFUSED} else []
        warned = [one.line for one in new]
        self.heard += [one.text for one in new]
        did = f"You wrote {action.value} ({action.separator}) and ran `{action.command}`:"
        if self.arm is Arm.REFUSED and warned:
            self.tried.append((action, None))
            self.shown.append("\n".join([did, "not run; the journal says:", *warned]))
            return
        outcome = carry_out(self.task, action, self.place)
        self.tried.append((action, outcome))
        self.shown.append("\n".join([did, outcome.error or "built", *warned]))

    def _record(self, project: str, instance: int, calls: int, tokens: int) -> TrialRecord:
        errors = [outcome.error for _, outcome in self.tried if outcome is not None and outcome.error]
        known = {error for _, error in self.task.history.traps.errors}
        made = TrialRecord(
            item=self.task.item,
            project=project,
            kind=TASK,
            arm=self.arm.value,
            instance=instance,
            right=(built := self._built()) is not None and built.accepted,
            answer=" ; ".join(f"{a.value} {a.separator} {a.mode}" for a, _ in self.tried),
            repeated=sum(error in known or error in errors[:at] for at, error in enumerate(errors)),
            calls=calls,
            warned=len(self.heard),
            context_tokens=tokens,
        )
        judged = _judged_task(made, self.task, [action for action, _ in self.tried])
        if (judged.right, judged.built) != (made.right, built is not None):
            raise WrongSetting("DIR", f"a build of {made.item} came to something else than the plan says")
        return judged


def _share(action: BuildAction, right: BuildAction) -> float:
    kept = (action.value == right.value, action.separator == right.separator, action.mode == right.mode)
    return sum(kept) / len(kept)


def _action(words: str) -> BuildAction:
    value, separator, mode = words.split()
    return BuildAction(value=value, separator=separator, mode=mode)
