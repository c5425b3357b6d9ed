"""How does a change of documents reach the branch that other people and nodes push to as well?

The change is a function of the newest state of the ledger. When somebody was faster it is worked out again on what they
pushed, so that nobody's edit is lost and nothing is done twice. An edit of a mission's text that somebody had open is
merged with what became of the file meanwhile; what cannot be kept goes to `conflicts/` in the same commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from missions.merging.file_diff import FILE, Conflict, changed, overwritten
from missions.merging.merge import merge
from missions.merging.merge_state import Version
from orchestrator.ledger import conflicts
from orchestrator.ledger.conflicts import Dispute
from orchestrator.ledger.snapshot import MISSIONS, Ledger, Reader
from orchestrator.ledger.transport import Bus
from sync.errors import StampAhead
from sync.hybrid_clock import Clock, Stamp, believed
from sync.objects import find, read_commit
from sync.publish import publish
from sync.remote import Oid, Refs, Update

LOOK_BACK = 200
"""Commits that are asked when each field was changed; older changes count as the oldest of these."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """Files to write (or, with None, to delete) and the words that say why."""

    files: Mapping[str, bytes | None]
    message: str


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What became of a file since a version of it: who changed which part, when, and in which commit."""

    stamps: Mapping[str, Stamp]
    commits: Mapping[str, Oid]
    newest: Stamp
    tip: Oid = ""

    def commit(self, part: str) -> Oid:
        """The commit that changed a part last."""
        return self.commits.get(part, self.commits.get(FILE, self.tip))


def land(bus: Bus, reader: Reader, draft: Callable[[Ledger], Draft | None]) -> Oid | None:
    """Commits what `draft` makes of the newest ledger; None when there is nothing to change.

    What it overwrites of a mission that somebody changed since it was worked out first goes to `conflicts/`.
    Raises what `draft` and the remote raise, and TooManyRaces.
    """
    first = _First()

    def plan(refs: Refs) -> list[Update]:
        ledger = reader.read(refs)
        made = draft(ledger)
        files = dict(made.files) | first.overwritten(bus, ledger, made.files) if made else {}
        changes = {path: data for path, data in files.items() if data != ledger.read(path)}
        if made is None or not changes:
            return []
        commit = bus.commit(changes, made.message, onto=ledger.tip, tree=ledger.tree)
        return [Update(ref=bus.main, expect=ledger.tip, new=commit)]

    moved = publish(bus.remote, plan, sleep=bus.sleep)
    return moved[0].new if moved else None


@dataclass(frozen=True, kw_only=True)
class _First:
    """The missions' files as a change was worked out on them first, before any lost race."""

    files: dict[str, bytes | None] = field(default_factory=dict)

    def overwritten(self, bus: Bus, ledger: Ledger, made: Mapping[str, bytes | None]) -> dict[str, bytes | None]:
        """What others changed since then and is not in what is written now, as documents."""
        told: dict[str, bytes | None] = {}
        for path, data in made.items():
            if not path.startswith(f"{MISSIONS}/"):
                continue
            there = ledger.read(path)
            before = self.files.setdefault(path, there)
            if before is None or there is None or data is None or there == before:
                continue
            lost = overwritten(before, there, data)
            if lost:
                past = since(bus, ledger, path, before)
                told |= written(_told(bus, path, one, past) for one in lost)
        return told


def edited(
    bus: Bus, ledger: Ledger, path: str, base: bytes, mine: bytes
) -> tuple[dict[str, bytes | None], list[Dispute]]:
    """The files that an edit leads to which was made of `base`, while the branch may have gone on.

    Returns them with what could not be kept, which is among the files already.
    """
    now = _now(bus)
    past = since(bus, ledger, path, base)
    my_stamp = _my_clock(bus, past.newest).tick(now).last
    there = ledger.read(path) or b""
    merged = merge(base, Version.of(mine, my_stamp), Version.of(there, past.newest, past.stamps))
    disputes = [_judged(bus, path, one, past, my_stamp) for one in merged.conflicts]
    return {path: merged.data, **written(disputes)}, disputes


def written(disputes: Iterable[Dispute]) -> dict[str, bytes | None]:
    """Disputes as files."""
    return {one.path: conflicts.render(one) for one in disputes}


def since(bus: Bus, ledger: Ledger, path: str, base: bytes) -> Changes:
    """What commits did to a file since it was `base`. Their times are believed within the clocks' drift."""
    now, stamps, commits = _now(bus), dict[str, Stamp](), dict[str, Oid]()
    newest, tip = Stamp(0, 0, ""), ""
    for number, oid in enumerate(ledger.store.history(ledger.tip, path)):
        here = _blob(ledger, oid, path)
        if here == base or number == LOOK_BACK:
            break
        commit = read_commit(ledger.store.get(oid))
        stamp = believed(Stamp(commit.committed * 1000, 0, commit.author), now)
        newest, tip = max(newest, stamp), tip or oid
        before = _blob(ledger, commit.parents[0], path) if commit.parents else b""
        for part in changed(before, here):
            stamps.setdefault(part, stamp)
            commits.setdefault(part, oid)
    return Changes(stamps=stamps, commits=commits, newest=newest, tip=tip)


def _blob(ledger: Ledger, commit: Oid, path: str) -> bytes:
    entry = find(ledger.store, read_commit(ledger.store.get(commit)).tree, path)
    return ledger.store.get(entry.oid) if entry else b""


def _now(bus: Bus) -> int:
    return int(bus.now().timestamp() * 1000)


def _my_clock(bus: Bus, seen: Stamp) -> Clock:
    """This speaker's clock: what it lands now is later than what it has fetched, on a machine that is slow, too."""
    clock = Clock.of(bus.name)
    try:
        return clock.observe(seen, _now(bus))
    except StampAhead:
        return clock


def _told(bus: Bus, path: str, one: Conflict, past: Changes) -> Dispute:
    """A value of others that this speaker has written over."""
    lost = past.stamps.get(one.part, past.newest)
    found = Conflict(part=one.part, kept=one.kept, lost=one.lost, kept_by=Stamp(0, 0, bus.name), lost_by=lost)
    return conflicts.dispute(conflicts.mission_of(path), found, month=_month(bus), lost_in=past.commit(one.part))


def _judged(bus: Bus, path: str, one: Conflict, past: Changes, mine: Stamp) -> Dispute:
    """A value that a merge did not keep, this speaker's or the others'."""
    commit = past.commit(one.part)
    ours = one.kept_by == mine
    return conflicts.dispute(
        conflicts.mission_of(path),
        one,
        month=_month(bus),
        kept_in="" if ours else commit,
        lost_in=commit if ours else "",
    )


def _month(bus: Bus) -> str:
    return f"{bus.now():%Y-%m}"
