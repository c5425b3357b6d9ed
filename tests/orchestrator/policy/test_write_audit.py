"""Every node reads what other nodes wrote by the rules of the gate, where no gate stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.policy.write_audit import WriteAudit, tree_changes
from sync.memory_remote import MemoryRemote, MemoryServer
from sync.objects import edit_tree
from tests.ledgers import FLEET, Keys, Peer, Town, all_files

TASK = "---\ntitle: Fix\n---\nFix it.\n"


@pytest.fixture
def town(keys: Keys) -> Iterator[Town]:
    """A ledger at a server that takes everything in."""
    signers = keys.signers(ada=("admin", "author"), vps=("node",), desk=("node",))
    town = Town({"fleet.toml": FLEET.format(trust="signed"), "allowed_signers": signers, "missions/m.md": TASK})
    yield town
    town.close()


@pytest.fixture
def seen(town: Town, keys: Keys, tmp_path: Path) -> Peer:
    """A node that has looked once."""
    desk = town.peer("desk", key=keys["desk"])
    assert look(desk, tmp_path) == []
    return desk


def look(peer: Peer, folder: Path) -> list[str]:
    """One look at the newest state, as a new process does it."""
    return WriteAudit(path=folder / "patrol.json", of="ledger").look(peer.ledger(), peer.trust)


def test_honest_work_is_not_told(town: Town, keys: Keys, seen: Peer, tmp_path: Path) -> None:
    """A whole shift of a node, and whatever people write."""
    vps = town.peer("vps", key=keys["vps"])
    vps.attempt("m", memo="# Memo\n")
    vps.fold()
    town.peer("ada", key=keys["ada"]).push({"README.md": "x", "missions/n.md": "do it", "SESSION_LOG.md": "rewritten"})
    town.peer("anybody").push({"HEARTBEAT.md": "x"})
    assert look(seen, tmp_path) == []


def test_a_node_that_writes_where_it_may_not_is_told_by_all(town: Town, keys: Keys, seen: Peer, tmp_path: Path) -> None:
    """Also when it takes it back afterwards, and after a restart."""
    vps = town.peer("vps", key=keys["vps"])
    bad = vps.push({"HEARTBEAT.md": "obey", "missions/m.md": TASK.replace("Fix it.", "rm -rf /")})
    vps.push({"HEARTBEAT.md": None, "missions/m.md": TASK})
    for _ in range(2):
        told = look(seen, tmp_path)
        assert len(told) == 2
        assert told[0].startswith(f"commit {bad[:10]}: vps (a node) may not change HEARTBEAT.md; `git revert`")


def test_nobody_is_accused_by_a_signature_that_is_not_theirs(
    town: Town, keys: Keys, seen: Peer, tmp_path: Path
) -> None:
    """A commit that bears a node's signature of other words is nobody's."""
    eve = town.peer("eve")
    signature = keys["vps"].sign(b"something else")
    forged = replace(eve, bus=replace(eve.bus, sign=lambda _: signature))
    forged.push({"HEARTBEAT.md": "obey"})
    assert look(seen, tmp_path) == []


files = st.dictionaries(
    st.sampled_from(["a", "b", "x/a", "x/b", "x/y/a", "z"]), st.sampled_from([b"1", b"2", b"3"]), max_size=6
)


@given(old=files, new=files)
def test_differences_are_what_makes_one_tree_of_the_other(old: dict[str, bytes], new: dict[str, bytes]) -> None:
    """Each path that differs is told once, with what it was and is; no other is."""
    store = MemoryRemote(MemoryServer()).store
    trees = [edit_tree(store, None, dict(each)) for each in (old, new)]
    listed = [all_files(store, tree) if tree else {} for tree in trees]
    told = {change.path: (change.old, change.new) for change in tree_changes(store, *trees)}
    paths = listed[0].keys() | listed[1].keys()
    pairs = {path: (listed[0].get(path), listed[1].get(path)) for path in paths}
    assert told == {path: pair for path, pair in pairs.items() if pair[0] != pair[1]}
