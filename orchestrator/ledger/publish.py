"""How is a change of documents published on the branch that other people and nodes push to as well?

The change is a function of the newest state of the ledger. When somebody was faster it is worked out again on what they
pushed, so that nobody's edit is lost and nothing is done twice. An edit of a mission's text that somebody had open is
merged with what became of the file meanwhile; what cannot be kept goes to `conflicts/` in the same commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from missions.merging.file_diff import FILE, Conflict, changed_parts, overwritten_values
from missions.merging.merge import merge
from missions.merging.merge_state import StampedVersion
from orchestrator.ledger import conflicts
from orchestrator.ledger.archive import mission_bytes
from orchestrator.ledger.conflicts import UnresolvedConflict
from orchestrator.ledger.snapshot import MISSIONS, LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from sync.errors import StampAhead
from sync.hybrid_clock import HybridClock, Stamp, clamp_drift
from sync.objects import find, load_commit
from sync.remote import Oid, Refs, RefUpdate

MAX_COMMITS = 200
"""Commits that are asked when each field was changed; older changes count as the oldest of these."""


@dataclass(frozen=True, kw_only=True)
class LedgerChange:
    """Files to write (or, with None, to delete) and the words that say why. `refs` move in the same push, or nothing
    does."""

    files: Mapping[str, bytes | None]
    message: str
    refs: tuple[RefUpdate, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FileHistory:
    """What became of a file since a version of it: who changed which part, when, and in which commit."""

    stamps: Mapping[str, Stamp]
    commits: Mapping[str, Oid]
    newest: Stamp
    tip: Oid = ""

    def commit(self, part: str) -> Oid:
        """The commit that changed a part last."""
        return self.commits.get(part, self.commits.get(FILE, self.tip))


def commit_change(
    bus: Transport, reader: SnapshotReader, draft: Callable[[LedgerSnapshot], LedgerChange | None]
) -> Oid | None:
    """Commits what `draft` makes of the newest ledger; None when there is nothing to change.

    What it overwrites of a mission that somebody changed since it was worked out first goes to `conflicts/`.
    Raises what `draft` and the remote raise, and TooManyRaces.
    """
    first = _FirstVersions()

    def plan(refs: Refs) -> list[RefUpdate]:
        ledger = reader.read(refs)
        made = draft(ledger)
        files = dict(made.files) | first.overwritten(bus, ledger, made.files) if made else {}
        changes = {path: data for path, data in files.items() if data != ledger.read(path)}
        if made is None or not changes:
            return []
        commit = bus.commit(changes, made.message, onto=ledger.tip, tree=ledger.tree)
        return [RefUpdate(ref=bus.main, expect=ledger.tip, new=commit), *made.refs]

    moved = bus.publish(plan)
    return moved[0].new if moved else None


@dataclass(frozen=True, kw_only=True)
class _FirstVersions:
    """The missions' files as a change was worked out on them first, before any lost race."""

    files: dict[str, bytes | None] = field(default_factory=dict)

    def overwritten(
        self, bus: Transport, ledger: LedgerSnapshot, made: Mapping[str, bytes | None]
    ) -> dict[str, bytes | None]:
        """What others changed since then and is not in what is written now, as documents."""
        told: dict[str, bytes | None] = {}
        for path, data in made.items():
            if not path.startswith(f"{MISSIONS}/"):
                continue
            there = ledger.read(path)
            before = self.files.setdefault(path, there)
            if before is None or there is None or data is None or there == before:
                continue
            lost = overwritten_values(before, there, data)
            if lost:
                past = file_history(bus, ledger, path, before)
                told |= conflict_files(_overwrite_conflict(bus, path, one, past) for one in lost)
        return told


def merge_edit(
    bus: Transport, ledger: LedgerSnapshot, path: str, base: bytes, mine: bytes
) -> tuple[dict[str, bytes | None], list[UnresolvedConflict]]:
    """The files that an edit leads to which was made of `base`, while the branch may have gone on.

    Returns them with what could not be kept, which is among the files already.
    """
    now = _now_ms(bus)
    past = file_history(bus, ledger, path, base)
    my_stamp = _own_clock(bus, past.newest).tick(now).last
    there = ledger.read(path) or b""
    merged = merge(base, StampedVersion.of(mine, my_stamp), StampedVersion.of(there, past.newest, past.stamps))
    disputes = [_merge_conflict(bus, path, one, past, my_stamp) for one in merged.conflicts]
    return {path: merged.data, **conflict_files(disputes)}, disputes


def conflict_files(disputes: Iterable[UnresolvedConflict]) -> dict[str, bytes | None]:
    """Disputes as files."""
    return {one.path: conflicts.render(one) for one in disputes}


def file_history(bus: Transport, ledger: LedgerSnapshot, path: str, base: bytes) -> FileHistory:
    """What commits did to a file since it was `base`. Their times are believed within the clocks' drift."""
    now, stamps, commits = _now_ms(bus), dict[str, Stamp](), dict[str, Oid]()
    newest, tip = Stamp(0, 0, ""), ""
    for number, oid in enumerate(ledger.store.history(ledger.tip, path)):
        here = _file_at(ledger, oid, path)
        if here == base or number == MAX_COMMITS:
            break
        commit = load_commit(ledger.store, oid)
        stamp = clamp_drift(Stamp(commit.committed * 1000, 0, commit.author), now)
        newest, tip = max(newest, stamp), tip or oid
        before = _file_at(ledger, commit.parents[0], path) if commit.parents else b""
        for part in changed_parts(before, here):
            stamps.setdefault(part, stamp)
            commits.setdefault(part, oid)
    return FileHistory(stamps=stamps, commits=commits, newest=newest, tip=tip)


def _file_at(ledger: LedgerSnapshot, commit: Oid, path: str) -> bytes:
    entry = find(ledger.store, load_commit(ledger.store, commit).tree, path)
    return (mission_bytes(ledger.store, entry.oid) if entry else None) or b""


def _now_ms(bus: Transport) -> int:
    return int(bus.now().timestamp() * 1000)


def _own_clock(bus: Transport, seen: Stamp) -> HybridClock:
    """This speaker's clock: what it lands now is later than what it has fetched, on a machine that is slow, too."""
    clock = HybridClock.of(bus.name)
    try:
        return clock.observe(seen, _now_ms(bus))
    except StampAhead:
        return clock


def _overwrite_conflict(bus: Transport, path: str, one: Conflict, past: FileHistory) -> UnresolvedConflict:
    """A value of others that this speaker has written over."""
    lost = past.stamps.get(one.part, past.newest)
    found = Conflict(part=one.part, kept=one.kept, lost=one.lost, kept_by=Stamp(0, 0, bus.name), lost_by=lost)
    return conflicts.unresolved_conflict(
        conflicts.mission_of(path), found, day=_day(bus), lost_in=past.commit(one.part)
    )


def _merge_conflict(bus: Transport, path: str, one: Conflict, past: FileHistory, mine: Stamp) -> UnresolvedConflict:
    """A value that a merge did not keep, this speaker's or the others'."""
    commit = past.commit(one.part)
    ours = one.kept_by == mine
    return conflicts.unresolved_conflict(
        conflicts.mission_of(path),
        one,
        day=_day(bus),
        kept_in="" if ours else commit,
        lost_in=commit if ours else "",
    )


def _day(bus: Transport) -> str:
    return f"{bus.now():%Y/%m/%d}"
