"""Which lines does a field have after several people changed it?

Cases 2 to 4 of `missions.merging.merge`: the value and what stands around it on its line (a comment, the spacing) are
registers of their own, so that one person's comment and another's value both stay.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from missions.document import canonical
from missions.frontmatter import Scalar, newline_of, print_list
from missions.merging.merge_state import Stamp
from missions.merging.parsed_file import ParsedField

FieldEdit = tuple[tuple[int, int, Stamp, str], ParsedField | None]
"""A version's rank, and the field in it; None: it was taken out."""


@dataclass(frozen=True, kw_only=True)
class LostValue:
    """What was not kept."""

    text: str | None
    stamp: Stamp


def resolve_field(
    key: str, old: ParsedField | None, edits: Sequence[FieldEdit]
) -> tuple[ParsedField | None, Stamp, list[LostValue]]:
    """The field's lines, the stamp of its value, and who lost. `edits` has the versions that changed its lines."""
    ordered = sorted(edits, key=_edit_order)
    spoke = [edit for edit in ordered if _canonical_value(edit[1]) != _canonical_value(old)] or ordered
    rank, winner = spoke[-1]
    lists = _list_versions(old, spoke)
    if lists is not None and len({_canonical_value(chunk) for _, chunk in spoke}) > 1:
        items = _merge_items(*lists)
        removed = any(chunk is None for _, chunk in spoke)
        winner, losers = _list_field(key, items, ordered, old, keep_empty=not removed), list[LostValue]()
    else:
        winner = _keep_newest_comment(winner, old, ordered)
        losers = [
            LostValue(text=chunk.value if chunk else None, stamp=one[2])
            for one, chunk in spoke
            if _canonical_value(chunk) != _canonical_value(winner)
        ]
    losers += _lost_comments(ordered, winner, old)
    return winner, rank[2], list(dict.fromkeys(losers))


def _edit_order(edit: FieldEdit) -> tuple[tuple[int, int, Stamp, str], str, str]:
    rank, chunk = edit
    return rank, _canonical_value(chunk), chunk.raw if chunk else ""


def _canonical_value(chunk: ParsedField | None) -> str:
    return chunk.says if chunk else ""


def _list_versions(
    old: ParsedField | None, spoke: Sequence[FieldEdit]
) -> tuple[tuple[Scalar, ...], list[tuple[Scalar, ...]]] | None:
    """The base's words and those of each version; None if one of them is no list."""
    chunks = [old, *(chunk for _, chunk in spoke)]
    if any(chunk is not None and chunk.items is None for chunk in chunks):
        return None
    before, *after = ((chunk.items or ()) if chunk else () for chunk in chunks)
    return before, after


def _merge_items(before: tuple[Scalar, ...], after: Sequence[tuple[Scalar, ...]]) -> tuple[Scalar, ...]:
    """What stays of the base, then what is new. A word is known by how it is written as JSON: 1 is not "1"."""
    kept = [item for item in before if all(_contains_item(item, items) for items in after)]
    new = {json.dumps(item): item for items in after for item in items if not _contains_item(item, before)}
    return tuple(kept) + tuple(new[word] for word in sorted(new))


def _contains_item(item: Scalar, items: Sequence[Scalar]) -> bool:
    return json.dumps(item) in [json.dumps(one) for one in items]


def _list_field(
    key: str, items: tuple[Scalar, ...], ordered: Sequence[FieldEdit], old: ParsedField | None, *, keep_empty: bool
) -> ParsedField | None:
    """A list's line: as a version has it whose words these are, else written anew."""
    if not items and not keep_empty:
        return None
    wanted = sorted(map(json.dumps, items))
    same = [c for _, c in ordered if c is not None and sorted(map(json.dumps, c.items or ())) == wanted]
    if same:
        return same[-1]
    last = next(chunk for _, chunk in reversed([(None, old), *ordered]) if chunk is not None)
    singles = [chunk for _, chunk in ordered if chunk is not None and chunk.is_single_line]
    frame = singles[-1] if singles else None
    before = frame.before if frame else f"{last.raw[: len(last.raw) - len(last.raw.lstrip(' '))]}{key}: "
    source = print_list(items)
    after = frame.after if frame else newline_of(last.raw)
    says = json.dumps(canonical(list(items)), sort_keys=True)
    raw = before + source + after
    return ParsedField(raw=raw, says=says, items=items, before=before, source=source, after=after)


def _keep_newest_comment(
    winner: ParsedField | None, old: ParsedField | None, ordered: Sequence[FieldEdit]
) -> ParsedField | None:
    """The winner's value on the newest line: somebody else may have written a comment beside the old value."""
    if winner is None or old is None or not winner.is_single_line or not old.is_single_line:
        return winner
    around = [(c.before, c.after) for _, c in ordered if c is not None and c.is_single_line]
    around = [frame for frame in around if frame != (old.before, old.after)]
    if not around:
        return winner
    before, after = around[-1]
    before += "" if before.endswith((" ", "\t")) or not winner.source else " "
    raw = before + winner.source + after
    return replace(winner, raw=raw, before=before, after=after)


def _lost_comments(
    ordered: Sequence[FieldEdit], winner: ParsedField | None, old: ParsedField | None
) -> list[LostValue]:
    """Versions whose comments in these lines are not in what is kept."""
    known = (winner.raw if winner else "", old.raw if old else "")
    return [
        LostValue(text=chunk.raw.rstrip("\r\n"), stamp=rank[2])
        for rank, chunk in ordered
        if chunk is not None and any(all(words not in text for text in known) for words in _comments(chunk))
    ]


def _comments(chunk: ParsedField) -> list[str]:
    lines = [chunk.after] if chunk.is_single_line else chunk.raw.splitlines()
    return [line[line.index("#") :].strip() for line in lines if "#" in line]
