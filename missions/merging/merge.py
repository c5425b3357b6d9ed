"""What does a mission file say after two people, or a person and a node, changed it at the same time?

Field by field, then the text line by line. The rule is total, deterministic and symmetric; what it cannot keep it hands
back as a Conflict, so that nothing is lost. Its cases:

1. only one side changed the file: that side, byte for byte;
2. only one side changed a field: that side's, with the comment on its line;
3. a list: what either side added, without what either side took out; the base's order, then the new words by name;
4. a single value that both changed: the newer stamp's; with equal stamps (or none) the value that sorts last;
5. a node's field: the higher epoch's, whatever the clocks say; but a `status` that ends the mission goes before all;
6. comments and the fields' order, the person's text, the nodes' part: all hunks that do not overlap (`line_merge`);
7. a side that cannot be read, or no common base: one side's whole file, and the other one is the loser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from missions.fields import NODE_FIELDS
from missions.merging.field_merge import LostValue, resolve_field
from missions.merging.file_diff import FILE, HEAD, RESULT, TEXT, Conflict, changed_parts, display_value, try_parse_file
from missions.merging.line_merge import hunks, lines_of, merge_hunks
from missions.merging.merge_state import MergeState, Stamp, StampedVersion
from missions.merging.parsed_file import FIELD_MARK, ParsedField, ParsedFile
from missions.mission import FINISHED

Rank = tuple[int, int, Stamp, str]


@dataclass(frozen=True, kw_only=True)
class Merged:
    """The file, what was not kept, and when each changed part got its value (for the next merge)."""

    data: bytes
    conflicts: tuple[Conflict, ...] = ()
    stamps: Mapping[str, Stamp] = field(default_factory=dict)


def merge(base: bytes | None, ours: StampedVersion, theirs: StampedVersion) -> Merged:
    """Three-way merge; which side is called ours does not matter. Never raises."""
    return resolve_versions(MergeState.of(base or b"", ours).join(MergeState.of(base or b"", theirs)))


def resolve_versions(state: MergeState) -> Merged:
    """The file that a state stands for."""
    by_data: dict[bytes, StampedVersion] = {}
    for version in sorted(state.versions, key=lambda v: (v.stamp, sorted(v.stamps))):
        by_data[version.data] = version
    if len(by_data) < 2:
        data = next(iter(by_data), state.base)
        return Merged(data=data, stamps=_stamps(state.base, by_data.get(data)))
    versions = sorted(by_data.values(), key=_age_key)
    base, sides = try_parse_file(state.base), [(version, try_parse_file(version.data)) for version in versions]
    sound = [_Side(version=version, anatomy=anatomy) for version, anatomy in sides if anatomy is not None]
    if base is None or not state.base or not sound:
        return _take_newest_file([side.version for side in sound] or versions, versions)
    broken = [version for version, anatomy in sides if anatomy is None]
    merged = _PartsMerge(base=base, sides=sound).merged() if len(sound) > 1 else Merged(data=sound[0].version.data)
    if merged is None:
        return _take_newest_file([side.version for side in sound], versions)
    newest = sound[-1].version
    lost = [_file_conflict(merged.data, newest.stamp, version) for version in broken]
    return replace(merged, conflicts=(*merged.conflicts, *lost))


def _stamps(base: bytes, version: StampedVersion | None) -> dict[str, Stamp]:
    return {part: version.when(part) for part in changed_parts(base, version.data)} if version else {}


def _age_key(version: StampedVersion) -> tuple[Stamp, bytes]:
    return version.stamp, version.data


def _take_newest_file(eligible: Sequence[StampedVersion], versions: Sequence[StampedVersion]) -> Merged:
    """Case 7: one side's whole file."""
    winner = max(eligible, key=_age_key)
    lost = (_file_conflict(winner.data, winner.stamp, version) for version in versions if version is not winner)
    return Merged(data=winner.data, conflicts=tuple(lost))


def _file_conflict(kept: bytes, stamp: Stamp, version: StampedVersion) -> Conflict:
    texts = [data.decode("utf-8", "backslashreplace") for data in (kept, version.data)]
    return Conflict(part=FILE, kept=texts[0], lost=texts[1], kept_by=stamp, lost_by=version.stamp)


EPOCH = re.compile(r"[0-9]{1,18}")
"""An epoch that a node has written; a longer number is nobody's."""


@dataclass(frozen=True, kw_only=True)
class _Side:
    """A version that can be read."""

    version: StampedVersion
    anatomy: ParsedFile

    def rank(self, part: str, tie: str = "") -> Rank:
        """How much this side's word on a part counts; see cases 4 and 5."""
        ends = part == "status" and self._word("status").lower() in FINISHED
        number = self._word("epoch") if part in NODE_FIELDS or part == RESULT else "0"
        return int(ends), int(number) if EPOCH.fullmatch(number) else 0, self.version.when(part), tie

    def _word(self, key: str) -> str:
        return self.anatomy.chunks[key].says.strip('"') if key in self.anatomy.chunks else ""


@dataclass(kw_only=True)
class _PartsMerge:
    """Cases 2 to 6, for one base and two or more sides that can be read."""

    base: ParsedFile
    sides: Sequence[_Side]
    conflicts: list[Conflict] = field(default_factory=list)
    stamps: dict[str, Stamp] = field(default_factory=dict)

    def merged(self) -> Merged | None:
        """The file; None if the pieces do not make one that says what they say."""
        chunks = self._chunks()
        opening, closing = self._newest(HEAD, lambda anatomy: (anatomy.opening, anatomy.closing))
        text, nodes = self._woven(TEXT, lambda a: a.text), self._woven(RESULT, lambda a: a.nodes.rstrip("\r\n"))
        space = self._newest(TEXT, lambda anatomy: (anatomy.space,))[0]
        ends = self._newest(RESULT, lambda a: (a.nodes[len(a.nodes.rstrip("\r\n")) :],))[0]
        made = ParsedFile(
            mark=self._newest(HEAD, lambda anatomy: (anatomy.mark,))[0],
            opening=opening,
            skeleton=self._skeleton(chunks),
            chunks=chunks,
            closing=closing,
            text=text,
            space=space,
            nodes=nodes + ends if nodes else "",
        )
        made = _with_line_breaks(made, self._fence(made))
        read = try_parse_file(made.print().encode())
        if (
            read is None
            or read.text != text
            or {k: c.says for k, c in read.chunks.items()} != _canonical_values(chunks)
        ):
            return None
        return Merged(data=made.print().encode(), conflicts=tuple(self.conflicts), stamps=self.stamps)

    def _fence(self, made: ParsedFile) -> tuple[str, str]:
        if made.opening or not made.skeleton:
            return made.opening, made.closing
        fences = [(a.opening, a.closing) for a in (self.base, *(side.anatomy for side in self.sides)) if a.opening]
        return fences[-1]

    def _newest(self, part: str, of: Callable[[ParsedFile], tuple[str, ...]]) -> tuple[str, ...]:
        """A small piece as a register: of the sides that changed it, the newest."""
        there = [(side.rank(part), of(side.anatomy)) for side in self.sides if of(side.anatomy) != of(self.base)]
        return max(there)[1] if there else of(self.base)

    def _chunks(self) -> dict[str, ParsedField]:
        """The fields that there are, with their lines."""
        found: dict[str, ParsedField] = {}
        for key in sorted({*self.base.chunks, *(key for side in self.sides for key in side.anatomy.chunks)}):
            old = self.base.chunks.get(key)
            edits = [(side.rank(key), side.anatomy.chunks.get(key)) for side in self.sides]
            edits = [(rank, chunk) for rank, chunk in edits if chunk != old]
            if not edits:
                kept = old
            else:
                kept, stamp, losers = resolve_field(key, old, edits)
                self.stamps[key] = stamp
                self.conflicts += [_field_conflict(key, kept, stamp, loser) for loser in losers]
            if kept is not None:
                found[key] = kept
        return found

    def _skeleton(self, chunks: Mapping[str, ParsedField]) -> tuple[str, ...]:
        """Comments and fields in their order, each field that there is once."""
        edits = [
            (side.rank(HEAD), hunk) for side in self.sides for hunk in hunks(self.base.skeleton, side.anatomy.skeleton)
        ]
        woven, lost = merge_hunks(self.base.skeleton, edits)
        for one in lost:
            words = [line for line in one.hunk.lines if line.strip() and not line.startswith(FIELD_MARK)]
            if words:
                kept = "".join(line for line in one.winner.lines if not line.startswith(FIELD_MARK))
                self._tell(HEAD, kept, "".join(words), one.winners_rank, one.rank)
        wanted = [
            *dict.fromkeys(line for line in woven if line.startswith(FIELD_MARK)),
            *(FIELD_MARK + key for key in chunks),
        ]
        places = {line: n for n, line in reversed(list(enumerate([*woven, *wanted])))}
        every = [*woven, *wanted]
        return tuple(
            line
            for n, line in enumerate(every)
            if not line.startswith(FIELD_MARK) or (line[1:] in chunks and places[line] == n)
        )

    def _woven(self, part: str, of: Callable[[ParsedFile], str]) -> str:
        """A text as all sides left it."""
        end = self.base.line_break
        old = _terminated_lines(of(self.base), end)
        news = [(side.rank(part), _terminated_lines(of(side.anatomy), end)) for side in self.sides]
        if not old:  # each added the same first lines, which then count as there
            old = _common_prefix([lines for _, lines in news if lines])
            news = [(rank, lines) for rank, lines in news if lines]
        edits = [(rank, hunk) for rank, lines in news for hunk in hunks(old, lines)]
        woven, lost = merge_hunks(old, edits)
        for one in lost:
            self._tell(part, "".join(one.winner.lines), "".join(one.hunk.lines), one.winners_rank, one.rank)
        if edits:
            self.stamps[part] = max(rank for rank, _ in edits)[2]
        return "".join(woven).rstrip("\r\n")

    def _tell(self, part: str, kept: str, lost: str, winner: Rank, loser: Rank) -> None:
        texts = kept.rstrip("\r\n") or None, lost.rstrip("\r\n") or None
        self.conflicts.append(Conflict(part=part, kept=texts[0], lost=texts[1], kept_by=winner[2], lost_by=loser[2]))


def _field_conflict(key: str, kept: ParsedField | None, stamp: Stamp, loser: LostValue) -> Conflict:
    return Conflict(part=key, kept=display_value(kept), lost=loser.text, kept_by=stamp, lost_by=loser.stamp)


def _canonical_values(chunks: Mapping[str, ParsedField]) -> dict[str, str]:
    return {key: chunk.says for key, chunk in chunks.items()}


def _with_line_breaks(made: ParsedFile, fence: tuple[str, str]) -> ParsedFile:
    """The pieces with the line breaks that they need between them."""
    end = made.line_break
    opening, closing = fence
    closing += end if closing and not closing.endswith("\n") and (made.text or made.nodes) else ""
    space = made.space if "\n" in made.space or not made.nodes else made.space + end * 2
    return replace(made, opening=opening, closing=closing, space=space)


def _terminated_lines(text: str, end: str) -> tuple[str, ...]:
    return lines_of(text + end) if text else ()


def _common_prefix(texts: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    if len(texts) < 2:
        return ()
    first = texts[0]
    return first[
        : next((n for n, line in enumerate(first) if any(line not in t[n : n + 1] for t in texts)), len(first))
    ]
