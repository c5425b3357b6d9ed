"""What does `fleet.toml` say of suppliers: which of their signals become which missions, and how many?"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from missions.child_limits import PROPOSABLE_TASKS
from missions.declared.declared_table import made_by
from missions.declared.value_rules import After, Limits
from orchestrator.ledger.config.policy_tables import FleetTomlTable

Word = Annotated[str, Limits(min_length=1, max_length=200)]


def _feed_address(value: str) -> str:
    parts = urlsplit(value)  # raises ValueError
    if value and (parts.scheme not in {"http", "https"} or not parts.hostname or not value.isprintable()):
        raise ValueError("write a feed's address, such as https://news.example/feed.xml")
    if parts.username is not None or parts.password is not None:
        raise ValueError("write it without a user and a password: everybody reads fleet.toml")
    return value


class SignalRule(FleetTomlTable):
    """`[[suppliers.NAME.rules]]`: events of a type, which may have `*` in it, become missions.

    `each` names a list in the event's data whose items are judged one by one; the `top` of them, by confidence, count.
    """

    type: Word
    prompt: Annotated[str, Limits(min_length=1, max_length=2000)]
    min_confidence: Annotated[float, Limits(ge=0, le=1)] = 0.5
    each: Annotated[str, Limits(max_length=100)] = ""
    top: Annotated[int, Limits(ge=1, le=20)] = 1
    task: Literal[PROPOSABLE_TASKS] = "general_task"  # type: ignore[valid-type]  # the words of a tuple
    project: Annotated[str, Limits(max_length=200)] = ""
    priority: Annotated[int, Limits(ge=0, le=9)] = 1


class SupplierPart(FleetTomlTable):
    """`[suppliers.NAME]`: how many events are taken, how many missions may come of them, and by which rules.

    With `feed` headquarters asks an RSS or Atom feed every so many minutes. An entry is as sure as the surest of
    `words` in it, else `confidence`.
    """

    per_minute: Annotated[int, Limits(ge=1, le=600)] = 60
    per_day: Annotated[int, Limits(ge=1, le=20_000)] = 5000
    missions_per_day: Annotated[int, Limits(ge=0, le=1000)] = 10
    rules: Annotated[tuple[SignalRule, ...], Limits(max_length=50)] = ()
    feed: Annotated[str, Limits(max_length=1000), After(_feed_address)] = ""
    every_minutes: Annotated[int, Limits(ge=5, le=10_080)] = 60
    confidence: Annotated[float, Limits(ge=0, le=1)] = 0.5
    words: Annotated[dict[Word, Annotated[float, Limits(ge=0, le=1)]], Limits(max_length=50)] = made_by(factory=dict)
