"""Which leftovers of attempts and chats may a clean-up remove (`cleanup`), and which not?

Never what is neither pushed nor accepted: what runs, what waits in the outbox, what a parked mission may go on with,
late work, changes that are on no server while their mission is open, a chat's unsaved files. Of the rest a folder goes
when it is older than the policy keeps it, and the oldest go first when all of it takes too much.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from missions.lease import ClaimState
from missions.mission import Status
from orchestrator.core.disk_space import GIB
from orchestrator.execution.free_space import free_space
from orchestrator.execution.workspace.attempt_dirs import SESSION_FILE, AttemptDirs, AttemptLabel
from orchestrator.execution.workspace.chat_dirs import ChatDirs
from orchestrator.execution.workspace.disk_usage import folder_bytes, write_disk_usage
from orchestrator.execution.workspace.run_tools import SETUP_FILE, SETUPS_FOLDER
from orchestrator.execution.workspace.spare import SPARE_DAYS, Spares
from orchestrator.execution.workspace.tree_walk import remove_tree
from orchestrator.ledger.config.fleet_toml import WorkspacesPart
from orchestrator.ledger.snapshot import LedgerSnapshot

CLEANUP_SECONDS = 3600.0
"""Seconds between two looks at all of it."""
RECHECK_SECONDS = 30.0
"""Seconds after which the folders of ended attempts are looked at again, where some must stay a while."""
FULL_DISK_SECONDS = 600.0
"""Seconds between two times at which a full disk is cleared of all that nobody needs."""
CLONE_KEEP_DAYS = 30.0
MIN_SETUP_AGE = timedelta(days=1)
"""A project's set-up that was used since may be in use still: runs read it and hold no lock."""
"""A project's kept clone that nobody used for so long goes; a new one is only time and traffic."""


def keep_reason(
    label: AttemptLabel,
    ledger: LedgerSnapshot,
    node: str,
    waiting: Collection[tuple[str, int]],
    *,
    session: bool = False,
) -> str:
    """Why an attempt's folder must stay, in words; empty if it may go. `waiting` are the outbox's missions and epochs.

    `session`: it has its agent's conversation, to go on with. Whether it runs now is not asked here:
    `AttemptDirs.remove` leaves such a folder alone.
    """
    name, epoch = label.mission, label.epoch
    if (name, epoch) in waiting:
        return "its result waits to be handed back"
    held = ledger.claims.get(name)
    if held is not None and held.claim.node == node and held.claim.epoch == epoch and not held.claim.closed:
        return "this node holds the mission"
    late = f"{name}-{epoch}-{node}"
    if any(ref == late or ref.startswith(f"{late}-") for ref in ledger.late):
        return "late work that nobody has decided about"
    return _open_mission_reason(label, ledger, session=session)


def _open_mission_reason(label: AttemptLabel, ledger: LedgerSnapshot, *, session: bool) -> str:
    filed = ledger.open.get(label.mission)
    broken = any(bad.name == label.mission for bad in ledger.quarantined)
    if filed is None and not broken:
        return ""  # finished, or deleted: accepted, or not wanted
    newer = filed is not None and filed.mission.epoch > label.epoch
    if filed is not None and label.state == ClaimState.RELEASED.value:  # what came since may not count as an attempt
        newer = newer and filed.mission.attempt >= label.attempt
    if label.unpushed:
        return "its changes are on no server, and nobody has accepted them yet"
    over = newer or (filed is not None and filed.mission.status in {Status.REVIEW, Status.DEAD})
    if session and label.state in {ClaimState.PARKED.value, ClaimState.RELEASED.value} and not over:
        return "the mission may go on in it"
    return ""


@dataclass(frozen=True, kw_only=True)
class StaleDir:
    """Something that may go: its path, since when nobody uses it, how to remove it."""

    path: Path
    since: datetime
    keep: timedelta
    remove: Callable[[], bool]
    spare: bool = False
    """Nobody has used it yet, and it costs nothing but time."""


@dataclass(kw_only=True)
class Cleanup:
    """One node's clean-up. `clock` is monotonic seconds, `waiting` the outbox's missions and epochs."""

    home: Path
    node: str
    folders: AttemptDirs
    chats: ChatDirs
    waiting: Callable[[], Collection[tuple[str, int]]]
    now: Callable[[], datetime]
    clock: Callable[[], float]
    tell: Callable[..., None]
    _due: float = float("-inf")
    _ended: float = float("inf")
    """When the folders of attempts that ended are looked at next."""
    _full_due: float = float("-inf")
    """When a full disk is cleared of all that nobody needs next."""
    _thread: threading.Thread | None = None
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def attempt_ended(self) -> None:
        """An attempt ended: the next round looks at whether its folder is kept."""
        self._ended = float("-inf")

    def step(self, ledger: LedgerSnapshot) -> None:
        """One round of the node's loop: at its start, every hour, after an end, and while the disk is full. What takes
        long, a thread does."""
        if self._thread is not None and self._thread.is_alive():
            return
        run = self._due_now(ledger, self.clock())
        if run is None:
            return
        self._ended = float("inf")
        self._thread = threading.Thread(target=self._run, args=(run, ledger), name="clearance", daemon=True)
        self._thread.start()

    def _due_now(self, ledger: LedgerSnapshot, now: float) -> Callable[[LedgerSnapshot], object] | None:
        if now >= self._full_due and not self.has_room(ledger):
            self._full_due = now + FULL_DISK_SECONDS
            return self._clear_everything
        if now >= self._due:
            self._due = now + CLEANUP_SECONDS
            return self.clear
        briefly = ledger.charter.workspaces.keep_days * 86_400 < CLEANUP_SECONDS
        return self._clear_ended if briefly and now >= self._ended else None

    def has_room(self, ledger: LedgerSnapshot) -> bool:
        """Whether the disk has room for another mission: where it has not, none is asked for. Takes no time."""
        return not self._shortage(ledger)

    def _shortage(self, ledger: LedgerSnapshot) -> str:
        return free_space(self.home).shortage(int(ledger.charter.workspaces.free_gib * GIB))

    def wait(self, seconds: float = 60.0) -> None:
        """Waits for what runs."""
        if self._thread is not None:
            self._thread.join(timeout=seconds)

    def _run(self, clear: Callable[[LedgerSnapshot], object], ledger: LedgerSnapshot) -> None:
        try:
            clear(ledger)
        except OSError as error:
            self.tell("disk", f"the clean-up could not be done: {error}", once=True)
        if any(label.ended for _, label in self.folders.every()):
            self._ended = self.clock() + RECHECK_SECONDS  # what is not folded or not decided yet

    def _clear_everything(self, ledger: LedgerSnapshot) -> None:
        """All that nobody needs goes; if that is not enough, people hear of it."""
        self.clear(ledger, all_of_it=True)
        if short := self._shortage(ledger):
            self.tell("disk", f"{self._full(short)}: nothing is taken on until there is room", once=True)

    def _clear_ended(self, ledger: LedgerSnapshot) -> None:
        """Only the folders of attempts, without counting anything: this is done after each attempt."""
        with self._turn:
            now = self.now()
            for one in self._attempts(ledger, ledger.charter.workspaces):
                if now - one.since >= one.keep:
                    one.remove()

    def clear(self, ledger: LedgerSnapshot, *, all_of_it: bool = False) -> list[Path]:
        """Removes what policy does not keep (`all_of_it`: all that nobody needs). Returns what went. Raises OSError."""
        with self._turn:
            self.folders.sweep()
            rules = ledger.charter.workspaces
            gone = [one.path for one in self._too_old(ledger, rules, all_of_it) if one.remove()]
            gone += self._too_much(ledger, rules)
            write_disk_usage(self.home, self.now())
        if gone:
            many = "workspace" if len(gone) == 1 else "workspaces"
            self.tell("disk", f"removed {len(gone)} {many} that nobody needs any more")
        return gone

    def full_reason(self, ledger: LedgerSnapshot) -> str:
        """Why there is no room for another attempt, after all that may go is gone; empty if there is."""
        if self.has_room(ledger):
            return ""
        self.clear(ledger, all_of_it=True)
        short = self._shortage(ledger)
        return self._full(short) if short else ""

    def _full(self, short: str) -> str:
        return f"the disk of {self.node} is full: {short} (workspaces.free_gib)"

    def _too_old(self, ledger: LedgerSnapshot, rules: WorkspacesPart, all_of_it: bool) -> Iterator[StaleDir]:
        now = self.now()
        for one in self._leftovers(ledger, rules):
            if all_of_it or now - one.since >= one.keep:
                yield one

    def _too_much(self, ledger: LedgerSnapshot, rules: WorkspacesPart) -> Iterable[Path]:
        """Spares and then the oldest, until the rest is within the limit."""
        total = sum(folder_bytes(self.home / name) for name in ("work", "chats", "cache"))
        for one in sorted(self._leftovers(ledger, rules), key=lambda one: (not one.spare, one.since)):
            if total <= rules.disk_gib * GIB:
                return
            size = folder_bytes(one.path)
            if one.remove():
                total -= size
                yield one.path

    def _attempts(self, ledger: LedgerSnapshot, rules: WorkspacesPart) -> Iterator[StaleDir]:
        keep, waiting = timedelta(days=rules.keep_days), set(self.waiting())
        for path, label in self.folders.every():
            if not keep_reason(label, ledger, self.node, waiting, session=(path / SESSION_FILE).is_file()):
                remove = _remover(self.folders.remove, path)
                yield StaleDir(path=path, since=_ended_at(path, label), keep=keep, remove=remove)

    def _leftovers(self, ledger: LedgerSnapshot, rules: WorkspacesPart) -> Iterator[StaleDir]:
        yield from self._attempts(ledger, rules)
        keep = timedelta(days=rules.keep_days)
        for path in self.chats.idle():
            # A day at least: a chat that is silent for a minute is not over.
            remove = _remover(self.chats.remove, path)
            yield StaleDir(path=path, since=self.chats.used(path), keep=max(keep, timedelta(days=1)), remove=remove)
        for path in sorted((self.home / "cache").glob("*.git")):
            lasts = timedelta(days=max(rules.keep_days, CLONE_KEEP_DAYS))
            yield StaleDir(path=path, since=_modified_at(path), keep=lasts, remove=_remover(_remove_clone, path))
        spares, lasts = Spares(cache=self.home / "cache"), timedelta(days=min(rules.keep_days, SPARE_DAYS))
        for path in spares.every():
            since = datetime.fromtimestamp(spares.used(path), UTC)
            yield StaleDir(path=path, since=since, keep=lasts, remove=_remover(spares.forget, path), spare=True)
        for path in sorted((self.home / "cache" / SETUPS_FOLDER).glob("*/")):
            used = max(map(_modified_at, path.glob(f"*/{SETUP_FILE}")), default=_modified_at(path))
            if self.now() - used >= MIN_SETUP_AGE:
                yield StaleDir(path=path, since=used, keep=keep, remove=_remover(_remove_clone, path))


def _remover(remove: Callable[[Path], bool], path: Path) -> Callable[[], bool]:
    return lambda: remove(path)


def _ended_at(path: Path, label: AttemptLabel) -> datetime:
    return datetime.fromisoformat(label.ended) if label.ended else _modified_at(path)


def _modified_at(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return datetime.fromtimestamp(0, UTC)


def _remove_clone(path: Path) -> bool:
    """A project's kept clone, unless an attempt or a chat is being given a workspace from it."""
    try:
        with FileLock(path.with_suffix(".lock")).acquire(timeout=0):
            return remove_tree(path)
    except Timeout:
        return False
