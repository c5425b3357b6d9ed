"""Which nodes are there, what can each do, and when did this machine last see one move?"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from missions.document import with_fields
from missions.frontmatter import Malformed, split
from missions.mission import TASKS
from missions.one_line import printable
from missions.plain_data import read_json
from missions.selection import NodeCapabilities
from orchestrator import __version__
from orchestrator.core.roles import Role
from orchestrator.ledger.accounts.account_windows import CLOSED_FIELD, OPEN_FIELD, AccountWindow, parse_windows
from orchestrator.ledger.snapshot import LedgerSnapshot
from sync import files
from sync.heartbeat import announced_stretch
from sync.objects import EXECUTABLE, FILE, TreeEntry, find, folder_entries
from sync.remote import Oid

PAGES_FOLDER = "heartbeats"
STALE_AFTER, OFFLINE_AFTER = timedelta(minutes=5), timedelta(minutes=15)
"""For nodes whose leases are not longer: see `silence_limits`."""
CLOCKS_DIFFER = timedelta(minutes=10)
"""By so much the clock of who wrote a result may differ from ours, where a takeover is told; nothing rests on it."""
DISK_FULL_FIELD = "disk_full"
"""The field of a page by which a node says that it takes nothing on, because its disk is full."""
SLOTS = re.compile(r"[1-9][0-9]{0,3}")
"""How many missions a page may say that its node works on at a time."""
MAX_PAGE_BYTES, MAX_FIELD_CHARS = 512 * 1024, 2000
"""Bytes of a page, and characters of a field of it, that are read."""
PAGE_FIELDS = (
    *("role", "capabilities", "agents", "version", "weak", "slots", "tasks", "answering", "notifies", "polls"),
    *(DISK_FULL_FIELD, "load", "disk", "reached", CLOSED_FIELD, OPEN_FIELD),
)
"""What is read of a page."""
MAX_KNOWN_PAGES = 1000
"""Pages that are kept as they were read."""
_KNOWN_PAGES: dict[Oid, Mapping[str, str]] = {}
"""By their blobs: the same bytes say the same, whoever asks in this process."""


@dataclass(frozen=True, kw_only=True)
class Presence:
    """One node as the fleet's page shows it."""

    name: str
    role: str
    capabilities: tuple[str, ...]
    agents: tuple[str, ...]
    version: str
    state: str
    """live, stale, offline, stopped, or unknown when this machine has not watched long enough."""
    moved: datetime | None
    """When this machine saw it move last; None where it only found it standing."""
    works_on: tuple[str, ...]
    weak: tuple[str, ...] = ()
    """Those of its agents whose model is not good enough for work on code."""
    slots: int = 1
    """On how many missions it works at a time."""
    tasks: tuple[str, ...] = TASKS
    """The kinds of work that it takes; all of them where its page does not say."""
    answering: tuple[str, ...] = ()
    """Those of its agents that change no files there, because there is no sandbox for it."""
    notifies: bool = False
    """Whether it can tell people what happens."""
    polls: bool = False
    """Whether it can take what people write to the fleet in a chat."""
    disk_full: bool = False
    """Whether it takes nothing on, because its disk is full."""
    load: str = ""
    disk: str = ""
    """How busy it was and what room it had when it last wrote its page, in words."""
    reached: str = ""
    """Where it says that devices reach it, signed, as `mobile_bridge.announced_addresses` reads it."""
    windows: tuple[AccountWindow, ...] = ()
    """What it tells of the windows of its accounts; see `account_windows.believed_windows`."""
    silent_seconds: float | None = None
    """For how long this machine has seen it stand still; None for one that stopped."""
    handed_over: Mapping[str, str] = field(default_factory=dict)
    """Missions that others took over from it while it is silent, each with who did."""

    @property
    def silent(self) -> bool:
        """Whether it may be dead."""
        return self.state in ("stale", "offline")


SeenNodes = Callable[[LedgerSnapshot], Sequence[Presence]]
"""How the nodes of a ledger look from this machine."""


def no_nodes(ledger: LedgerSnapshot) -> Sequence[Presence]:
    """For who has seen none."""
    return ()


def render_page(
    offer: NodeCapabilities,
    role: Role,
    *,
    notifies: bool = False,
    polls: bool = False,
    disk_full: bool = False,
    reached: str = "",
    quota_closed: str = "",
    state: Mapping[str, str] | None = None,
) -> str:
    """A node's own page. It says only what seldom changes, so that it is seldom written.

    `state` are fields that change all the time: they are written along with others, never for themselves.
    """
    agents, capabilities = ", ".join(sorted(offer.agents)), ", ".join(sorted(offer.capabilities))
    fields = {
        "node": offer.node,
        "role": role.value,
        "version": __version__,
        "agents": agents,
        "capabilities": capabilities,
        "slots": str(offer.slots),
    }
    fields |= {"tasks": ", ".join(sorted(offer.tasks))} if offer.tasks != set(TASKS) else {}
    fields |= {"answering": ", ".join(sorted(offer.answering))} if offer.answering else {}
    fields |= {"weak": ", ".join(sorted(offer.weak))} if offer.weak else {}
    fields |= {"notifies": "yes"} if notifies else {}
    fields |= {"polls": "yes"} if polls else {}
    fields |= {DISK_FULL_FIELD: "yes"} if disk_full else {}
    fields |= {"reached": reached} if reached else {}
    fields |= {CLOSED_FIELD: quota_closed} if quota_closed else {}
    fields |= dict(state or {})
    can = f"It can run: {agents or 'nothing yet'}."
    return with_fields(f"\n# {offer.node}\n\nA {role.label} node. {can}\n", fields)


def announced_nodes(ledger: LedgerSnapshot) -> dict[str, Presence]:
    """Every node that has a page, as that page says; whoever wrote it may be hostile."""
    unseen, pages = Sighting(moved=None, since=None), _pages(ledger)
    return {name: _presence(ledger, name, pages[name], unseen, datetime.min) for name in sorted(pages)}


def page_versions(ledger: LedgerSnapshot) -> dict[str, Oid]:
    """Every node that has a page, with that page's name as an object."""
    return {name: entry.oid for name, entry in _pages(ledger).items()}


def _pages(ledger: LedgerSnapshot) -> dict[str, TreeEntry]:
    entries = folder_entries(ledger.store, find(ledger.store, ledger.tree, PAGES_FOLDER))
    return {name.removesuffix(".md"): entry for name, entry in entries.items() if name.endswith(".md")}


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """When this machine last saw a node's beat move (None: never yet), and since when it sees it stand still."""

    moved: datetime | None
    since: datetime | None


@dataclass
class LastSeenStore:
    """When this machine last saw each node's beat move, on its own clock. Its processes share the file."""

    path: Path

    def _read(self) -> dict[str, dict[str, str]]:
        """What the file says; nothing where it is not there or was cut off: then every node is seen anew."""
        try:
            found = read_json(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def update(self, beats: Mapping[str, Oid], now: datetime) -> dict[str, Sighting]:
        """Takes in one fetch; returns what is known of each node that beats."""
        before, time = self._read(), now.isoformat(timespec="seconds")
        after = {name: _seen(before.get(name, {}), oid, time) for name, oid in beats.items()}
        if after != before:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(after, indent=1) + "\n"
            files.replace(self.path, text, durable=False)  # without it every node is seen anew
        return {name: Sighting(moved=_time(one["moved"]), since=_time(one["since"])) for name, one in after.items()}


def _seen(before: Mapping[str, str | None], oid: Oid, now: str) -> dict[str, str | None]:
    """What is kept of a node whose beat stands at `oid` now."""
    if not before:
        return {"beat": oid, "moved": None, "since": now}
    if before.get("beat") == oid:
        return {"beat": oid, "moved": before.get("moved"), "since": before.get("since") or before.get("moved") or now}
    return {"beat": oid, "moved": now, "since": now}


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def list_presences(ledger: LedgerSnapshot, seen: Mapping[str, Sighting], now: datetime) -> list[Presence]:
    """Every node that has a page or a beat. Of those that are silent, where their work went."""
    pages, unseen = _pages(ledger), Sighting(moved=None, since=None)
    names = sorted(pages.keys() | ledger.beats.keys())
    found = [_presence(ledger, name, pages.get(name), seen.get(name, unseen), now) for name in names]
    silent = {one.name: one.moved - CLOCKS_DIFFER if one.moved else None for one in found if one.silent}
    if not silent:
        return found
    from orchestrator.ledger.takeovers import taken_over  # most lists have nobody who is silent

    went = taken_over(ledger, silent)
    return [replace(one, handed_over=went.get(one.name, {})) for one in found]


def _presence(ledger: LedgerSnapshot, name: str, page: TreeEntry | None, seen: Sighting, now: datetime) -> Presence:
    fields = _page_fields(ledger, page)
    works_on = sorted(n for n, held in ledger.claims.items() if held.claim.node == name and not held.claim.closed)

    def word(key: str) -> str:
        return fields.get(key, "")

    def words(key: str) -> tuple[str, ...]:
        return tuple(each for each in word(key).split(", ") if each)

    return Presence(
        name=name,
        role=word("role"),
        capabilities=words("capabilities"),
        agents=words("agents"),
        version=word("version"),
        state=_liveness(ledger, name, seen, now),
        moved=seen.moved,
        silent_seconds=(now - seen.since).total_seconds() if seen.since and name in ledger.beats else None,
        works_on=tuple(works_on),
        weak=words("weak"),
        slots=int(word("slots")) if SLOTS.fullmatch(word("slots")) else 1,
        tasks=words("tasks") or TASKS,
        answering=words("answering"),
        notifies=word("notifies") == "yes",
        polls=word("polls") == "yes",
        disk_full=word(DISK_FULL_FIELD) == "yes",
        load=word("load"),
        disk=word("disk"),
        reached=word("reached"),
        windows=parse_windows(word(CLOSED_FIELD), word(OPEN_FIELD)),
    )


def _field_text(value: object) -> str:
    """A field's value as one line. YAML reads a plain `yes` as true, and 0.1 as a number."""
    if value is True:
        return "yes"
    if isinstance(value, int | float) and abs(value) < 1e15:
        return str(value)
    text = value[:MAX_FIELD_CHARS] if isinstance(value, str) else ""
    return printable(text)


def page_text(ledger: LedgerSnapshot, name: str) -> str:
    """A node's page; empty where it has none, or one that no node of ours would have written so large."""
    return _text(ledger, _page(ledger, name))


def _page(ledger: LedgerSnapshot, name: str) -> TreeEntry | None:
    return find(ledger.store, ledger.tree, f"{PAGES_FOLDER}/{name}.md")


def _text(ledger: LedgerSnapshot, page: TreeEntry | None) -> str:
    if page is None or page.mode not in (FILE, EXECUTABLE) or ledger.store.size(page.oid) > MAX_PAGE_BYTES:
        return ""
    return ledger.store.get(page.oid, MAX_PAGE_BYTES).decode("utf-8", "replace")


def _page_fields(ledger: LedgerSnapshot, page: TreeEntry | None) -> Mapping[str, str]:
    """What a page says, each field as one line. A page is read once, also one that says nothing."""
    if page is None or page.mode not in (FILE, EXECUTABLE):
        return {}
    known = _KNOWN_PAGES.get(page.oid)
    if known is None:
        try:
            fields = split(_text(ledger, page)).fields
        except Malformed:
            fields = {}
        known = {key: _field_text(fields[key]) for key in PAGE_FIELDS if key in fields}
        if len(_KNOWN_PAGES) >= MAX_KNOWN_PAGES:
            _KNOWN_PAGES.clear()
        _KNOWN_PAGES[page.oid] = known
    return known


def has_full_disk(ledger: LedgerSnapshot, name: str) -> bool:
    """Whether a node's page says that it takes nothing on, because its disk is full."""
    return _page_fields(ledger, _page(ledger, name)).get(DISK_FULL_FIELD) == "yes"


def no_room_reason(ledger: LedgerSnapshot) -> str:
    """Why nobody takes anything on, in words: the disk of every node that beats is full. Empty if one has room."""
    nodes = sorted(ledger.beats)
    if not nodes or not all(has_full_disk(ledger, name) for name in nodes):
        return ""
    return f"no node has room on its disk: free some space on {', '.join(nodes)}"


def own_lease(ledger: LedgerSnapshot, node: str) -> timedelta:
    """How long a node may be silent before what it holds is taken over, as its beat that stands there states it."""
    return timedelta(seconds=ledger.charter.bus.lease * announced_stretch(ledger.store, ledger.beats.get(node)))


def silence_limits(ledger: LedgerSnapshot, node: str) -> tuple[timedelta, timedelta]:
    """After how long a silence a node is called stale, and offline: one that has said that it beats seldom, later."""
    lease = own_lease(ledger, node)
    return max(STALE_AFTER, lease), max(OFFLINE_AFTER, 3 * lease)


def _liveness(ledger: LedgerSnapshot, node: str, seen: Sighting, now: datetime) -> str:
    if node not in ledger.beats:
        return "stopped"
    silent = now - seen.since if seen.since else timedelta()
    stale, offline = silence_limits(ledger, node)
    if silent < stale:
        return "live" if seen.moved else "unknown"
    return "stale" if silent < offline else "offline"
