"""What is an instance given in each arm of a study, in equally many tokens?

Every arm has the same number of tokens, to within one line: what is shorter is filled up with lines that say nothing,
in front, farthest from the question. So "nothing" is a page of such lines, and no arm wins by being long.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum

from handoff import recall
from handoff.budget_fit import TIER_NAMES, PromptDocument, fit_document, fit_log, fit_recalled
from handoff.context_builder import assemble
from handoff.entry import parse_log
from handoff.mined.document_index import given_document
from handoff.tiers import Tier
from handoff.warnings.warning_index import SaidWarning, add_warnings, warnings_at
from orchestrator.continuity.ablation_arms import BUDGETS, AblationArm, ablated
from orchestrator.continuity.scenarios.project_history import ProjectHistory
from orchestrator.continuity.scenarios.vocabulary import SEPARATORS

CountTokens = Callable[[str], int]
FILLER = "This line is here to fill the page."
MAX_RECALLED = 8


class Arm(StrEnum):
    """What an instance is given. The last three differ in when it hears the warnings, and only in tasks."""

    NOTHING = "nothing"
    PLACEBO = "placebo"
    TAIL = "tail"
    RECALLED = "recalled"
    HANDOFF = "handoff"
    ORACLE = "oracle"
    MISPLACED = "misplaced"
    AFTER = "after"
    REFUSED = "refused"


StudyArm = Arm | AblationArm
ACTION_ARMS = frozenset({Arm.MISPLACED, Arm.AFTER, Arm.REFUSED})
"""Arms that there are in tasks only: who is asked a question does nothing that could be warned of."""
MEANS: dict[StudyArm, str] = {
    Arm.NOTHING: "lines that say nothing",
    Arm.PLACEBO: "the handoff of another project",
    Arm.TAIL: "the newest entries of the journal, as they are",
    Arm.RECALLED: "the lines of the journal that a search for the question finds",
    Arm.HANDOFF: "the handoff: standing rules, the briefing after the stated number of reviews, the newest entries",
    Arm.ORACLE: "the facts that decide, and nothing else",
    Arm.MISPLACED: "the lines that the next two would hear at the action, at the start instead",
    Arm.AFTER: "lines that say nothing; the journal's warning comes with the result of the action",
    Arm.REFUSED: "lines that say nothing; the first action that the journal warns of is refused, with the warning",
    AblationArm.NO_RULES: "the handoff without the project's document, which has the standing rules",
    AblationArm.NO_BRIEFING: "the handoff without the briefing",
    AblationArm.NO_LOG: "the handoff without the newest entries",
    AblationArm.REVERSED: "the handoff with its parts in the opposite order: the newest entries first",
    AblationArm.BRIEFING: "the briefing alone, which may fill the whole budget",
    AblationArm.HANDOFF_500: "the handoff in 500 tokens, whatever the others have",
    AblationArm.HANDOFF_1000: "the handoff in 1,000 tokens, whatever the others have",
    AblationArm.HANDOFF_2000: "the handoff in 2,000 tokens, whatever the others have",
    AblationArm.HANDOFF_4000: "the handoff in 4,000 tokens, whatever the others have",
}


def arm_of(word: str) -> StudyArm:
    """The arm of that name. Raises ValueError."""
    return AblationArm(word) if word in set(AblationArm) else Arm(word)


def own_budget(arm: StudyArm) -> int | None:
    """The tokens of an arm that has others than its study; None for all other arms."""
    return BUDGETS.get(arm) if isinstance(arm, AblationArm) else None


@dataclass(frozen=True, kw_only=True)
class ArmMaker:
    """Makes the contexts of one project. `placebo` is another one; `generation` is after how many reviews."""

    history: ProjectHistory
    placebo: ProjectHistory
    generation: int
    budget: int
    count: CountTokens
    _made: dict[tuple[StudyArm, str], str] = field(default_factory=dict, compare=False, repr=False)

    def context(self, arm: StudyArm, request: str, actions: Iterable[str] = ()) -> str:
        """What stands before the request; `actions` are the commands that might be run."""
        of = (arm, request if arm is Arm.RECALLED else "")
        if of not in self._made:
            self._made[of] = self.filled(self._material(arm, request, actions), own_budget(arm))
        return self._made[of]

    def warnings(self, action: str, said: Iterable[str] = ()) -> list[SaidWarning]:
        """What the journal says at the action, without what was said before."""
        with closing(sqlite3.connect(":memory:")) as conn:
            add_warnings(conn, self.history.entries)
            return warnings_at(conn, action, said=tuple(said))

    def filled(self, text: str, budget: int | None = None) -> str:
        """The text after as many lines that say nothing as the budget, or the study's, has room for."""
        room = self.budget if budget is None else budget
        line = self.count(FILLER + "\n") or 1
        lines = max(0, (room - self.count(text)) // line)
        over = max(0, self.count(f"{FILLER}\n" * lines + text) - room)
        return f"{FILLER}\n" * max(0, lines + (-over // line)) + text

    def _material(self, arm: StudyArm, request: str, actions: Iterable[str]) -> str:
        if isinstance(arm, AblationArm):
            return self._ablation(arm)
        if arm is Arm.PLACEBO:
            return self._handoff(self.placebo)
        if arm is Arm.HANDOFF:
            return self._handoff(self.history)
        if arm is Arm.TAIL:
            return fit_log(parse_log(self.history.journal), self.budget, self.count).text
        if arm is Arm.RECALLED:
            return fit_recalled(list(self._recalled(request)), "", self.budget, self.count).text
        if arm is Arm.ORACLE:
            return "\n".join(oracle_facts(self.history)) + "\n"
        if arm is Arm.MISPLACED:
            return "".join(f"{one.line}\n" for one in self._every_warning(actions))
        return ""

    def _ablation(self, arm: AblationArm) -> str:
        if arm is AblationArm.BRIEFING:
            text = given_document(self.history.briefing(self.generation))
            whole = PromptDocument(name=TIER_NAMES[Tier.BRIEFING], tier=Tier.BRIEFING, text=text, share=1.0)
            return fit_document(whole, self.budget, self.count).text
        if arm in BUDGETS:
            return self._handoff(self.history, BUDGETS[arm])
        return ablated(arm, self._handoff(self.history))

    def _handoff(self, history: ProjectHistory, budget: int | None = None) -> str:
        tiers = {Tier.PROJECT: history.project_context, Tier.BRIEFING: history.briefing(self.generation)}
        room = self.budget if budget is None else budget
        made = assemble(
            role="", tiers=tiers, task="", now="", budget=room, count=self.count, log=parse_log(history.journal)
        )
        return made.head + made.log

    def _recalled(self, request: str) -> Iterator[str]:
        with closing(sqlite3.connect(":memory:")) as conn:
            recall.rebuild(conn, self.history.entries)
            for hit in recall.search(conn, request, MAX_RECALLED):
                yield f"{hit.when[:10]} · {hit.heading}\n{hit.text}"

    def _every_warning(self, actions: Iterable[str]) -> list[SaidWarning]:
        found: dict[str, SaidWarning] = {}
        for action in actions:
            found |= {one.text: one for one in self.warnings(action)}
        return list(found.values())


def oracle_facts(history: ProjectHistory) -> Iterator[str]:
    """The truth of a project in a line each."""
    yield f"# Facts of the project {history.name}"
    for setting in history.settings:
        yield f"- {setting.name}: {setting.current or 'none is set'}"
    yield f"- Settings are written as `{dict(SEPARATORS)[history.separator]}`."
    yield f"- The mode of build.py that works: {history.traps.works}"
