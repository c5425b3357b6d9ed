"""Whose is what a node's database keeps, the fleet's or that node's own, and who may write it?

The one place that says so, store by store and table by table. Global state is headquarters' alone: lost there it is
lost to the fleet, so it is in headquarters' backups, and no worker writes it. Local state is disposable: what of it
matters to others went into the ledger, to headquarters, or comes back from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.core.errors import GlobalStateRefused
from orchestrator.core.roles import Role, RoleSwitches, role_policy

MAX_STORED_NAME_CHARS = 100
"""The longest id or name of anything that is stored, in characters."""


class StateScope(StrEnum):
    """Whose state it is."""

    GLOBAL = "global"
    LOCAL = "local"


STORE_TABLES: Mapping[str, tuple[StateScope, tuple[str, ...]]] = {
    "conversations": (StateScope.LOCAL, ("conversations", "messages")),
    "tool_calls": (StateScope.LOCAL, ("tool_calls",)),
    "tokens": (StateScope.LOCAL, ("tokens",)),
    "devices": (StateScope.LOCAL, ("device_state",)),
    "paired": (StateScope.LOCAL, ("paired_devices",)),
    "pairings": (StateScope.LOCAL, ("pairings",)),
    "sync_ops": (StateScope.LOCAL, ("operations",)),
    "outgoing": (StateScope.LOCAL, ("outbox",)),
    "push": (StateScope.LOCAL, ("push_subscriptions",)),
    "registrations": (StateScope.GLOBAL, ("node_registrations",)),
    "signals": (StateScope.GLOBAL, ("signals",)),
    "marks": (StateScope.LOCAL, ("store_facts",)),
    "usage": (StateScope.LOCAL, ("usage",)),
}
"""Each store of `ports.stores.Stores`, with its tables. A node's tokens and devices are the keys of its own door: what
of them is the fleet's, who was shut out, headquarters tells (`node/headquarters/shared_state`). What a node used stands
in its page of the ledger, what its devices said at whoever syncs with it."""
TABLE_SCOPES: Mapping[str, StateScope] = {table: scope for scope, tables in STORE_TABLES.values() for table in tables}


@dataclass(frozen=True, kw_only=True)
class DatabaseUser:
    """For which node a database is opened, and in which role."""

    node: str
    role: Role

    @property
    def writes_global(self) -> bool:
        """Whether its role lets it write what is the fleet's."""
        return role_policy(self.role, RoleSwitches()).writes_global

    def require_writable(self, table: str) -> None:
        """Raises GlobalStateRefused where it may not write there."""
        if TABLE_SCOPES.get(table) is StateScope.GLOBAL and not self.writes_global:
            words = "{} is headquarters' to write, and {} is a {}: it reads what headquarters tells (SHIFTBOOK_HQ_URL)"
            raise GlobalStateRefused(words, table, self.node, self.role.value)


def new_owner(recorded: str, user: DatabaseUser, place: str) -> str:
    """Which headquarters a database belongs to once `user` opens it; empty for one that is no headquarters'.

    `recorded` is which it belonged to before. Another node that is no headquarters is refused with GlobalStateRefused:
    it would write its tokens, devices and marks among headquarters' own. Whoever is headquarters takes it on.
    """
    if user.role is Role.HEADQUARTERS:
        return user.node
    if recorded and recorded != user.node:
        words = (
            "the database {} is headquarters' ({}), and {} keeps a database of its own: {}; where {} is headquarters "
            "now, set FACTORY_ROLE=HEADQUARTERS"
        )
        way = "leave SHIFTBOOK_DATABASE_URL out there"
        if place.endswith("shiftbook.db"):  # the home's own, which nothing names
            way += f", or where it is not set move {place} away: a new one is made"
        raise GlobalStateRefused(words, place, recorded, user.node, way, user.node)
    return recorded
