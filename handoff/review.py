"""What should change in the briefing because of the entries since the last review, and what needs a person's eye?

The review proposes; it changes nothing itself. It works from statements that it can compare (`statements`), so that the
same entries and the same briefing always give the same proposal, with no model at hand. Four safeguards:

1. every proposed item cites entries, and is dropped with a reason unless they say what it says (`evidence_check`);
2. a model may only put an item's words better: its words are held to the same test, and the plain ones used if they
   fail it;
3. nothing becomes a standing rule: block quotes and fenced blocks are never read, and `briefing.apply` takes no delta
   under a heading of standing rules;
4. what a model said first, or worded, is marked as that (`mined.confirmation`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from handoff.briefing import Add, BriefingItem, Delta, Resolve, Update, parse
from handoff.entry import Entry
from handoff.evidence_check import disagreement
from handoff.facts import DroppedChange, fact_changes, superseded
from handoff.marks.model_mark import PROPOSED
from handoff.mined.confirmation import Accepted, Confirmations
from handoff.mined.harmful_items import HarmfulItem
from handoff.open_items import Recurring, Reversal, blocker_changes, decision_changes, step_changes
from handoff.paths import is_missing, named_paths
from handoff.statements import FACT, WITHDRAWAL, Statement, own_words, statements

Reword = Callable[[str], str]

_SECTIONS = {
    "Blockers": re.compile(r"(?i)(?:\w+ )?blockers?\b.*"),
    "Decisions": re.compile(r"(?i)(?:\w+ )?decisions?\b.*"),
    "Next steps": re.compile(r"(?i)(?:immediate )?(?:next steps?|action items?|next)\b.*"),
}


@dataclass(frozen=True, kw_only=True)
class StaleItem:
    """An item of the briefing that no longer fits, and why; a person decides what becomes of it."""

    item_id: str
    text: str
    why: str


@dataclass(frozen=True, kw_only=True)
class BriefingProposal:
    """What a review found; `deltas` is what `briefing.apply` takes, the rest is for the report."""

    deltas: tuple[Delta, ...]
    repeated_blockers: tuple[Recurring, ...]
    reversed_decisions: tuple[Reversal, ...]
    untaken_steps: tuple[Recurring, ...]
    stale: tuple[StaleItem, ...]
    dropped_with_reason: tuple[DroppedChange, ...]
    harmful: tuple[HarmfulItem, ...] = ()
    """Items that hurt, by what missions did that were given them; whoever reviews a ledger adds them."""


def review(
    entries_since: Sequence[Entry],
    briefing_text: str,
    *,
    known_paths: Collection[str],
    wording: Reword | None = None,
    earlier: Mapping[str, Entry] | None = None,
    accepted: Accepted = lambda mission: True,
) -> BriefingProposal:
    """Propose changes from the entries, oldest first. No known path at all means that paths are not judged.

    `earlier` are the entries that reviews read before, by id; of a mission that is not `accepted` nothing is confirmed.
    """
    items = parse(briefing_text)
    said = [(at, one) for at, entry in enumerate(entries_since) for one in statements(entry)]
    facts = [one for _, one in said if one.kind in {FACT, WITHDRAWAL}]
    blockers, repeated = blocker_changes(said, *_in_section(items, "Blockers"))
    decisions, reversed_ = decision_changes(said, *_in_section(items, "Decisions"))
    steps, untaken = step_changes(said, *_in_section(items, "Next steps"), len(entries_since))
    sources = {entry.entry_id: _entry_text(entry) for entry in entries_since}
    checked = list(_verify_changes([*fact_changes(facts, items), *blockers, *decisions, *steps], sources, wording))
    journal = {**(earlier or {}), **{entry.entry_id: entry for entry in entries_since}}
    deltas = [one for one in checked if not isinstance(one, DroppedChange)]
    return BriefingProposal(
        deltas=tuple(Confirmations(entries=journal, accepted=accepted).marked(deltas, items)),
        repeated_blockers=tuple(repeated),
        reversed_decisions=tuple(reversed_),
        untaken_steps=tuple(untaken),
        stale=tuple(_stale_items(items, facts, known_paths)),
        dropped_with_reason=tuple(one for one in checked if isinstance(one, DroppedChange)),
    )


def _in_section(items: Sequence[BriefingItem], name: str) -> tuple[list[BriefingItem], str]:
    """The items of the briefing's own section of that kind, and what the briefing calls it."""
    found = [item for item in items if not item.standing and _SECTIONS[name].fullmatch(item.section)]
    section = found[0].section if found else name
    return [item for item in found if item.item_id], section


def _entry_text(entry: Entry) -> str:
    return "\n".join([entry.title, *(f"{heading}\n{own_words(body)}" for heading, body in entry.sections)])


def _verify_changes(
    proposed: Iterable[Delta | DroppedChange], sources: Mapping[str, str], wording: Reword | None
) -> Iterator[Delta | DroppedChange]:
    """Each change if its entries support it, in better words if a model has some that they support too."""
    for one in proposed:
        if isinstance(one, (DroppedChange, Resolve)):
            yield one
            continue
        cited = [sources[entry_id] for entry_id in one.cites if entry_id in sources]
        if isinstance(one, Update) and one.text != one.was:
            cited.append(one.was)  # the item keeps its shape, so its own words stand around the new value
        if reason := disagreement(one.text, cited):
            yield DroppedChange(text=one.text, cites=one.cites, reason=reason)
            continue
        yield from _reword(one, cited, wording)


def _reword(one: Delta, cited: Sequence[str], wording: Reword | None) -> Iterator[Delta | DroppedChange]:
    if wording is None or not isinstance(one, Add) or one.item_id.startswith("f"):
        yield one
        return
    text = " ".join(wording(one.text).split())
    reason = disagreement(text, cited) or disagreement(one.text, [text]) if text else "the model gave no words"
    if reason:
        yield DroppedChange(text=text, cites=one.cites, reason=f"the model's words: {reason}")
    reworded = text.split() != one.text.split()
    yield one if reason else replace(one, text=text, mark=str(PROPOSED) if reworded else one.mark)


def _stale_items(
    items: Sequence[BriefingItem], facts: Sequence[Statement], known_paths: Collection[str]
) -> Iterator[StaleItem]:
    for item, why in superseded(facts, items):
        yield StaleItem(item_id=item.item_id, text=item.text, why=why)
    known = frozenset(known_paths)
    for item in items if known else ():
        missing = [path for path in named_paths(item.text) if is_missing(path, known)]
        if item.item_id and missing:
            yield StaleItem(item_id=item.item_id, text=item.text, why=f"no such file: {', '.join(missing)}")
