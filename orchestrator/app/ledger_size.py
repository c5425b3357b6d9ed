"""How large has the ledger grown, and from when on is something to be done about it?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.ledger import session_logs
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.transport import CLAIM, LATE
from sync.git import MAX_LOOSE_OBJECTS, Git

MAX_REFS, MAX_PACKS, MAX_STORE_MIB, MAX_OPEN_MISSIONS, MAX_LOG_MIB, MAX_MISSIONS_A_MONTH = (
    1000,
    50,
    2048,
    1000,
    8,
    20_000,
)
"""Live refs, packs and MiB of a repository, open missions, MiB of a running log, missions in one month: up to here a
claim, a fold and a look cost about what they cost in a young ledger (docs/operating.md has the measurements)."""


@dataclass(frozen=True, kw_only=True)
class SizeWarning:
    """Something above its limit, and what to do."""

    says: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class RepositorySize:
    """What one repository takes. `where` says whose it is."""

    where: str
    folder: Path
    loose: int
    packed: int
    packs: int
    mib: float

    @classmethod
    def of(cls, where: str, folder: Path) -> RepositorySize:
        """Counts. Raises GitError when the folder is no repository."""
        found = Git(folder).counted()
        mib = (found["size"] + found["size-pack"]) / 1024
        return cls(
            where=where, folder=folder, loose=found["count"], packed=found["in-pack"], packs=found["packs"], mib=mib
        )

    @property
    def says(self) -> str:
        """In words."""
        return f"{self.where} {self.mib:,.1f} MiB in {self.loose:,} loose objects and {self.packs:,} packs"


def summary(ledger: LedgerSnapshot, disks: list[RepositorySize]) -> str:
    """The ledger in one line."""
    folders = {label: len(files) for label, files in ledger.archive.folders}
    finished, newest = sum(folders.values()), max(folders.values(), default=0)
    parts = [
        f"{len(ledger.open):,} open and {finished:,} finished missions",
        f"{len(folders)} days or months, the largest {newest:,}" if folders else "",
        f"{len(ledger.refs):,} refs",
        f"journal {sum(_log_sizes(ledger).values()):,.1f} MiB",
        *(disk.says for disk in disks),
    ]
    return " · ".join(part for part in parts if part)


def size_warnings(ledger: LedgerSnapshot, disks: list[RepositorySize]) -> Iterator[SizeWarning]:
    """Everything that is above its limit."""
    for disk in disks:
        yield from _repository_warnings(disk)
    yield from _ref_warnings(ledger)
    if len(ledger.open) > MAX_OPEN_MISSIONS:
        yield SizeWarning(
            says=f"{len(ledger.open):,} open missions: every node reads them all at every change",
            remedy="`shiftbook mission list` shows what waits; cancel what nobody wants any more",
        )
    for path, mib in _log_sizes(ledger).items():
        if mib > MAX_LOG_MIB and "/log/" not in f"/{path}":
            yield SizeWarning(
                says=f"{path} has {mib:,.1f} MiB, which each fold writes anew",
                remedy="nodes move older months to log/ by themselves; is one running (`shiftbook fleet`)?",
            )
    for month, count in _missions_by_month(ledger).items():
        if count > MAX_MISSIONS_A_MONTH:
            yield SizeWarning(
                says=f"{month} has {count:,} finished missions: each fold of that month writes the list of them anew",
                remedy="`shiftbook doctor --migrate` puts the archive into folders that stay small",
            )


def _repository_warnings(disk: RepositorySize) -> Iterator[SizeWarning]:
    if disk.loose > MAX_LOOSE_OBJECTS or disk.packs > MAX_PACKS:
        yield SizeWarning(
            says=f"{disk.where} has {disk.loose:,} loose objects and {disk.packs:,} packs",
            remedy=f"`git -C {disk.folder} gc`; it may be done while nodes work",
        )
    if disk.mib > MAX_STORE_MIB:
        yield SizeWarning(
            says=f"{disk.where} takes {disk.mib:,.0f} MiB",
            remedy=f"`git -C {disk.folder} gc`, then look for large diffs and outputs in missions/archive/",
        )


def _ref_warnings(ledger: LedgerSnapshot) -> Iterator[SizeWarning]:
    if len(ledger.refs) <= MAX_REFS:
        return
    kinds = Counter("late" if ref.startswith(LATE) else "claim" if ref.startswith(CLAIM) else "" for ref in ledger.refs)
    if kinds["late"] >= kinds["claim"]:
        remedy = "late work that was looked at goes with `git push URL --delete refs/shiftbook/late/NAME`"
    else:
        remedy = "claims go when they are folded: is a node running that does it (`shiftbook fleet`)?"
    yield SizeWarning(says=f"{len(ledger.refs):,} live refs, which every fetch lists", remedy=remedy)


def _missions_by_month(ledger: LedgerSnapshot) -> dict[str, int]:
    """Of a ledger whose archive lies by months; days are small by themselves."""
    return {month: len(blobs) for month, blobs in ledger.archive.months}


def _log_sizes(ledger: LedgerSnapshot) -> dict[str, float]:
    """MiB of each file of the journal."""
    files = session_logs.files(ledger.store, ledger.tree)
    return {file.path: ledger.store.size(file.oid) / 2**20 for file in files}
