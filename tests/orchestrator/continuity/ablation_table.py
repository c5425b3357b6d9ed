"""The ablations with a scripted reader, as docs/continuity.md has them (`python -m` with this module prints them).

The reader takes the last word on each thing, wherever it stands, avoids the builds that it reads of as failing, and
guesses the rest. So the table says how much of the truth stands in what an arm gives; no model was asked.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from orchestrator.continuity.ablations import ABLATIONS
from orchestrator.continuity.arm_measures import measure_arms
from orchestrator.continuity.reader import Choices
from orchestrator.continuity.verdicts import judge
from tests.orchestrator.continuity.readers import UsingReader
from tests.orchestrator.continuity.studies import planned, run_study

PROJECTS = 12


class ThoroughReader(UsingReader):
    """Where no line names the mode that works, it takes one that no line says fails."""

    def __init__(self) -> None:
        super().__init__(name="scripted/thorough")

    def choose(self, context: str, request: str, choices: Choices, seed: int) -> Mapping[str, str]:
        """As the port says; it guesses by the request alone, anew in each turn, so that the table stays what it is."""
        del seed
        return super().choose(context, request, choices, len(request))

    def known(self, text: str, request: str, name: str, words: Sequence[str]) -> str:
        """What the documents say, "" if nothing."""
        said = super().known(text, request, name, words)
        failing = set(re.findall(r"build\.py --mode (\w+)` fails", text))
        if said or not failing & {*words}:
            return said
        return next((word for word in words if word not in failing), "")


def rows(name: str, folder: Path, projects: int = PROJECTS) -> Iterator[str]:
    """One ablation: a row for each arm, with what the plan compares it with, and whether that holds."""
    one, reader = ABLATIONS[name], ThoroughReader()
    words = {"arms": tuple(map(str, one.arms)), "hypotheses": one.hypotheses, "budget": one.budget, "items": one.items}
    plan = planned(reader, projects=projects, instances=1, **words)
    records = run_study(plan, reader, folder / name)
    verdicts = judge(plan, records)
    against = {
        each.second if each.first == "handoff" else each.first: (each, each.holds(plan.alpha))
        for each in verdicts.hypotheses
    }
    for arm in measure_arms(records):
        cells = [name, arm.arm, f"{arm.tokens:,.0f}", *map(_share, (arm.questions_right, arm.tasks_right, arm.built))]
        each, holds = against.get(arm.arm, (None, False))
        told = "" if each is None else f"{each.name}: {each.counts.difference:+.0%}, p {each.adjusted:.4f}"
        yield f"| {' | '.join([*cells, told, '' if each is None else 'yes' if holds else 'no'])} |"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def main() -> None:
    """Prints the table."""
    sys.stdout.write("| ablation | arm | tokens | questions right | tasks right | tasks built | planned | holds |\n")
    sys.stdout.write(f"|{'---|' * 8}\n")
    with tempfile.TemporaryDirectory() as place:
        for name in ABLATIONS:
            for row in rows(name, Path(place)):
                sys.stdout.write(f"{row}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
