"""What is somebody asked who takes the project over? Closed questions, each in three wordings, with one right answer.

The answers to choose from are shown in an order drawn by chance: the truth, what was true before, what is true of the
project whose handoff is the placebo, and "none is set".
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.continuity.scenarios import vocabulary
from orchestrator.continuity.scenarios.project_history import ProjectHistory, SettingHistory

NONE = "none is set"
"""The right answer for what was withdrawn or never decided."""
WORDINGS = (
    "In the project {project}, what is the {thing} now?",
    "You take over {project}. Which {thing} counts at present?",
    "State the {thing} of {project} as it was decided last.",
)


class QuestionKind(StrEnum):
    """What a question is about, and so what a wrong answer shows."""

    KEPT = "kept"
    CHANGED = "changed"
    WITHDRAWN = "withdrawn"
    ABSENT = "absent"
    RULE = "rule"
    TRAP = "trap"


@dataclass(frozen=True, kw_only=True)
class ClosedQuestion:
    """One question. `superseded` are those of the options that were right once; `cites` the entries that answer it."""

    item: str
    """Its name within the study: project and kind."""
    kind: QuestionKind
    wordings: tuple[str, ...]
    options: tuple[str, ...]
    right: str
    superseded: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()
    foreign: str = ""
    """The option that is right in the other project only; "" where there is none."""


def questions_of(history: ProjectHistory, other: ProjectHistory, seed: int) -> Iterator[ClosedQuestion]:
    """What is asked of a project: one of each kind, two of those whose answer changed. What another project says of the
    same thing is among the answers."""
    chance = random.Random(f"questions:{seed}:{history.name}")  # noqa: S311
    for setting in history.settings:
        yield _about_setting(history, other, setting, chance)
    shapes = dict(vocabulary.SEPARATORS)
    yield _question(
        history, chance, QuestionKind.RULE, "form for writing settings", shapes[history.separator], [*shapes.values()]
    )
    yield _question(
        history,
        chance,
        QuestionKind.TRAP,
        "mode of build.py that works",
        history.traps.works,
        [*history.traps.modes],
        cites=history.traps.cites,
    )


def _about_setting(
    history: ProjectHistory, other: ProjectHistory, setting: SettingHistory, chance: random.Random
) -> ClosedQuestion:
    if setting.withdrawn:
        kind = QuestionKind.WITHDRAWN
    elif not setting.values:
        kind = QuestionKind.ABSENT
    else:
        kind = QuestionKind.CHANGED if setting.superseded else QuestionKind.KEPT
    elsewhere = [one.current for one in other.settings if one.name == setting.name and one.current]
    drawn = [*elsewhere, *map(str, chance.sample(range(11, 99), 8))]
    others = [value for value in dict.fromkeys(drawn) if value not in setting.values]
    options = [*setting.values, *others[: max(1, 3 - len(setting.values))], NONE]
    return _question(
        history,
        chance,
        kind,
        setting.name.casefold(),
        setting.current or NONE,
        options,
        superseded=setting.superseded,
        cites=setting.cites,
        foreign=next((value for value in elsewhere if value not in setting.values), ""),
    )


def _question(
    history: ProjectHistory,
    chance: random.Random,
    kind: QuestionKind,
    thing: str,
    right: str,
    options: list[str],
    *,
    superseded: tuple[str, ...] = (),
    cites: tuple[str, ...] = (),
    foreign: str = "",
) -> ClosedQuestion:
    return ClosedQuestion(
        item=f"{history.name}/{kind.value}/{thing.replace(' ', '-')}",
        kind=kind,
        wordings=tuple(words.format(project=history.name, thing=thing) for words in WORDINGS),
        options=tuple(chance.sample(options, len(options))),
        right=right,
        superseded=superseded,
        cites=cites,
        foreign=foreign,
    )
