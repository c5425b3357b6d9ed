"""Which divisions has a node, which of them does a mission, and as whom does it speak?

Every node has three: `primary` answers for the node, `coder` changes projects, `general` does the rest. `fleet.toml`
may give each a name, a voice and other kinds of work; a mission may be addressed to one: `to: coder`, `to: desk/coder`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from missions.mission import CODING_TASK, TASKS, Mission

PRIMARY, CODER, GENERAL = "primary", "coder", "general"


@dataclass(frozen=True, kw_only=True)
class Division:
    """One division of a node. `name` and `voice` are its persona, empty where nobody gave it one."""

    division: str
    tasks: frozenset[str]
    name: str = ""
    voice: str = ""

    def signature(self, node: str) -> str:
        """Who answered, for people: "Mara, coder of desktop"."""
        return f"{self.name}, {self.division} of {node}" if self.name else f"{self.division} of {node}"


DEFAULT_DIVISIONS = (
    Division(division=CODER, tasks=frozenset({CODING_TASK})),
    Division(division=GENERAL, tasks=frozenset({"general_task"})),
    Division(division=PRIMARY, tasks=frozenset(TASKS)),
)
"""Those of a node of which nobody said anything; the first that takes a kind of work does it."""
DIVISIONS = tuple(each.division for each in DEFAULT_DIVISIONS)


def address_of(word: str, node: str) -> str:
    """The division of this node that a word of `to` addresses; empty if none of them."""
    whose, slash, division = word.rpartition("/")
    return division if division in DIVISIONS and (not slash or whose == node) else ""


def addressed(mission: Mission, node: str) -> tuple[str, ...]:
    """The divisions of this node that a mission is addressed to."""
    return tuple(filter(None, (address_of(word, node) for word in mission.to)))


def division_for(mission: Mission, node: str, divisions: Iterable[Division]) -> Division:
    """The division of a node that does a mission: the one that it is addressed to, else the first that takes its kind
    of work; the node's primary where none does."""
    wanted, there = addressed(mission, node), tuple(divisions)
    able = [each for each in there if mission.task in each.tasks and (not wanted or each.division in wanted)]
    return able[0] if able else primary_division(there)


def primary_division(divisions: Iterable[Division]) -> Division:
    """The division that answers for a node."""
    return next((each for each in divisions if each.division == PRIMARY), DEFAULT_DIVISIONS[-1])
