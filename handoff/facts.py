"""Which value does each fact have now, and what must change in the briefing so that it says so?

The entries come oldest first; the last word on a fact counts, be it a value or a withdrawal. A fact that the briefing
already names is updated where it stands and in the shape it has; a new one is added only if it is short enough to be a
fact rather than prose with a colon in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from handoff.briefing import Add, BriefingItem, Delta, Resolve, Update, derived_id
from handoff.marks.model_mark import PROPOSED
from handoff.mined.proposed_values import without_proposed
from handoff.statements import WITHDRAWAL, Statement, fact_of, key_of

SECTION = "Facts"
_MAX_VALUE_WORDS = 8  # words


@dataclass(frozen=True, kw_only=True)
class DroppedChange:
    """A change that was not proposed: its words, the entries it rested on, and why not."""

    text: str
    cites: tuple[str, ...]
    reason: str


def fact_changes(said: Sequence[Statement], items: Sequence[BriefingItem]) -> Iterator[Delta | DroppedChange]:
    """What the facts and withdrawals, oldest first, change in the briefing."""
    by_key: dict[str, list[Statement]] = {}
    for statement in said:
        by_key.setdefault(statement.key, []).append(statement)
    named = _facts_by_key(items)
    for key, history in by_key.items():
        yield from _fact_change(history, named.get(key, []))


def superseded(said: Sequence[Statement], items: Sequence[BriefingItem]) -> Iterator[tuple[BriefingItem, str]]:
    """Items of running text that still hold a value which the entries replaced, and why they look stale."""
    values: dict[str, list[Statement]] = {}
    for statement in said:
        values.setdefault(statement.key, []).append(statement)
    for key, facts in _facts_by_key(items).items():
        history = values.get(key, [])
        if not history or len(facts) != 1:
            continue
        old, new = facts[0][1], history[-1]
        if new.value == old or not any(character.isdigit() for character in old) or len(old) < 3:
            continue
        for item in items:
            if item.item_id and item is not facts[0][0] and old in item.text and not item.standing:
                yield item, f"it still says {old}; entry {new.entry_id} says: {new.text}"


def _facts_by_key(items: Sequence[BriefingItem]) -> dict[str, list[tuple[BriefingItem, str]]]:
    """The briefing's facts by key, as (item, value); none that a model proposes beside a line in force."""
    named: dict[str, list[tuple[BriefingItem, str]]] = {}
    for item in without_proposed(items):
        if item.item_id and "\n" not in item.text and (fact := fact_of(item.text)):
            named.setdefault(key_of(fact[0]), []).append((item, fact[1]))
    return named


def _fact_change(
    history: Sequence[Statement], known: Sequence[tuple[BriefingItem, str]]
) -> Iterator[Delta | DroppedChange]:
    last = history[-1]
    cites = _latest_run(history)
    if any(item.standing for item, _ in known):
        yield DroppedChange(
            text=last.text, cites=cites, reason="a standing rule has this name; only a person changes it"
        )
        return
    own = [pair for pair in known if pair[0].cites] or list(known)
    if last.kind == WITHDRAWAL:
        by_model = all(one.proposed for one in history if one.entry_id in cites and one.kind == WITHDRAWAL)
        yield from (_withdrawal(item, last, cites, by_model=by_model) for item, _ in own)
    elif len(own) > 1:
        yield DroppedChange(text=last.text, cites=cites, reason=f"{len(own)} items of the briefing have this name")
    elif own:
        yield from _update_value(*own[0], last, cites)
    elif len(last.value.split()) <= _MAX_VALUE_WORDS:
        text = f"{last.name}: {last.value}"
        yield Add(item_id=derived_id("f", last.key), section=SECTION, text=text, cites=cites)


def _withdrawal(
    item: BriefingItem, last: Statement, cites: tuple[str, ...], *, by_model: bool
) -> Delta | DroppedChange:
    """The item leaves, unless only a model says so and somebody else's word is on it."""
    if by_model and item.mark != PROPOSED:
        reason = f"only a model takes back “{item.text}”: it stays until a person does"
        return DroppedChange(text=last.text, cites=cites, reason=reason)
    return Resolve(item_id=item.item_id, was=item.text, cites=cites)


def _latest_run(history: Sequence[Statement]) -> tuple[str, ...]:
    """The entries that say the last word, without those before that said something else."""
    run: list[str] = []
    for statement in reversed(history):
        if (statement.kind, statement.value) != (history[-1].kind, history[-1].value):
            break
        run.insert(0, statement.entry_id)
    return tuple(dict.fromkeys(run))


def _update_value(item: BriefingItem, value: str, last: Statement, cites: tuple[str, ...]) -> Iterator[Delta]:
    """The item with the new value in its own shape; one that is right and cited needs nothing, unless it is a model's
    and somebody else says so, too."""
    if value == last.value and item.cites and not (item.awaits and set(cites) - set(item.cites)):
        return
    at = item.text.rfind(value)
    text = item.text[:at] + last.value + item.text[at + len(value) :]
    yield Update(item_id=item.item_id, was=item.text, text=text, cites=cites)
