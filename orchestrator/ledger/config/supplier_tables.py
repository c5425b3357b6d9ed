"""What does `fleet.toml` say of suppliers: which of their signals become which missions, and how many?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from missions.child_limits import PROPOSABLE_TASKS
from orchestrator.ledger.config.policy_tables import FleetTomlTable

Word = Annotated[str, Field(min_length=1, max_length=200)]


class SignalRule(FleetTomlTable):
    """`[[suppliers.NAME.rules]]`: events of a type, which may have `*` in it, become missions.

    `each` names a list in the event's data whose items are judged one by one; the `top` of them, by confidence, count.
    """

    type: Word
    prompt: Annotated[str, Field(min_length=1, max_length=2000)]
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.5
    each: Annotated[str, Field(max_length=100)] = ""
    top: Annotated[int, Field(ge=1, le=20)] = 1
    task: Literal[PROPOSABLE_TASKS] = "general_task"  # type: ignore[valid-type]  # the words of a tuple
    project: Annotated[str, Field(max_length=200)] = ""
    priority: Annotated[int, Field(ge=0, le=9)] = 1


class SupplierPart(FleetTomlTable):
    """`[suppliers.NAME]`: how many events are taken, how many missions may come of them, and by which rules."""

    per_minute: Annotated[int, Field(ge=1, le=600)] = 60
    per_day: Annotated[int, Field(ge=1, le=20_000)] = 5000
    missions_per_day: Annotated[int, Field(ge=0, le=1000)] = 10
    rules: Annotated[tuple[SignalRule, ...], Field(max_length=50)] = ()
