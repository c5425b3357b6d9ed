"""Which warnings did a session hear at its actions, and what followed: did they help or hurt?

A session's entry keeps that in a section of its own, a line a warning, so that every machine counts the same. What hurt
others more often than it helped is withdrawn: it is not said again. A node has one voice there, however many sessions
it ran: else one of them could silence what the others learned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from handoff.entry import Entry
from handoff.statements import own_words

HEARD_SECTION = "Warnings Heard"
"""The section of an entry, and of a memo, that lists them."""
MIN_HURT = 2
"""So many nodes must a warning have hurt before it is withdrawn; one may be chance. Of the node that wrote it, so many
sessions: its own words a node may take back."""
_LINE = re.compile(r"^- (?P<verdict>helped|hurt|unclear): (?P<text>\S.*) \[(?P<entry_id>[^\[\]\s]+)\]$")


class WarningVerdict(StrEnum):
    """What followed a warning. Helped: what failed, or was refused, was not run into again, and something else of the
    same program worked. Hurt: it failed again all the same, or was refused and would have worked."""

    HELPED = "helped"
    HURT = "hurt"
    UNCLEAR = "unclear"


@dataclass(frozen=True, kw_only=True)
class HeardWarning:
    """A warning that a session heard, the entry that it is cited by, and what followed."""

    text: str
    entry_id: str
    verdict: WarningVerdict

    @property
    def line(self) -> str:
        """As an entry lists it."""
        return f"{self.verdict}: {' '.join(self.text.split())} [{self.entry_id}]"


@dataclass(frozen=True, kw_only=True)
class WarningCounts:
    """How many sessions a warning helped and hurt, and for how many nodes it did the one or the other on the whole."""

    helped: int = 0
    hurt: int = 0
    nodes_helped: int = 0
    nodes_hurt: int = 0
    taken_back: bool = False
    """Whether it hurt the sessions of the very node that wrote it."""

    @property
    def withdrawn(self) -> bool:
        """Whether it is not said any more."""
        by_others = self.nodes_hurt >= MIN_HURT and self.nodes_hurt > self.nodes_helped
        return by_others or (self.taken_back and not self.nodes_helped)


def counts_by_node(sessions: Mapping[str, Mapping[WarningVerdict, int]], writer: str) -> WarningCounts:
    """What the sessions of each node say of a warning that the node `writer` wrote down."""
    helped = {node: each.get(WarningVerdict.HELPED, 0) for node, each in sessions.items()}
    hurt = {node: each.get(WarningVerdict.HURT, 0) for node, each in sessions.items()}
    return WarningCounts(
        helped=sum(helped.values()),
        hurt=sum(hurt.values()),
        nodes_helped=sum(helped[node] >= max(1, hurt[node]) for node in sessions),
        nodes_hurt=sum(hurt[node] > helped[node] for node in sessions),
        taken_back=hurt.get(writer, 0) >= MIN_HURT and hurt[writer] > helped[writer],
    )


def heard_list(heard: Iterable[HeardWarning]) -> str:
    """The section's body; "" where nothing was heard."""
    return "\n".join(f"- {one.line}" for one in heard)


def heard_in(entry: Entry) -> Iterator[HeardWarning]:
    """What an entry says that its session heard, of each text once. An outsider's word counts for nothing here."""
    if entry.from_outside:
        return
    seen: set[str] = set()
    for line in own_words(entry.section(HEARD_SECTION)).splitlines():
        found = _LINE.match(line)
        if found and found["text"] not in seen:
            seen.add(found["text"])
            yield HeardWarning(text=found["text"], entry_id=found["entry_id"], verdict=WarningVerdict(found["verdict"]))
