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


@pytest.mark.parametrize("blank", ["\t", "   "])
def test_a_line_that_somebody_wrote_by_hand_is_changed_like_any_other(town: Town, keys: Keys, blank: str) -> None:
    """Blanks in it are no way to stay in the list, nor to lose the new key of a rotation."""
    member, node = membership(town, keys), town.peer("n1")
    signers, key = node.ledger().signers, keys["n1"].public
    town.peer("anna", key=keys["anna"]).push({"allowed_signers": signers.replace(key, key.replace(" ", blank))})
    member.replace(key, keys["n2"].public)
    assert set(read_signers(node.ledger().signers)) == {keys["anna"].public, keys["n2"].public}
    town.peer("anna", key=keys["anna"]).push(
        {"allowed_signers": signers.replace(key, keys["n2"].public.replace(" ", blank))}
    )
    member.revoke("n1")
    assert set(read_signers(node.ledger().signers)) == {keys["anna"].public}


def test_who_is_in_is_read_from_the_lines_and_not_from_the_text(town: Town, keys: Keys) -> None:
    """Neither a line that was commented out nor another one's that ends alike lets anybody in."""
    member, node = membership(town, keys), town.peer("n1")
    line = keys.signers(bob=("author",))
    others = f"# {line}jim{line.replace(keys['bob'].public, keys['n3'].public)}"
    town.peer("anna", key=keys["anna"]).push({"allowed_signers": node.ledger().signers + others})
    member.admit("bob", frozenset({"author"}), keys["bob"].public)
    assert read_signers(node.ledger().signers)[keys["bob"].public].name == "bob"


def test_a_key_that_is_in_gets_more_roles_and_loses_none(town: Town, keys: Keys) -> None:
    """A second line would count instead of the first. Nobody's key becomes another one's."""
    member, node = membership(town, keys), town.peer("n1")
    member.admit("anna", frozenset({"author", "node"}), keys["anna"].public)
    assert read_signers(node.ledger().signers)[keys["anna"].public].roles == {"admin", "author", "node"}
    assert node.ledger().signers.count(keys["anna"].public) == 1
    with pytest.raises(Refused, match=r"that key is anna's already.*fleet revoke anna"):
        member.admit("n2", frozenset({"node"}), keys["anna"].public)


def test_every_line_of_a_name_is_taken_out(town: Town, keys: Keys) -> None:
    """Even one that does not count, because a later line has the same key."""
    member, node = membership(town, keys), town.peer("n1")
    twice = keys.line("ben", "author") + "\n" + keys.line("ben", "author").replace("ben,", "bea,", 1) + "\n"
    town.peer("anna", key=keys["anna"]).push({"allowed_signers": node.ledger().signers + twice})
    member.revoke("ben")
    assert keys["ben"].public not in node.ledger().signers


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
