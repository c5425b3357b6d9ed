"""What does `fleet.toml` say of single nodes: the personas of their divisions?"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from missions.declared.declared_table import made_by
from missions.declared.value_rules import After, Limits
from missions.divisions import DEFAULT_DIVISIONS, Division
from missions.mission import TASKS
from missions.one_line import printable
from orchestrator.ledger.config.policy_tables import FleetTomlTable


def _one_line(value: str) -> str:
    """A text that stands in a sentence. Raises ValueError."""
    if not value.strip() or printable(value) != value:
        raise ValueError("write one line of plain text")
    return value.strip()


class DivisionPart(FleetTomlTable):
    """`[nodes.NAME.divisions.DIVISION]`: as whom a node's division speaks, and which kinds of work it takes."""

    name: Annotated[str, Limits(max_length=60), After(_one_line)] | None = None
    voice: Annotated[str, Limits(max_length=300), After(_one_line)] | None = None
    tasks: tuple[Literal[TASKS], ...] | None = None  # type: ignore[valid-type]  # the words of a tuple


class NodePart(FleetTomlTable):
    """`[nodes.NAME]`."""

    divisions: dict[Literal["primary", "coder", "general"], DivisionPart] = made_by(factory=dict)

    def every(self) -> tuple[Division, ...]:
        """The node's divisions, with what is said of them here."""
        return tuple(_with_part(each, self.divisions.get(each.division)) for each in DEFAULT_DIVISIONS)  # type: ignore[call-overload]


def _with_part(division: Division, part: DivisionPart | None) -> Division:
    if part is None:
        return division
    tasks = division.tasks if part.tasks is None else frozenset(part.tasks)
    return replace(division, name=part.name or "", voice=part.voice or "", tasks=tasks)
