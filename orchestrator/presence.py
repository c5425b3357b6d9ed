"""Which nodes are there, what can each do, and when did this machine last see one move?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from missions.document import with_fields
from missions.frontmatter import Malformed, split
from missions.selection import Offer
from orchestrator.bus import Bus
from orchestrator.landing import Draft, land
from orchestrator.ledger import Ledger, Reader
from orchestrator.roles import Role
from sync.objects import find, read_tree
from sync.remote import Oid

FOLDER = "heartbeats"
STALE, OFFLINE = timedelta(minutes=5), timedelta(minutes=15)


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


def page(offer: Offer, role: Role) -> str:
    """A node's own page. It says only what seldom changes, so that it is seldom written."""
    agents, capabilities = ", ".join(sorted(offer.agents)), ", ".join(sorted(offer.capabilities))
    fields = {
        "node": offer.node,
        "role": role.value,
        "version": version("shiftbook"),
        "agents": agents,
        "capabilities": capabilities,
    }
    can = f"It can run: {agents or 'nothing yet'}."
    return with_fields(f"\n# {offer.node}\n\nA {role.label} node. {can}\n", fields)


def announce(bus: Bus, reader: Reader, text: str) -> bool:
    """Writes this node's page if it says something new, and returns whether. Raises what the remote raises."""
    draft = Draft(files={f"{FOLDER}/{bus.name}.md": text.encode()}, message=f"{bus.name} is here")
    return land(bus, reader, lambda ledger: draft) is not None


@dataclass
class Sightings:
    """When this machine last saw each node's beat move, on its own clock. Its processes share the file."""

    path: Path

    def update(self, beats: Mapping[str, Oid], now: datetime) -> dict[str, datetime | None]:
        """Takes in one fetch; returns when each node was last seen to move (None: never yet, only found standing)."""
        before = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}
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
            self.path.write_text(json.dumps(after, indent=1) + "\n", encoding="utf-8")
        moved = {name: entry["moved"] for name, entry in after.items()}
        return {name: datetime.fromisoformat(when) if when else None for name, when in moved.items()}


def presences(ledger: Ledger, moved: Mapping[str, datetime | None], now: datetime) -> list[Presence]:
    """Every node that has a page or a beat."""
    folder = find(ledger.store, ledger.tree, FOLDER)
    pages = {name.removesuffix(".md") for name in read_tree(ledger.store.get(folder.oid))} if folder else set[str]()
    return [_presence(ledger, name, moved.get(name), now) for name in sorted(pages | ledger.beats.keys())]


def _presence(ledger: Ledger, name: str, moved: datetime | None, now: datetime) -> Presence:
    try:
        fields = split(ledger.text(f"{FOLDER}/{name}.md")).fields
    except Malformed:
        fields = {}
    works_on = sorted(n for n, held in ledger.claims.items() if held.claim.node == name and not held.claim.closed)

    def words(key: str) -> tuple[str, ...]:
        return tuple(word for word in str(fields.get(key, "")).split(", ") if word)

    return Presence(
        name=name,
        role=str(fields.get("role", "")),
        capabilities=words("capabilities"),
        agents=words("agents"),
        version=str(fields.get("version", "")),
        state=_state(name in ledger.beats, moved, now),
        moved=moved,
        works_on=tuple(works_on),
    )


def _state(beating: bool, moved: datetime | None, now: datetime) -> str:
    if not beating:
        return "stopped"
    if moved is None:
        return "unknown"
    silent = now - moved
    return "live" if silent < STALE else "stale" if silent < OFFLINE else "offline"
