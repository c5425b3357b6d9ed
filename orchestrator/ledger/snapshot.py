"""A snapshot of the shared repository: one fetch's refs, read into values."""

from __future__ import annotations

import re
from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from handoff.encoding import readable_text
from missions.mission import FINISHED, Mission, Quarantined, Status, name_of_file
from missions.selection import dependency_cycles
from missions.template_fields import TEMPLATES_FOLDER
from orchestrator.ledger.archive import (
    ARCHIVE_FOLDER,
    Archive,
    ArchiveReader,
    finished_text,
    folder_path,
    front_matter_value,
    mission_bytes,
    read_mission,
)
from orchestrator.ledger.claim_reader import CLAIM_FILE as CLAIM_FILE
from orchestrator.ledger.claim_reader import MAX_CLAIM_BYTES as MAX_CLAIM_BYTES
from orchestrator.ledger.claim_reader import ClaimReader
from orchestrator.ledger.claim_reader import HeldClaim as HeldClaim
from orchestrator.ledger.config.fleet_toml import FleetConfig
from orchestrator.ledger.file_history.confirmation_signers import ConfirmationSigners
from orchestrator.ledger.file_history.copied_fields import FieldOwners, OwnFields
from orchestrator.ledger.file_history.departed_missions import DepartedMissions, Found, left_or_reset
from orchestrator.ledger.file_history.name_twins import NameTwins
from orchestrator.ledger.file_history.recent_changes import MISSIONS as MISSIONS
from orchestrator.ledger.file_history.recent_changes import RecentChanges
from orchestrator.ledger.transport import BEAT, LATE
from orchestrator.ledger.trust.root import TrustRoot
from sync.objects import (
    EXECUTABLE,
    FILE,
    FOLDER,
    SUBMODULE,
    SYMLINK,
    TreeEntry,
    find,
    folder_entries,
    load_commit,
)
from sync.remote import ObjectStore, Oid, Refs

MAX_TEXT_BYTES = 32 * 1024 * 1024
"""Bytes of a document that is read: the largest is a running log."""


@dataclass(frozen=True, kw_only=True)
class MissionFile:
    """A mission file that can be read: its value, its path and its blob."""

    mission: Mission
    path: str
    blob: Oid
    copied: tuple[str, ...] = ()
    """Nodes' fields that the file came with, so that no node has said them of this mission: they do not count."""


@dataclass(frozen=True, kw_only=True)
class LedgerSnapshot:
    """Everything that one fetch showed."""

    store: ObjectStore
    refs: Refs
    tip: Oid
    tree: Oid
    charter: FleetConfig
    signers: str
    alarms: tuple[str, ...]
    """What stands on the branch and is not followed, in words."""
    open: Mapping[str, MissionFile]
    quarantined: tuple[Quarantined, ...]
    claims: Mapping[str, HeldClaim]
    unreadable_claims: Mapping[str, str]
    """Claim refs that cannot be read, with the reason."""
    archive: Archive
    departed: DepartedMissions
    confirmations: ConfirmationSigners

    @cached_property
    def ended_claims(self) -> tuple[HeldClaim, ...]:
        """The claims on attempts that are over, which wait for a fold."""
        return tuple(held for held in self.claims.values() if held.claim.closed)

    @cached_property
    def unclaimed(self) -> tuple[MissionFile, ...]:
        """The open missions on which no claim stands, not even one that cannot be read."""
        return tuple(
            filed for name, filed in self.open.items() if name not in self.claims and name not in self.unreadable_claims
        )

    @cached_property
    def open_and_over(self) -> tuple[MissionFile, ...]:
        """Files among the open ones that say that their mission is over."""
        return tuple(filed for filed in self.open.values() if filed.mission.status in FINISHED)

    @property
    def beats(self) -> dict[str, Oid]:
        """Where each node's beat stands."""
        return {ref.removeprefix(BEAT): oid for ref, oid in self.refs.items() if ref.startswith(BEAT)}

    @property
    def late(self) -> dict[str, Oid]:
        """Late work by its ref's last part."""
        return {ref.removeprefix(LATE): oid for ref, oid in self.refs.items() if ref.startswith(LATE)}

    def read(self, path: str) -> bytes | None:
        """A file on the branch; None when there is none."""
        entry = find(self.store, self.tree, path)
        return self.store.get(entry.oid, MAX_TEXT_BYTES) if entry and entry.mode in (FILE, EXECUTABLE) else None

    @property
    def has_conflicts(self) -> bool:
        """Whether something may wait in `conflicts/`: what reads those takes a tenth of a list's time to load."""
        return find(self.store, self.tree, "conflicts") is not None

    def text(self, path: str) -> str:
        """A document's text; empty when there is none."""
        return readable_text(self.read(path) or b"")

    def attempt_text(self, mission: Mission, ending: str) -> str:
        """What the newest attempt left that left a file with this ending, such as `diff`; empty where none did."""
        return self.text(self.newest_attempt_path(mission, ending))

    def newest_attempt_path(self, mission: Mission, ending: str) -> str:
        """Where that stands; empty where none left one."""
        paths = (self._attempt_path(mission, number, ending) for number in range(mission.attempt, 0, -1))
        return next((path for path in paths if path and self.text(path)), "")

    def attempt_file(self, mission: Mission, number: int, ending: str) -> str:
        """What one attempt left; empty where it left nothing with this ending."""
        return self.text(self._attempt_path(mission, number, ending))

    def last_attempt_place(self, mission: Mission, ending: str) -> tuple[str, Oid] | None:
        """The path and blob of what the last attempt that ended left with this ending; of no earlier one."""
        return self.archive.attempt_file(mission.name, f"{mission.attempt}.{ending}")

    def _attempt_path(self, mission: Mission, number: int, ending: str) -> str:
        month = f"{mission.finished:%Y-%m}" if mission.finished else ""
        # An older ledger's file counts before the index: what people look at is not exchanged by an entry beside it.
        by_month = f"{ARCHIVE_FOLDER}/{month}/{mission.name}.{number}.{ending}"
        indexed = self.archive.attempt_file(mission.name, f"{number}.{ending}")
        return by_month if self.text(by_month) or not indexed else indexed[0]

    def archived(self, name: str) -> MissionFile | None:
        """A finished mission by name."""
        path, blob, found = self.archive.mission(name) or ("", "", None)
        return MissionFile(mission=found, path=path, blob=blob) if isinstance(found, Mission) else None

    def deleted(self, name: str) -> bool:
        """Whether a mission that was claimed has no file any more: neither open, nor broken, nor archived."""
        broken = any(bad.name == name for bad in self.quarantined)
        return name not in self.open and not broken and self.archive.find(name) is None

    def departed_epoch(self, mission: Mission) -> int:
        """The last epoch of the missions that had its name before, and that a person took away; 0 where none did."""
        return self.departed.epoch(mission, self.tip)

    def every_archived(self, *, statuses: Collection[str] = (), limit: int = 0) -> Iterator[MissionFile | Quarantined]:
        """Finished missions, newest day first: all, or those of some states; with `limit`, so many of the newest."""
        left = limit
        for label, folder in self.archive.folders:
            self.store.warm(folder.values())
            files = (
                (f"{folder_path(label, folder)}/{folder.path(name)}", blob, mission_bytes(self.store, blob) or b"")
                for name, blob in folder.items()
            )
            for path, blob, data in sorted(files, key=_finished_value, reverse=True) if limit else files:
                if statuses and front_matter_value(_STATUS_LINE, data).decode() not in {"", *statuses}:
                    continue
                found = read_mission(self.store, path, blob)
                if isinstance(found, Mission) and statuses and found.status.value not in statuses:
                    continue
                yield MissionFile(mission=found, path=path, blob=blob) if isinstance(found, Mission) else found
                left -= 1
                if left == 0:
                    return

    def folded_epoch(self, name: str) -> int:
        """The last epoch of a mission that the branch knows the end of; 0 when there is none."""
        filed = self.open.get(name) or self.archived(name)
        return filed.mission.epoch if filed else 0

    def finished(self, names: Iterable[str]) -> set[str]:
        """Those of `names` that are archived as done."""
        found = ((name, self.archived(name)) for name in names)
        return {name for name, filed in found if filed and filed.mission.status is Status.DONE}


_STATUS_LINE = re.compile(rb"^status: ([a-z]+)\r?$", re.MULTILINE)
"""As nodes write it: what can be told by this line need not be parsed."""


def _finished_value(file: tuple[str, Oid, bytes]) -> bytes:
    return finished_text(file[2])


@dataclass
class SnapshotReader:
    """Reads ledgers, keeping what it has parsed: blobs and commits never change, so their meaning doesn't either."""

    store: ObjectStore
    constitution: TrustRoot
    branch: str = "main"
    _entries: dict[str, TreeEntry] = field(default_factory=dict)
    """What stood in `missions/`."""
    _found: tuple[Oid, list[Found]] = ("", [])
    """What there was in a folder `missions/`, the plainest spelling of a name first."""
    _twin_paths: dict[str, list[str]] = field(default_factory=dict)
    """The names under which several of these stand, each with their paths."""
    _own: dict[str, tuple[OwnFields, MissionFile]] = field(default_factory=dict)
    """By path, what of each mission's fields is its own, and the file that comes of it."""
    _last: LedgerSnapshot | None = None

    def __post_init__(self) -> None:
        self._librarian = ArchiveReader(self.store)
        self._claims = ClaimReader(self.store)
        self._twins = NameTwins(self.store)
        self._owners = FieldOwners(self.store)
        self._departed = DepartedMissions(self.store)
        self._confirmations = ConfirmationSigners(self.store)

    def read(self, refs: Refs) -> LedgerSnapshot:
        """The ledger behind these refs. Raises BrokenLedger when `fleet.toml` is missing or wrong."""
        tip = refs[f"refs/heads/{self.branch}"]
        held, junk = self._claims.read(refs)
        last = self._last
        if last is None or last.tip != tip:
            tree = load_commit(self.store, tip).tree
            in_force = self.constitution.in_force(tip)
            last = self._with_missions(
                LedgerSnapshot(
                    store=self.store,
                    refs=refs,
                    tip=tip,
                    tree=tree,
                    charter=in_force.charter,
                    signers=in_force.signers,
                    alarms=in_force.alarms,
                    open={},
                    quarantined=(),
                    claims=held,
                    unreadable_claims=junk,
                    archive=self._librarian.read(tree),
                    departed=self._departed,
                    confirmations=self._confirmations,
                )
            )
        elif self._claims_decide(last, held):
            last = self._with_missions(replace(last, refs=refs, claims=held, unreadable_claims=junk))
        else:
            last = replace(last, refs=refs, claims=held, unreadable_claims=junk)
        self._last = last
        return last

    def _claims_decide(self, last: LedgerSnapshot, held: Mapping[str, HeldClaim]) -> bool:
        """Whether other claims than those of the last look may say which of two files is read: where both came at once,
        it is the one that was claimed."""
        return any(last.claims.get(name) != held.get(name) for name in self._twin_paths)

    def _with_missions(self, ledger: LedgerSnapshot) -> LedgerSnapshot:
        entry = find(self.store, ledger.tree, MISSIONS)
        recent = RecentChanges(self.store, ledger.tip)
        if entry is None or entry.oid != self._found[0]:
            self._read_folder(entry, recent)
        before = self._twins.files_before(recent, self._found[0], self._twin_paths.values())
        return _sort_missions(ledger, self._found[1], self._own, before)

    def _read_folder(self, folder: TreeEntry | None, recent: RecentChanges) -> None:
        """Reads what is new in it: of a busy folder of hundreds each commit changes one or two files."""
        entries = folder_entries(self.store, folder)
        moved = sorted(entries.items() ^ self._entries.items())
        fresh = {name: entry for name, entry in moved if entries.get(name) == entry}
        gone = {f"{MISSIONS}/{name}" for name, _ in moved}
        self.store.warm(entry.oid for entry in fresh.values())
        read = [(f"{MISSIONS}/{name}", entry.oid, self._file(name, entry)) for name, entry in fresh.items()]
        new = [(path, oid, each) for path, oid, each in read if each is not None]
        found = [file for file in self._found[1] if file[0] not in gone]
        self._departed.note(left_or_reset(gone, self._found[1], new))
        self._own = {path: own for path, own in self._own.items() if path not in gone}
        for path, blob, each in new:
            if isinstance(each, Mission):
                own = self._owners.own_fields(path, each, recent)
                filed = MissionFile(mission=own.mission, path=path, blob=blob, copied=own.copied)
                self._own[path] = own, filed
        for file in new:
            insort(found, file, key=_plainest_first)  # the others are in order
        self._owners.forget(gone.difference(path for path, _, _ in new))
        self._entries, self._twin_paths = entries, _alike(found)
        self._found = (folder.oid if folder else "", found)

    def _file(self, name: str, entry: TreeEntry) -> Mission | Quarantined | None:
        """One entry of `missions/`: a mission, the reason why not, or None for what is none of our business."""
        path = f"{MISSIONS}/{name}"
        stem, _, ending = name.rpartition(".")
        if entry.mode == FOLDER and path not in (ARCHIVE_FOLDER, TEMPLATES_FOLDER) and self._holds_missions(entry):
            hint = "move them into missions/ itself"
            return Quarantined(name=name, path=path, reason="missions in a folder of their own are not read", hint=hint)
        if name.startswith(".") or ending.lower() not in {"md", "markdown", "txt"} or name.lower() == "readme.md":
            return None
        called = name_of_file(stem)
        kind = {SYMLINK: "a symbolic link", FOLDER: "a folder", SUBMODULE: "a submodule"}.get(entry.mode)
        if kind:
            hint = "put the mission's text into the file itself"
            return Quarantined(name=called, path=path, reason=f"this is {kind}, not a file", hint=hint)
        if ending.lower() != "md":
            return Quarantined(name=called, path=path, reason="a mission's file name ends with .md", hint="rename it")
        return read_mission(self.store, path, entry.oid)

    def _holds_missions(self, folder: TreeEntry) -> bool:
        return any(name.endswith(".md") for name in folder_entries(self.store, folder))


def _plainest_first(file: Found) -> tuple[bool, str]:
    return file[0] != file[0].lower(), file[0]


def _alike(found: Iterable[Found]) -> dict[str, list[str]]:
    """The names under which several files stand, each with their paths."""
    named = [(read.name, path) for path, _, read in found if isinstance(read, Mission)]
    often = Counter(name for name, _ in named)
    paths: dict[str, list[str]] = defaultdict(list)
    for name, path in named if len(often) < len(named) else ():
        if often[name] > 1:
            paths[name].append(path)
    return paths


def _sort_missions(
    ledger: LedgerSnapshot,
    found: list[Found],
    own: Mapping[str, tuple[OwnFields, MissionFile]],
    before: Mapping[str, int],
) -> LedgerSnapshot:
    """Sorts what was found into missions and quarantine: names, projects and cycles need the whole view. `before` tells
    of each file of several that are one mission how many of them were there already."""
    opened: dict[str, MissionFile] = {}
    bad = [read for _, _, read in found if isinstance(read, Quarantined)]
    for path, _, read in _earliest_first(ledger, found, before):
        if not isinstance(read, Mission):
            continue
        told, filed = own[path]
        wrong = _quarantine_reason(told.mission, ledger, opened)
        if told.wrong or wrong:
            reason, hint = wrong or (told.wrong, "or take the file away: what is over needs none")
            bad.append(Quarantined(name=read.name, path=path, reason=reason, hint=hint))
        else:
            opened[read.name] = filed
    for name, way in dependency_cycles({n: f.mission for n, f in opened.items()}).items():
        filed = opened.pop(name)
        reason = f"“depends_on” goes round in a circle: {' → '.join(way)}"
        bad.append(Quarantined(name=name, path=filed.path, reason=reason, hint="take one of them out"))
    return replace(ledger, open=opened, quarantined=tuple(bad))


def _earliest_first(ledger: LedgerSnapshot, found: list[Found], before: Mapping[str, int]) -> list[Found]:
    """Of files that are one mission, first the one that was there first (`name_twins`). Of those that came at once,
    first the one that a claim names, then what a node has worked on."""

    def rank(file: Found) -> tuple[int, bool, int]:
        path, blob, read = file
        if not isinstance(read, Mission) or path not in before:
            return 0, False, 0
        held = ledger.claims.get(read.name)
        return before[path], held is None or held.claim.blob != blob, -read.epoch

    return sorted(found, key=rank) if before else found


def _quarantine_reason(
    mission: Mission, ledger: LedgerSnapshot, opened: Mapping[str, MissionFile]
) -> tuple[str, str] | None:
    """Why a readable mission cannot be taken in as it is, and what to do."""
    if mission.name in opened:
        other = opened[mission.name].path
        return f"its name is the same mission as {other} ({mission.name})", "rename one of the two files"
    if mission.project is not None and mission.project not in ledger.charter.projects:
        known = ", ".join(sorted(ledger.charter.projects)) or "none yet"
        return f"unknown project “{mission.project}”: fleet.toml has {known}", "correct the name or add the project"
    done = ledger.archived(mission.name)
    fresh = mission.status is Status.QUEUED and mission.node is None
    if done is not None and (fresh or done.mission.epoch >= mission.epoch):  # a copy would go on where that one ended
        return f"a finished mission has this name: {done.path}", "give the file another name"
    return None
