"""What was decided before the first answer, and how can anybody see that it was not changed afterwards? The plan.

The plan names everything that a study depends on: projects, arms, sizes, reader, hypotheses, and how likely it is to
find what it looks for. Its hash stands in the first line of the answers; a plan that was changed no longer fits them.
Nothing but its hypotheses is called a result.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from missions.plain_data import read_json
from orchestrator import __version__
from orchestrator.continuity.arms import ACTION_ARMS, Arm, arm_of, own_budget
from orchestrator.continuity.emergent_goals import GOAL_ARMS
from orchestrator.continuity.reader import MAX_ANSWER_TOKENS, TEMPERATURE
from orchestrator.continuity.scenarios.build_task import BuildTask, tasks_of
from orchestrator.continuity.scenarios.history_generator import GENERATOR_VERSION, SESSIONS, generate_history
from orchestrator.continuity.scenarios.own_goal import GoalQuestion, goal_question
from orchestrator.continuity.scenarios.project_history import ProjectHistory
from orchestrator.continuity.scenarios.questions import ClosedQuestion, questions_of
from orchestrator.core.errors import NotFound, WrongSetting
from orchestrator.core.own_installation import extra_command
from sync import files
from sync.errors import GitError
from sync.git import Git

PLAN_FILE = "plan.json"
ITEMS = ("all", "questions", "tasks", "goals")
"""What may be asked; all are questions and tasks."""


@dataclass(frozen=True, kw_only=True)
class StudyHypothesis:
    """That the first arm does better than the second, in `of`: all items, questions or tasks. `outcome` says by what:
    right, or built (a task's path was found in the turns that it had)."""

    name: str
    first: str
    second: str
    of: str = "all"
    outcome: str = "right"


HYPOTHESES = (
    StudyHypothesis(name="a handoff is better than nothing", first=Arm.HANDOFF, second=Arm.NOTHING),
    StudyHypothesis(name="it is the project's own that helps", first=Arm.HANDOFF, second=Arm.PLACEBO),
    StudyHypothesis(name="a handoff is better than the raw log", first=Arm.HANDOFF, second=Arm.TAIL),
    StudyHypothesis(name="a handoff is better than recalled lines", first=Arm.HANDOFF, second=Arm.RECALLED),
    StudyHypothesis(
        name="a warning with the result is better than at the start",
        first=Arm.AFTER,
        second=Arm.MISPLACED,
        of="tasks",
        outcome="built",
    ),
    StudyHypothesis(
        name="a warning by refusal is better than at the start",
        first=Arm.REFUSED,
        second=Arm.MISPLACED,
        of="tasks",
        outcome="built",
    ),
)
"""What is looked at where nobody says otherwise. The oracle against nothing is none of them but the check of the study:
if the facts themselves don't help, the reader cannot use what it is given, and nothing else can be learned from it."""


@dataclass(frozen=True, kw_only=True)
class PlannedTrial:
    """One trial: which item in which arm, by the instance of that number."""

    item: str
    project: int
    arm: str
    instance: int

    @property
    def ident(self) -> str:
        """What it is called among the answers."""
        return f"{self.item}|{self.arm}|{self.instance}"


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """A study. `difference` and `discordance` are what it is made to find; `power` is the chance of that, for each
    hypothesis by its name, over so many projects, at the level that Holm's correction begins with."""

    reader: str
    made: str
    seed: int
    seed_given: bool = False
    """Whether somebody chose the seed: with one that was drawn nobody can plan again until the answers please."""
    temperature: float = TEMPERATURE
    max_tokens: int = MAX_ANSWER_TOKENS
    """Of an answer."""
    program: str = __version__
    """The version of Shiftbook that asks."""
    contexts: dict[str, str] = field(default_factory=dict)
    """For each arm the sha256 of all that its instances are given, as this reader counts tokens."""
    generator: str = GENERATOR_VERSION
    projects: int = 12
    sessions: int = SESSIONS
    instances: int = 2
    turns: int = 2
    budget: int = 600
    generation: int = 3
    items: str = "all"
    """What is asked: one of `ITEMS`."""
    arms: tuple[str, ...] = tuple(Arm)
    hypotheses: tuple[StudyHypothesis, ...] = HYPOTHESES
    alpha: float = 0.05
    difference: float = 0.2
    discordance: float = 0.4
    spread: float = 0.15
    """How far the difference varies from project to project, as a standard deviation, for the power."""
    power: dict[str, float] = field(default_factory=dict)

    @cached_property
    def text(self) -> str:
        """The plan as a file: the same plan is the same bytes."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    @cached_property
    def project_numbers(self) -> dict[str, int]:
        """The projects by name."""
        return {history.name: number for number, history in enumerate(self.histories)}

    @property
    def digest(self) -> str:
        """What the answers name it by."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @cached_property
    def histories(self) -> tuple[ProjectHistory, ...]:
        """Its projects."""
        return tuple(generate_history(self.seed, number, self.sessions) for number in range(self.projects))

    def placebo(self, project: int) -> ProjectHistory:
        """The project whose handoff stands in for that of another: the one after it."""
        return self.histories[(project + 1) % len(self.histories)]

    @cached_property
    def questions(self) -> dict[str, ClosedQuestion]:
        """By item."""
        asked = (
            one
            for number, history in enumerate(self.histories)
            for one in questions_of(history, self.placebo(number), self.seed)
        )
        return {one.item: one for one in asked} if self.items in {"all", "questions"} else {}

    @cached_property
    def tasks(self) -> dict[str, BuildTask]:
        """By item."""
        every = (one for history in self.histories for one in tasks_of(history))
        return {one.item: one for one in every} if self.items in {"all", "tasks"} else {}

    @cached_property
    def goals(self) -> dict[str, GoalQuestion]:
        """By item."""
        every = map(goal_question, self.histories)
        return {one.item: one for one in every} if self.items == "goals" else {}

    def pairs(self, hypothesis: StudyHypothesis) -> int:
        """How many pairs of trials bear on a hypothesis."""
        wide = hypothesis.of != "tasks" and not {hypothesis.first, hypothesis.second} & ACTION_ARMS
        items = len(self.tasks) * (hypothesis.of != "questions") + len(self.questions) * wide
        return items * self.instances

    def items_a_project(self, hypothesis: StudyHypothesis) -> int:
        """How many different pairs a project has for a hypothesis: an item is one, however many instances do it."""
        return self.pairs(hypothesis) // (self.instances * self.projects)

    def trials(self) -> tuple[PlannedTrial, ...]:
        """All trials, a project in an arm after the other, in an order drawn by chance within and among them: what such
        a block begins with is the same, so a model with a prompt cache reads it once."""
        blocks: dict[tuple[int, str], list[PlannedTrial]] = defaultdict(list)
        for one in self._trials():
            blocks[one.project, one.arm].append(one)
        chance = random.Random(f"order:{self.seed}")  # noqa: S311  # the same order wherever it is run
        for block in (ordered := list(blocks.values())):
            chance.shuffle(block)
        chance.shuffle(ordered)
        return tuple(one for block in ordered for one in block)

    def _trials(self) -> Iterator[PlannedTrial]:
        for item in (*self.questions, *self.tasks, *self.goals):
            for arm in self.arms:
                if arm in ACTION_ARMS and item not in self.tasks:
                    continue
                for instance in range(self.instances):
                    project = self.project_numbers[item.partition("/")[0]]
                    yield PlannedTrial(item=item, project=project, arm=arm, instance=instance)


def with_power(plan: StudyPlan) -> StudyPlan:
    """The plan with what it can find. Raises WrongSetting for sizes that cannot be, or without the statistics."""
    from dataclasses import replace

    power = require_statistics().sign_flip_power
    hypotheses = [one for one in plan.hypotheses if {one.first, one.second} <= {*plan.arms} and plan.pairs(one)]
    size = _size(plan, len(hypotheses))
    try:
        found = {one.name: round(power(plan.projects, plan.items_a_project(one), **size), 4) for one in hypotheses}
    except ValueError as error:
        raise WrongSetting("--difference", str(error)) from error
    return replace(plan, hypotheses=tuple(hypotheses), power=found)


def projects_needed(plan: StudyPlan, power: float) -> int:
    """How many projects would find, for every hypothesis, what the plan is made to find. Raises WrongSetting."""
    needed, size = require_statistics().projects_for_power, _size(plan, len(plan.hypotheses))
    try:
        return max((int(needed(power, plan.items_a_project(one), **size)) for one in plan.hypotheses), default=0)
    except ValueError as error:
        raise WrongSetting("--difference", str(error)) from error


def _size(plan: StudyPlan, hypotheses: int) -> dict[str, float]:
    level = plan.alpha / max(1, hypotheses)
    return {"difference": plan.difference, "discordance": plan.discordance, "spread": plan.spread, "alpha": level}


def most_calls(plan: StudyPlan) -> int:
    """How many calls of the reader the study takes at most."""
    return sum(plan.turns if one.item in plan.tasks else 1 for one in plan.trials())


def most_tokens(plan: StudyPlan) -> int:
    """How many tokens those calls are given and answer, without what a task's turns add."""
    return sum(
        (own_budget(arm_of(one.arm)) or plan.budget) + plan.max_tokens
        for one in plan.trials()
        for _ in range(plan.turns if one.item in plan.tasks else 1)
    )


def require_statistics() -> Any:
    """The module of power; raises WrongSetting with the way to get it."""
    try:
        from orchestrator.continuity.statistics import paired_test, sign_flip
    except ImportError as error:
        raise WrongSetting("continuity", f"its statistics are missing: {extra_command('continuity')}") from error
    del paired_test  # it needs scipy, which what judges a study does, too
    return sign_flip


def write_plan(plan: StudyPlan, folder: Path) -> Path:
    """Writes the plan into a folder. Raises WrongSetting where there is one: a study has one plan."""
    path = folder / PLAN_FILE
    if path.exists():
        raise WrongSetting("DIR", f"{path} is there already: a plan is never changed, take another folder")
    folder.mkdir(parents=True, exist_ok=True)
    files.replace(path, plan.text)
    return path


def committed(folder: Path) -> str:
    """The commit in which the folder's plan stands as it is; "" where it stands in none."""
    try:
        git = Git(folder)
        if git.text("status", "--porcelain", "--ignored", "--", PLAN_FILE):
            return ""
        return git.text("log", "-1", "--format=%H", "--", PLAN_FILE)
    except (GitError, OSError):
        return ""  # no repository, or none with a commit


def read_plan(folder: Path) -> StudyPlan:
    """The plan of a folder. Raises NotFound, and WrongSetting for what is none."""
    try:
        read = read_json((folder / PLAN_FILE).read_bytes())
    except FileNotFoundError:
        raise NotFound(f"no plan in {folder}: `shiftbook continuity plan DIR` writes one") from None
    except (ValueError, OSError) as error:
        raise WrongSetting("DIR", f"{folder / PLAN_FILE} cannot be read: {error}") from error
    try:
        plan = _plan_of(read)
    except (TypeError, ValueError, KeyError) as error:
        raise WrongSetting("DIR", f"{folder / PLAN_FILE} is no plan: {error}") from error
    if plan.generator != GENERATOR_VERSION:
        raise WrongSetting("DIR", f"its projects are of generator {plan.generator}, this one is {GENERATOR_VERSION}")
    return plan


def _plan_of(read: Any) -> StudyPlan:
    """Raises TypeError, ValueError and KeyError for what is none."""
    if not isinstance(read, dict) or set(read) != set(StudyPlan.__dataclass_fields__):
        raise ValueError("it has other fields than a plan")
    hypotheses = tuple(StudyHypothesis(**one) for one in read["hypotheses"])
    arms = tuple(arm_of(arm).value for arm in read["arms"])
    for name, example in asdict(StudyPlan(reader="", made="", seed=0)).items():
        wanted = (int, float) if type(example) is float else list if type(example) is tuple else type(example)
        if not isinstance(read[name], wanted) or (type(read[name]) is bool) != (type(example) is bool):
            raise TypeError(f"{name} is {read[name]!r}")
    if len(set(arms)) != len(arms) or min(read["projects"], read["instances"], read["turns"]) < 1:
        raise ValueError("its arms or sizes cannot be")
    if read["items"] not in ITEMS or (read["items"] == "goals" and not {*GOAL_ARMS} <= {*arms}):
        raise ValueError(f"items are {', '.join(ITEMS)}, and goals need the arms {', '.join(GOAL_ARMS)}")
    return StudyPlan(**read | {"arms": arms, "hypotheses": hypotheses})
