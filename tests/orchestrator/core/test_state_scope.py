"""Facts about whose state is which, and who may write it."""

from __future__ import annotations

from dataclasses import fields

import pytest

from orchestrator.core.errors import GlobalStateRefused, Refused
from orchestrator.core.ports.stores import Stores
from orchestrator.core.roles import Role
from orchestrator.core.state_scope import STORE_TABLES, TABLE_SCOPES, DatabaseUser, StateScope, new_owner

NO_STATE = {"synced_chats", "copies", "close"}
"""Fields of Stores that keep nothing of their own: another view of the conversations, and of all of it."""
GLOBAL = sorted(table for table, scope in TABLE_SCOPES.items() if scope is StateScope.GLOBAL)


def user(role: Role, node: str = "desk") -> DatabaseUser:
    """Whoever opens a database."""
    return DatabaseUser(node=node, role=role)


def test_every_store_is_told() -> None:
    """A new store has to say whose its state is."""
    assert set(STORE_TABLES) == {field.name for field in fields(Stores)} - NO_STATE


def test_no_table_is_two_stores() -> None:
    """Else its scope would be whichever is read last."""
    named = [table for _, tables in STORE_TABLES.values() for table in tables]
    assert len(named) == len(set(named)) == len(TABLE_SCOPES)


def test_the_fleets_state() -> None:
    """Who is registered, and what suppliers told: what headquarters alone takes in."""
    assert GLOBAL == ["node_registrations", "signals"]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("table", sorted(TABLE_SCOPES))
def test_who_may_write_what(role: Role, table: str) -> None:
    """A worker its own alone; headquarters, and a node that is a fleet of its own, everything."""
    if role is Role.LOCAL_WORKER and table in GLOBAL:
        with pytest.raises(GlobalStateRefused, match=f"^{table} is headquarters' to write, and desk is a LOCAL_WORKER"):
            user(role).require_writable(table)
    else:
        user(role).require_writable(table)


def test_a_refusal_is_one_of_policy() -> None:
    """Exit code 4, as whatever policy does not allow."""
    assert issubclass(GlobalStateRefused, Refused)
    assert GlobalStateRefused.exit_code == 4


@pytest.mark.parametrize(
    ("recorded", "role", "node", "after"),
    [
        ("", Role.LOCAL_WORKER, "desk", ""),
        ("", Role.STANDALONE_NODE, "desk", ""),
        ("", Role.HEADQUARTERS, "hq", "hq"),
        ("hq", Role.HEADQUARTERS, "hq", "hq"),
        ("hq", Role.HEADQUARTERS, "new-hq", "new-hq"),
        ("hq", Role.LOCAL_WORKER, "hq", "hq"),
        ("hq", Role.STANDALONE_NODE, "hq", "hq"),
    ],
)
def test_whose_a_database_is(recorded: str, role: Role, node: str, after: str) -> None:
    """Headquarters' from when headquarters opens it; a command on its machine that says no role may use it, too."""
    assert new_owner(recorded, user(role, node), "here") == after


@pytest.mark.parametrize("role", [Role.LOCAL_WORKER, Role.STANDALONE_NODE])
def test_another_node_is_told_what_to_do(role: Role) -> None:
    """One line: whose it is, and the two ways on."""
    with pytest.raises(GlobalStateRefused) as caught:
        new_owner("hq", user(role), "fleet at db.example")
    said = str(caught.value)
    assert "\n" not in said
    assert "fleet at db.example is headquarters' (hq)" in said
    assert "leave SHIFTBOOK_DATABASE_URL out" in said
    assert "FACTORY_ROLE=HEADQUARTERS" in said
