"""How does a person see what a review proposes, and take some of it?

A proposal is a page of task-list items, each a change with its tick. What the change is, exactly, stands in a comment
at the end of its line; the words before it are for people. A tick taken out is a change not wanted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from handoff.briefing import Add, Delta, Resolve, Update
from handoff.errors import ProposalUnreadable
from handoff.marks.model_mark import read_mark
from handoff.review import BriefingProposal
from missions.one_line import shorten
from missions.plain_data import read_json

_KINDS: Mapping[str, type[Add] | type[Update] | type[Resolve]] = {"add": Add, "update": Update, "resolve": Resolve}
_HEAD = re.compile(r"<!-- shiftbook: proposal up to (?P<upto>[0-9a-f]{40}) -->")
_CHANGE = re.compile(r"- \[(?P<tick>[ xX])\] .*<!-- change: (?P<json>\{.*\}) -->[ \t]*")

_PAGE = """\
# Review: {name}

The review read {count} and proposes to change the briefing. Take out the `x` of what you do not want, commit and
push, then run `shiftbook digest accept --project {name}`. `shiftbook digest reject --project {name}` takes none of it.
Each line is taken as its comment says it; mend words in the briefing afterwards.

<!-- shiftbook: proposal up to {upto} -->

## Changes

{changes}

## For your eye

{notes}
"""


@dataclass(frozen=True, kw_only=True)
class ProposalPage:
    """A proposal as it was read: what is ticked, the ids of what is not, and the commit up to which it was made."""

    upto: str
    wanted: tuple[Delta, ...]
    unwanted: frozenset[str]


def render_page(
    proposal: BriefingProposal, *, name: str, upto: str, entries: Sequence[str], unwanted: Collection[str] = ()
) -> str:
    """The page; `entries` are the ids that were read, `unwanted` the ids of changes whose tick was taken out before."""
    changes = [
        f"- [{' ' if delta.item_id in unwanted else 'x'}] {describe_delta(delta)} <!-- change: {_json(delta)} -->"
        for delta in proposal.deltas
    ]
    notes = [f"- {note}" for note in remarks(proposal)]
    return _PAGE.format(
        name=name,
        count=f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'}",
        upto=upto,
        changes="\n".join(changes) or "None.",
        notes="\n".join(notes) or "Nothing.",
    )


def read_page(text: str) -> ProposalPage:
    """The page, also one that a person has edited; raises ProposalUnreadable with the line."""
    wanted: list[Delta] = []
    unwanted = set()
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        found = _CHANGE.fullmatch(line)
        if found is None and "<!-- change:" in line:
            raise ProposalUnreadable(line=number)
        delta = _parse_delta(found["json"], number) if found else None
        if found and delta:
            if found["tick"] == " ":
                unwanted.add(delta.item_id)
            else:
                wanted.append(delta)
    head = _HEAD.search(text)
    return ProposalPage(upto=head["upto"] if head else "", wanted=tuple(wanted), unwanted=frozenset(unwanted))


def describe_delta(delta: Delta) -> str:
    """One change in words."""
    cites = f" ({', '.join(delta.cites)})" if delta.cites else ""
    if isinstance(delta, Add):
        return f"add to {_one_line(delta.section)}: {_one_line(delta.text)}{_marked(delta)}{_instead(delta)}{cites}"
    if isinstance(delta, Resolve):
        return f"settled: {_one_line(delta.was)}{cites}"
    if delta.text.split() == delta.was.split():
        return f"said again: {_one_line(delta.text)}{_marked(delta)}{_instead(delta)}{cites}"
    return f"update: {_one_line(delta.was)} → {_one_line(delta.text)}{_marked(delta)}{_instead(delta)}{cites}"


def _marked(delta: Add | Update) -> str:
    return f" {delta.mark}" if read_mark(delta.mark) else ""


def _instead(delta: Add | Update) -> str:
    return f" in the place of “{_one_line(delta.instead)}” once it is confirmed" if delta.instead else ""


def remarks(proposal: BriefingProposal) -> Iterator[str]:
    """What a review found besides changes, and what it left out, each in a line."""
    for one in proposal.repeated_blockers:
        yield f"blocked again and again: {_one_line(one.text)} ({', '.join(one.cites)})"
    for turn in proposal.reversed_decisions:
        yield f"decided otherwise: {_one_line(turn.before)} → {_one_line(turn.after)} ({', '.join(turn.after_cites)})"
    for one in proposal.untaken_steps:
        yield f"nobody took this step: {_one_line(one.text)} ({', '.join(one.cites)})"
    for item in proposal.stale:
        yield f"no longer fits: {_one_line(item.text)}: {item.why}"
    for hurts in proposal.harmful:
        cites = f" ({', '.join(hurts.cites)})" if hurts.cites else ""
        yield f"hurts: {_one_line(hurts.text)}{cites}: {_one_line(hurts.why)}"
    for left in proposal.dropped_with_reason:
        # A small model can go on for pages: what it said is shown in short, the reason is what counts.
        yield f"left out: {_one_line(shorten(left.text, 100, words=True))}: {shorten(left.reason, 160, words=True)}"


def describe_counts(proposal: BriefingProposal) -> str:
    """How many changes of which kind, in words."""
    kinds = [(sum(isinstance(one, kind) for one in proposal.deltas), f"{name}d") for name, kind in _KINDS.items()]
    kinds[0] = (kinds[0][0], "added")
    return ", ".join(f"{number} {name}" for number, name in kinds if number) or "nothing to change"


def _one_line(words: str) -> str:
    """The words on one line, without anything that could end or open a comment."""
    return " ".join(words.split()).replace("<!--", "&lt;!--").replace("-->", "--&gt;")


def _json(delta: Delta) -> str:
    kind = next(name for name, known in _KINDS.items() if isinstance(delta, known))
    said = {name: value for name, value in vars(delta).items() if value or name != "instead"}
    return json.dumps({"kind": kind, **said}).replace("--", "\\u002d\\u002d")


def _parse_delta(text: str, line: int) -> Delta:
    try:
        given = read_json(text)
        kind, cites = _KINDS[given.pop("kind")], tuple(str(cite) for cite in given.pop("cites"))
        return kind(**{key: str(value) for key, value in given.items()}, cites=cites)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProposalUnreadable(line=line) from error
