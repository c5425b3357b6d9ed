"""Where does a model's value stand for a line that is in force, and how does it take that line's place?

It stands beside it, as an item of its own whose id follows from the line's. The line keeps its words and is given in
them, the value is a pointer, until somebody confirms it. A line is in force unless a model proposed it and nobody has
confirmed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from handoff.briefing import BriefingItem, Delta, Resolve, Update, derived_id
from handoff.marks.model_mark import read_mark


def proposal_id(item_id: str) -> str:
    """The id of the item that proposes another value for this one."""
    return derived_id("p", item_id)


def replaced_lines(items: Iterable[BriefingItem]) -> Mapping[str, BriefingItem]:
    """Lines in force, by the id of what is, or would be, proposed beside them."""
    return {proposal_id(item.item_id): item for item in items if item.item_id and not (item.awaits or item.standing)}


def without_proposed(items: Sequence[BriefingItem]) -> list[BriefingItem]:
    """The items without those that stand beside a line in force."""
    beside = replaced_lines(items)
    return [item for item in items if item.item_id not in beside]


def with_replacements(deltas: Iterable[Delta], items: Sequence[BriefingItem]) -> Iterator[Delta]:
    """The changes, where a value that is confirmed takes the line's place, if that says what it was meant instead of;
    and one whose line gets another value, or goes, leaves."""
    beside, by_id = replaced_lines(items), {item.item_id: item for item in items}
    for delta in deltas:
        line, own = beside.get(delta.item_id), by_id.get(delta.item_id)
        mark = None if isinstance(delta, Resolve) else read_mark(delta.mark)
        if line is not None and mark is not None and mark.confirmed and not isinstance(delta, Resolve):
            was = delta.instead or line.text
            yield Update(item_id=line.item_id, was=was, text=delta.text, cites=delta.cites, mark=delta.mark)
            yield from _leaving(own, delta.cites)
            continue
        yield delta
        if own is not None and (isinstance(delta, Resolve) or delta.text.split() != own.text.split()):
            yield from _leaving(by_id.get(proposal_id(delta.item_id)), delta.cites)


def _leaving(proposed: BriefingItem | None, cites: tuple[str, ...]) -> Iterator[Delta]:
    if proposed is not None:
        yield Resolve(item_id=proposed.item_id, was=proposed.text, cites=cites)
