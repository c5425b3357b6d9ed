"""Which nodes are there, what can each do, and when did this machine last see one move?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from missions.document import with_fields
from missions.frontmatter import Malformed, split
from missions.one_line import printable
from missions.selection import NodeCapabilities
from orchestrator import __version__
from orchestrator.core.roles import Role
from orchestrator.ledger.snapshot import LedgerSnapshot
from sync import files
from sync.objects import EXECUTABLE, FILE, find, read_tree
from sync.objects import FOLDER as TREE
from sync.remote import Oid

PAGES_FOLDER = "heartbeats"
STALE_AFTER, OFFLINE_AFTER = timedelta(minutes=5), timedelta(minutes=15)
DISK_FULL_FIELD = "disk_full"
"""The field of a page by which a node says that it takes nothing on, because its disk is full."""
MAX_PAGE_BYTES, MAX_FIELD_CHARS = 512 * 1024, 2000
"""Bytes of a page, and characters of a field of it, that are read."""


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
    works_on: tuple[str, ...]
    notifies: bool = False
    """Whether it can tell people what happens."""
    load: str = ""
    disk: str = ""
    """How busy it was and what room it had when it last wrote its page, in words."""


def render_page(
    offer: NodeCapabilities,
    role: Role,
    *,
    notifies: bool = False,
    disk_full: bool = False,
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
    }
    fields |= {"notifies": "yes"} if notifies else {}
    fields |= {DISK_FULL_FIELD: "yes"} if disk_full else {}
    fields |= dict(state or {})
    can = f"It can run: {agents or 'nothing yet'}."
    return with_fields(f"\n# {offer.node}\n\nA {role.label} node. {can}\n", fields)


def announced_nodes(ledger: LedgerSnapshot) -> dict[str, Presence]:
    """Every node that has a page, as that page says; whoever wrote it may be hostile."""
    return {name: _presence(ledger, name, None, datetime.min) for name in sorted(_page_names(ledger))}


def _page_names(ledger: LedgerSnapshot) -> set[str]:
    folder = find(ledger.store, ledger.tree, PAGES_FOLDER)
    entries = read_tree(ledger.store.get(folder.oid)) if folder and folder.mode == TREE else {}
    return {name.removesuffix(".md") for name in entries if name.endswith(".md")}


@dataclass
class LastSeenStore:
    """When this machine last saw each node's beat move, on its own clock. Its processes share the file."""

    path: Path

    def _read(self) -> dict[str, dict[str, str]]:
        """What the file says; nothing where it is not there or was cut off: then every node is seen anew."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def update(self, beats: Mapping[str, Oid], now: datetime) -> dict[str, datetime | None]:
        """Takes in one fetch; returns when each node was last seen to move (None: never yet, only found standing)."""
        before = self._read()
        known = {name: before.get(name, {}) for name in beats}
        after = {
            name: {
                "beat": oid,
                "moved": known[name].get("moved")
                if known[name].get("beat", oid) == oid
                else now.isoformat(timespec="seconds"),
            }
            for name, oid in beats.items()
        }
        if after != before:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(after, indent=1) + "\n"
            files.replace(self.path, text, durable=False)  # without it every node is seen anew
        moved = {name: entry["moved"] for name, entry in after.items()}
        return {name: datetime.fromisoformat(when) if when else None for name, when in moved.items()}


def list_presences(ledger: LedgerSnapshot, moved: Mapping[str, datetime | None], now: datetime) -> list[Presence]:
    """Every node that has a page or a beat."""
    names = sorted(_page_names(ledger) | ledger.beats.keys())
    return [_presence(ledger, name, moved.get(name), now) for name in names]


def _presence(ledger: LedgerSnapshot, name: str, moved: datetime | None, now: datetime) -> Presence:
    try:
        fields = split(page_text(ledger, name)).fields
    except Malformed:
        fields = {}
    works_on = sorted(n for n, held in ledger.claims.items() if held.claim.node == name and not held.claim.closed)

    def word(key: str) -> str:
        return _field_text(fields.get(key, ""))

    def words(key: str) -> tuple[str, ...]:
        return tuple(each for each in word(key).split(", ") if each)

    return Presence(
        name=name,
        role=word("role"),
        capabilities=words("capabilities"),
        agents=words("agents"),
        version=word("version"),
        state=_liveness(name in ledger.beats, moved, now),
        moved=moved,
        works_on=tuple(works_on),
        notifies=word("notifies") == "yes",
        load=word("load"),
        disk=word("disk"),
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
    entry = find(ledger.store, ledger.tree, f"{PAGES_FOLDER}/{name}.md")
    if entry is None or entry.mode not in (FILE, EXECUTABLE) or ledger.store.size(entry.oid) > MAX_PAGE_BYTES:
        return ""
    return ledger.store.get(entry.oid).decode("utf-8", "replace")


def has_full_disk(ledger: LedgerSnapshot, name: str) -> bool:
    """Whether a node's page says that it takes nothing on, because its disk is full."""
    try:
        return _field_text(split(page_text(ledger, name)).fields.get(DISK_FULL_FIELD, "")) == "yes"
    except Malformed:
        return False


def no_room_reason(ledger: LedgerSnapshot) -> str:
    """Why nobody takes anything on, in words: the disk of every node that beats is full. Empty if one has room."""
    nodes = sorted(ledger.beats)
    if not nodes or not all(has_full_disk(ledger, name) for name in nodes):
        return ""
    return f"no node has room on its disk: free some space on {', '.join(nodes)}"


def _liveness(beating: bool, moved: datetime | None, now: datetime) -> str:
    if not beating:
        return "stopped"
    if moved is None:
        return "unknown"
    silent = now - moved
    return "live" if silent < STALE_AFTER else "stale" if silent < OFFLINE_AFTER else "offline"
