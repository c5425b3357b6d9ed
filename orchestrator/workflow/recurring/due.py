"""Which missions of a template are due, and which times were missed?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from missions.recurring.template import CatchUp, Overlap, Template
from orchestrator.policy.template_missions import MAX_CATCH_UP, ON_TIME, due_back


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
    back to the last time that has its mission, and over MAX_CATCH_UP times at most; nowhere if none can be due.
    """
    if busy and template.overlap is Overlap.WAIT:
        return DueMissions()  # once that one is over the times since then are looked at
    passed: list[datetime] = []
    for slot in islice(due_back(template, since, now), MAX_CATCH_UP):
        too_late = template.catch_up is CatchUp.NONE and not passed and now - slot > ON_TIME
        if too_late or is_filed(slot):
            break
        passed.append(slot)
    wanted = passed if template.catch_up is CatchUp.ALL else passed[:1]
    if template.overlap is Overlap.WAIT and template.catch_up is CatchUp.ALL:
        wanted = wanted[-1:]  # one after the other, the oldest first
    missed = [slot for slot in passed if slot not in wanted] if template.catch_up is not CatchUp.ALL else []
    return DueMissions(slots=tuple(reversed(wanted)), missed=tuple(reversed(missed)))


def missed_words(template: Template, missed: Sequence[datetime]) -> str:
    """Which times of a template passed without a mission, for people."""
    times = f"{missed[0]:%Y-%m-%d %H:%M}" + (f" to {missed[-1]:%Y-%m-%d %H:%M}" if len(missed) > 1 else "")
    count = "one run was" if len(missed) == 1 else f"{len(missed)} runs were"
    why = "while no node ran" + (", or an earlier one was still open" if template.overlap is Overlap.WAIT else "")
    return f"{template.name}: {count} missed {why} ({times} UTC), and will not be made up for"
