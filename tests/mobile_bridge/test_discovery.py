"""Nodes on a network: what they announce is heard, and believed only by its signature."""

from __future__ import annotations

import uuid
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from mobile_bridge.discovery import Announcer, NodeAnnouncement, listen_for_nodes, read_announcement

from orchestrator.app.devices.announcing import KNOWN, OTHER_FLEET, UNKNOWN_KEY, judge
from sync.signatures import Key, Principal, Verifier, make_key
from tests.conftest import lacking
from tests.waiting import until

LOOPBACK = ["127.0.0.1"]
SAID = NodeAnnouncement(node="desk", fleet="f" * 16, fingerprint="k" * 43, port=8823, addresses=("127.0.0.1",))


def listed(name: str, key: Key, role: str = "node") -> str:
    return Principal(name=name, roles=frozenset({role}), key=key.public).line


def some_node() -> NodeAnnouncement:
    """One whose name nobody else announces: all tests of this machine hear each other."""
    return replace(SAID, node=f"desk-{uuid.uuid4().hex[:12]}")


def heard_of(said: NodeAnnouncement, *moved: str) -> list[NodeAnnouncement]:
    """What is heard of a node that announces itself, and then moves to those addresses."""
    heard: list[NodeAnnouncement] = []
    seconds = chain([2.0], repeat(5.0))  # what is asked is answered a second or two later

    def listen() -> bool:
        heard[:] = [each for each in listen_for_nodes(next(seconds), interfaces=LOOPBACK) if each.node == said.node]
        return bool(heard)

    try:
        announcer = Announcer(said, interfaces=LOOPBACK)
    except OSError as error:
        lacking(f"no multicast here: {error}")
    try:
        if moved:
            announcer.move(list(moved))
        until(listen, "it is heard")
    finally:
        announcer.end()
    return heard


def test_an_announcement_is_heard_with_its_signature(tmp_path: Path) -> None:
    """By real multicast on the loopback interface; what was signed is what was heard."""
    key = make_key(tmp_path / "node", "desk")
    said = some_node().signed(key.sign)
    heard = heard_of(said)
    assert heard == [said]
    (found,) = judge(heard, fleet=SAID.fleet, verifier=Verifier(listed(said.node, key)))
    assert (found.standing, found.facts()["urls"]) == (KNOWN, ["http://127.0.0.1:8823"])


def test_a_node_that_moved_is_heard_where_it_is_now() -> None:
    """Under the same name, at its new address only."""
    assert [each.addresses for each in heard_of(some_node(), "127.0.0.2")] == [("127.0.0.2",)]


def test_a_spoofed_announcement_is_of_an_unknown_key(tmp_path: Path) -> None:
    """Without a signature, by a stranger's key, by another node's, by a person's, or with one word changed."""
    own, other, person = (make_key(tmp_path / name, name) for name in ("desk", "vps", "anna"))
    stranger = make_key(tmp_path / "stranger", "desk")
    signers = "\n".join([listed("desk", own), listed("vps", other), listed("anna", person, "admin")])
    said = SAID.signed(own.sign)
    spoofed = [
        SAID,
        SAID.signed(stranger.sign),
        SAID.signed(other.sign),
        SAID.signed(person.sign),
        replace(said, fingerprint="x" * 43),
        replace(said, port=80),
        replace(said, node="vps"),
        replace(said, signature="A" * 300),
        replace(said, signature="\u00e9"),
    ]
    verifier = Verifier(signers)
    assert {each.standing for each in judge(spoofed, fleet=SAID.fleet, verifier=verifier)} == {UNKNOWN_KEY}
    assert [each.standing for each in judge([said], fleet=SAID.fleet, verifier=verifier)] == [KNOWN]
    assert [each.standing for each in judge([said], fleet="0" * 16, verifier=verifier)] == [OTHER_FLEET]


@given(
    said=st.dictionaries(
        st.sampled_from([b"v", b"node", b"fleet", b"key", b"s0", b"s1"]) | st.binary(max_size=8),
        st.none() | st.sampled_from([b"1", b"desk", b"\x1b[2J", b"x" * 200]) | st.binary(max_size=40),
        max_size=8,
    ),
    port=st.integers(-1, 70_000),
)
def test_whatever_a_record_holds_is_read_or_left(said: dict[bytes, bytes | None], port: int) -> None:
    """No record of a network ends in an error, and none brings what a terminal would obey."""
    found = read_announcement(said, port, ["127.0.0.1"])
    if found is not None:
        assert (found.node + found.fleet + found.fingerprint).isprintable()
        assert 0 < found.port < 65536


def test_a_record_says_no_secret() -> None:
    """Name, fleet, fingerprint, signature: nothing else."""
    assert set(SAID.signed(lambda _: "-----BEGIN\nabc\n-----END\n").properties()) == {"v", "node", "fleet", "key", "s0"}
