"""Which lines does a field have after several people changed it?

Cases 2 to 4 of `missions.merge`: the value and what stands around it on its line (a comment, the spacing) are registers
of their own, so that one person's comment and another's value both stay.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from missions.document import canonical
from missions.frontmatter import Scalar, newline_of, print_list
from missions.merging.merge_state import Stamp
from missions.merging.parsed_file import Chunk

Edit = tuple[tuple[int, int, Stamp, str], Chunk | None]
"""A version's rank, and the field in it; None: it was taken out."""


@dataclass(frozen=True, kw_only=True)
class Loser:
    """What was not kept."""

    text: str | None
    stamp: Stamp


def settled(key: str, old: Chunk | None, edits: Sequence[Edit]) -> tuple[Chunk | None, Stamp, list[Loser]]:
    """The field's lines, the stamp of its value, and who lost. `edits` has the versions that changed its lines."""
    ordered = sorted(edits, key=_order)
    spoke = [edit for edit in ordered if _says(edit[1]) != _says(old)] or ordered
    rank, winner = spoke[-1]
    lists = _lists(old, spoke)
    if lists is not None and len({_says(chunk) for _, chunk in spoke}) > 1:
        items = _united(*lists)
        removed = any(chunk is None for _, chunk in spoke)
        winner, losers = _listed(key, items, ordered, old, keep_empty=not removed), list[Loser]()
    else:
        winner = _framed(winner, old, ordered)
        losers = [
            Loser(text=chunk.value if chunk else None, stamp=one[2])
            for one, chunk in spoke
            if _says(chunk) != _says(winner)
        ]
    losers += _unheard(ordered, winner, old)
    return winner, rank[2], list(dict.fromkeys(losers))


def _order(edit: Edit) -> tuple[tuple[int, int, Stamp, str], str, str]:
    rank, chunk = edit
    return rank, _says(chunk), chunk.raw if chunk else ""


def _says(chunk: Chunk | None) -> str:
    return chunk.says if chunk else ""


def _lists(old: Chunk | None, spoke: Sequence[Edit]) -> tuple[tuple[Scalar, ...], list[tuple[Scalar, ...]]] | None:
    """The base's words and those of each version; None if one of them is no list."""
    chunks = [old, *(chunk for _, chunk in spoke)]
    if any(chunk is not None and chunk.items is None for chunk in chunks):
        return None
    before, *after = ((chunk.items or ()) if chunk else () for chunk in chunks)
    return before, after


def _united(before: tuple[Scalar, ...], after: Sequence[tuple[Scalar, ...]]) -> tuple[Scalar, ...]:
    """What stays of the base, then what is new. A word is known by how it is written as JSON: 1 is not "1"."""
    kept = [item for item in before if all(_known(item, items) for items in after)]
    new = {json.dumps(item): item for items in after for item in items if not _known(item, before)}
    return tuple(kept) + tuple(new[word] for word in sorted(new))


def _known(item: Scalar, items: Sequence[Scalar]) -> bool:
    return json.dumps(item) in [json.dumps(one) for one in items]


def _listed(
    key: str, items: tuple[Scalar, ...], ordered: Sequence[Edit], old: Chunk | None, *, keep_empty: bool
) -> Chunk | None:
    """A list's line: as a version has it whose words these are, else written anew."""
    if not items and not keep_empty:
        return None
    wanted = sorted(map(json.dumps, items))
    same = [c for _, c in ordered if c is not None and sorted(map(json.dumps, c.items or ())) == wanted]
    if same:
        return same[-1]
    last = next(chunk for _, chunk in reversed([(None, old), *ordered]) if chunk is not None)
    singles = [chunk for _, chunk in ordered if chunk is not None and chunk.single]
    frame = singles[-1] if singles else None
    before = frame.before if frame else f"{last.raw[: len(last.raw) - len(last.raw.lstrip(' '))]}{key}: "
    source = print_list(items)
    after = frame.after if frame else newline_of(last.raw)
    says = json.dumps(canonical(list(items)), sort_keys=True)
    raw = before + source + after
    return Chunk(raw=raw, says=says, items=items, before=before, source=source, after=after)


def _framed(winner: Chunk | None, old: Chunk | None, ordered: Sequence[Edit]) -> Chunk | None:
    """The winner's value on the newest line: somebody else may have written a comment beside the old value."""
    if winner is None or old is None or not winner.single or not old.single:
        return winner
    around = [(c.before, c.after) for _, c in ordered if c is not None and c.single]
    around = [frame for frame in around if frame != (old.before, old.after)]
    if not around:
        return winner
    before, after = around[-1]
    before += "" if before.endswith((" ", "\t")) or not winner.source else " "
    raw = before + winner.source + after
    return replace(winner, raw=raw, before=before, after=after)


def _unheard(ordered: Sequence[Edit], winner: Chunk | None, old: Chunk | None) -> list[Loser]:
    """Versions whose comments in these lines are not in what is kept."""
    known = (winner.raw if winner else "", old.raw if old else "")
    return [
        Loser(text=chunk.raw.rstrip("\r\n"), stamp=rank[2])
        for rank, chunk in ordered
        if chunk is not None and any(all(words not in text for text in known) for words in _comments(chunk))
    ]


def _comments(chunk: Chunk) -> list[str]:
    lines = [chunk.after] if chunk.single else chunk.raw.splitlines()
    return [line[line.index("#") :].strip() for line in lines if "#" in line]
