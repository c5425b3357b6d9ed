"""Which missions of a template are due, and which times were missed?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from missions.recurring.template import CatchUp, Overlap, Template
from orchestrator.policy.template_missions import MAX_CATCH_UP, due_back

ON_TIME = timedelta(minutes=15)
"""So late a mission is still filed on time."""


@dataclass(frozen=True, kw_only=True)
class DueMissions:
    """What has to be filed now, the oldest first; and the times that passed without a mission, and stay so."""

    slots: tuple[datetime, ...] = ()
    missed: tuple[datetime, ...] = ()


def due_missions(
    template: Template, since: datetime, now: datetime, *, is_filed: Callable[[datetime], bool], busy: bool
) -> DueMissions:
    """What is due of a template that counts `since` a person signed it.

    `is_filed` says whether a time's mission was ever there, `busy` whether an earlier one is still to be done. Looks
    back to the last time that has its mission, and over MAX_CATCH_UP times at most.
    """
    passed: list[datetime] = []
    for slot in islice(due_back(template, since, now), MAX_CATCH_UP):
        if is_filed(slot):
            break
        passed.append(slot)
    wanted = _wanted(template, passed, now)
    if busy and template.overlap is Overlap.WAIT:
        return DueMissions()  # once that one is over the times since then are looked at
    if template.overlap is Overlap.WAIT and template.catch_up is CatchUp.ALL:
        wanted = wanted[-1:]  # one after the other, the oldest first
    missed = [slot for slot in passed if slot not in wanted] if template.catch_up is not CatchUp.ALL else []
    return DueMissions(slots=tuple(reversed(wanted)), missed=tuple(reversed(missed)))


def _wanted(template: Template, passed: list[datetime], now: datetime) -> list[datetime]:
    """Of the times without a mission, the newest first, those that get one."""
    if template.catch_up is CatchUp.ALL:
        return passed
    return [slot for slot in passed[:1] if template.catch_up is CatchUp.LATEST or now - slot <= ON_TIME]


def missed_words(name: str, missed: Sequence[datetime]) -> str:
    """Which times of a template passed without a mission, for people."""
    times = f"{missed[0]:%Y-%m-%d %H:%M}" + (f" to {missed[-1]:%Y-%m-%d %H:%M}" if len(missed) > 1 else "")
    count = "one run was" if len(missed) == 1 else f"{len(missed)} runs were"
    return f"{name}: {count} missed while no node ran ({times} UTC), and will not be made up for"
