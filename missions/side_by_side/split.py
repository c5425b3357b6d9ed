"""Into which missions is one split that asks for several attempts side by side, of which one result is accepted?

Each is a mission of its own, with its own file, claim and branch, so nothing about claims and results is different.
They share a group, which is what the one was to be called, and its budget: together they may cost no more than it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from missions import frontmatter
from missions.errors import BadName
from missions.fields import read_fields, too_few_attempts
from missions.frontmatter import Scalar
from missions.mission import MAX_ATTEMPTS_BESIDE, MAX_NAME_CHARS, slug

NUMBERED = re.compile(r"(?P<group>[a-z0-9-]+)-a(?P<number>[1-9])", re.ASCII)
MAX_GROUP_CHARS = MAX_NAME_CHARS - len("-a9")
"""So long may a group's name be: each attempt adds its number."""


def group_name(name: str) -> str:
    """What the group is called of attempts at a mission of this name. Raises BadName."""
    return slug(name)[:MAX_GROUP_CHARS].strip("-")


def attempt_name(group: str, number: int) -> str:
    """What the attempt with this number is called."""
    return f"{group}-a{number}"


def attempt_names(group: str) -> tuple[str, ...]:
    """What the attempts of a group can be called."""
    return tuple(attempt_name(group, number) for number in range(1, MAX_ATTEMPTS_BESIDE + 1))


def independent_of(name: str) -> str:
    """What a mission's result is counted as, where it is asked whether two are independent: attempts side by side were
    given the same words, and count as one. Goes by the name alone, and rather takes two for one."""
    found = NUMBERED.fullmatch(name)
    return found["group"] if found else name


def attempt_number(group: str, name: str) -> int:
    """The number of an attempt; 0 for a mission that is none of the group's by its name."""
    found = NUMBERED.fullmatch(name)
    return int(found["number"]) if found and found["group"] == group else 0


def split_mission(name: str, text: str, *, budget_usd: float | None = None) -> Mapping[str, str]:
    """The files, by name, that a mission's text comes to: itself, unless it asks for several attempts.

    `budget_usd` is what it may cost where it does not say; each attempt has its part. Raises Malformed, WrongValues and
    BadName for what cannot be read.
    """
    block = frontmatter.split(text.removeprefix(frontmatter.BYTE_ORDER_MARK))
    fields = read_fields(block.fields)
    if why := too_few_attempts(fields.attempts, fields.agents):
        raise frontmatter.Malformed(why, None)
    many = fields.attempts or len(fields.agents) or 1
    if many == 1 and not fields.agents:
        return {name: text}
    group = group_name(name)
    if not group:
        raise BadName(name)
    budget = fields.budget_usd if fields.budget_usd is not None else budget_usd
    shared: dict[str, Scalar] = {"attempts": None, "agents": None, "group": group, "approve": "always"}
    if budget is not None:
        shared["budget_usd"] = round(budget / many, 6)
    return {
        attempt_name(group, number): frontmatter.write(text, shared | _agent(fields.agents, number))
        for number in range(1, many + 1)
    }


def _agent(agents: Sequence[str], number: int) -> dict[str, Scalar]:
    """Who does an attempt, where agents are listed: each in its turn."""
    return {"agent": agents[(number - 1) % len(agents)]} if agents else {}
