"""Do the commands that change who is in the fleet change that and nothing else, and come into force?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.core.errors import Refused
from orchestrator.policy.membership import Membership, admission_problem, free_node_name
from sync.signatures import read_signers
from tests.ledgers import FLEET, Keys, Town


@pytest.fixture
def town(keys: Keys) -> Town:
    """anna administers."""
    signers = keys.signers(anna=("admin", "author"), n1=("node",))
    return Town({"fleet.toml": FLEET.format(trust="signed"), "allowed_signers": signers})


def membership(town: Town, keys: Keys) -> Membership:
    """anna's way to change it."""
    anna = town.peer("anna", key=keys["anna"])
    bus = replace(anna.bus, key=keys["anna"].public)
    return Membership(bus=bus, reader=anna.reader, trust=anna.trust)


def test_who_is_let_in_brings_nobody_else(town: Town, keys: Keys) -> None:
    """eve has pushed her own key, and that of the machine that anna admits now: eve is not in, the machine is."""
    evil = keys.signers(anna=("admin", "author"), n1=("node",), eve=("admin",), n2=("node",))
    town.peer("eve", key=keys["eve"]).push({"allowed_signers": evil})
    membership(town, keys).admit("n2", frozenset({"node"}), keys["n2"].public)
    ledger = town.peer("n1").ledger()
    assert ledger.signers == keys.signers(anna=("admin", "author"), n1=("node",), n2=("node",))
    assert ledger.alarms == ()


def test_who_is_put_out_or_changes_keys_counts_at_once(town: Town, keys: Keys) -> None:
    """Whatever somebody has left on the branch."""
    member, node = membership(town, keys), town.peer("n1")
    member.replace(keys["n1"].public, keys["n2"].public)
    assert keys["n2"].public in node.ledger().signers
    town.peer("nobody").push({"allowed_signers": None})
    member.revoke("n1")
    assert (node.ledger().signers, node.ledger().alarms) == (keys.signers(anna=("admin", "author")), ())


def test_the_last_admin_is_not_put_out(town: Town, keys: Keys) -> None:
    """Nobody could change the list again; nothing is pushed."""
    member = membership(town, keys)
    tip = town.peer("n1").ledger().tip
    with pytest.raises(Refused, match="admit another one first"):
        member.revoke("anna")
    assert town.peer("n1").ledger().tip == tip


def test_a_key_is_let_in_and_not_a_name(keys: Keys) -> None:
    """A machine that calls itself like a node is none; what it is told is a free name and the line for an admin."""
    nodes = read_signers(keys.signers(anna=("admin",), n1=("node",), n2=("node",))).values()
    mine, strange = keys["n1"].public, keys["n3"].public
    assert admission_problem("n1", mine, nodes) == ""
    assert "set SHIFTBOOK_NODE_ID=n1" in admission_problem("n2", mine, nodes)
    stolen = admission_problem("n1", strange, nodes)
    assert f"shiftbook fleet admit n1-2 --role node --key '{strange}'" in stolen
    assert "SHIFTBOOK_NODE_ID=n1-2" in stolen
    assert admission_problem("n9", strange, nodes).endswith(f"shiftbook fleet admit n9 --role node --key '{strange}'")
    assert "is not a node" in admission_problem("anna", keys["anna"].public, nodes)


def test_two_machines_do_not_get_one_name(town: Town, keys: Keys) -> None:
    """Each would speak for the other. A person may have several keys, and the same line twice changes nothing."""
    member = membership(town, keys)
    with pytest.raises(Refused, match="SHIFTBOOK_NODE_ID=n1-2"):
        member.admit("n1", frozenset({"node"}), keys["n2"].public)
    member.admit("n1", frozenset({"node"}), keys["n1"].public)
    member.admit("anna", frozenset({"author"}), keys["n2"].public)
    assert town.peer("n1").ledger().signers.count("n1,role=node") == 1


def test_a_free_name_is_free() -> None:
    """The first one that nobody has."""
    assert [free_node_name("vm", set()), free_node_name("vm", {"vm", "vm-2"})] == ["vm", "vm-3"]
