"""Do the commands that change who is in the fleet change that and nothing else, and come into force?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.core.errors import Refused
from orchestrator.policy.membership import Membership
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
