"""The words of a pairing: what both sides compute, and what nobody between them can choose."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mobile_bridge.device_name import MAX_NAME_CHARACTERS, check_device_name
from mobile_bridge.key_exchange import ExchangeKey, key_fingerprint
from mobile_bridge.pairing import (
    MAX_URLS,
    PairingClaim,
    PairingTicket,
    WrongTicket,
    commit_nonce,
    device_id,
    pairing_key,
    read_ticket,
)
from mobile_bridge.replay_window import WINDOW, ReplayWindow
from mobile_bridge.wire_encoding import decode_base64, encode_base64, join_parts

VECTORS = Path(__file__).parent / "vectors" / "pairing.json"
NODE, PHONE = (ExchangeKey.from_scalar(bytes([number]) * 32) for number in (3, 5))
TICKET = PairingTicket(
    node="desk",
    fleet="0123456789abcdef",
    fingerprint=key_fingerprint(NODE.public),
    pairing=encode_base64(bytes(range(8))),
    secret=bytes(range(16)),
    urls=("http://192.168.7.5:8823", "http://desk.local:8823", "https://hq.example"),
)
CLAIM = PairingClaim(
    pairing=TICKET.pairing,
    fleet=TICKET.fleet,
    node_fingerprint=TICKET.fingerprint,
    public_key=PHONE.public,
    name="Søren's phone",
    commitment=commit_nonce(bytes(16), PHONE.public),
)


@given(
    node=st.text(max_size=20),
    fleet=st.text(max_size=16),
    secret=st.binary(min_size=16, max_size=16),
    hosts=st.lists(st.from_regex(r"https?://[a-z0-9.\-]{1,30}(:[0-9]{1,4})?", fullmatch=True), max_size=MAX_URLS),
)
def test_a_ticket_is_read_as_it_was_written(node: str, fleet: str, secret: bytes, hosts: list[str]) -> None:
    """Whatever a node is called and wherever it is, the phone reads what the node wrote."""
    ticket = replace(TICKET, node=node, fleet=fleet, secret=secret, urls=tuple(hosts))
    assert read_ticket(ticket.text) == ticket


@given(text=st.text(max_size=300) | st.lists(st.text(max_size=60), min_size=5, max_size=5).map(".".join))
def test_what_is_no_ticket_is_told_in_a_line(text: str) -> None:
    """Any other code that a camera finds ends in one plain sentence."""
    with pytest.raises(WrongTicket) as error:
        read_ticket(text)
    assert "\n" not in str(error.value)


def test_a_ticket_of_another_version_says_so() -> None:
    """Version 2 is not read as version 1."""
    with pytest.raises(WrongTicket, match="another version"):
        read_ticket("2" + TICKET.text[1:])


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "//evil.example", "ftp://x"])
def test_a_ticket_leads_to_the_web_only(url: str) -> None:
    """Addresses that are no http are refused, wherever they come from."""
    with pytest.raises(WrongTicket):
        read_ticket(replace(TICKET, urls=(url,)).text)


def code(claim: PairingClaim, **changed: bytes) -> str:
    given: dict[str, bytes] = {"node_key": NODE.public, "node_nonce": bytes(16), "device_nonce": bytes(16)}
    return claim.code(pairing_key(TICKET.secret), **{**given, **changed})


def test_the_code_depends_on_everything_that_was_said() -> None:
    """Both keys, both nonces, the secret, the name, the fleet, the pairing: with another one the digits are others."""
    other = ExchangeKey.from_scalar(bytes([9]) * 32).public
    codes = [
        code(CLAIM),
        code(CLAIM, node_key=other),
        code(CLAIM, node_nonce=b"n" * 16),
        code(CLAIM, device_nonce=b"d" * 16),
        code(replace(CLAIM, public_key=other)),
        code(replace(CLAIM, name="Another phone")),
        code(replace(CLAIM, fleet="f" * 16)),
        code(replace(CLAIM, pairing=encode_base64(b"12345678"))),
        CLAIM.code(pairing_key(b"s" * 16), node_key=NODE.public, node_nonce=bytes(16), device_nonce=bytes(16)),
    ]
    assert len(set(codes)) == len(codes)
    assert all(len(each) == 6 and each.isdigit() for each in codes)


def test_a_proof_of_one_side_is_none_of_the_other() -> None:
    """The node's proof cannot be made out of the phone's, and neither is the code's."""
    key = pairing_key(TICKET.secret)
    assert CLAIM.proof(key) != CLAIM.node_proof(key, NODE.public, bytes(16))
    assert CLAIM.proof(key) != replace(CLAIM, name="Another phone").proof(key)
    assert CLAIM.proof(key) != CLAIM.proof(pairing_key(b"s" * 16))


@given(one=st.lists(st.binary(max_size=6), max_size=4), two=st.lists(st.binary(max_size=6), max_size=4))
def test_parts_are_joined_in_one_way_only(one: list[bytes], two: list[bytes]) -> None:
    """No two lists of parts give the same bytes, so nothing can be moved from one field into the next."""
    assert (join_parts(*one) == join_parts(*two)) is (one == two)


@given(data=st.binary(max_size=100))
def test_base64_has_one_text_for_each_value(data: bytes) -> None:
    """What was encoded is decoded; padding and filling bits that say something are refused."""
    text = encode_base64(data)
    assert decode_base64(text) == data
    for wrong in (text + "=", text + "\n", text + "?"):
        with pytest.raises(ValueError, match="base64"):
            decode_base64(wrong)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "a\nb",
        "a\tb",
        "\x1b[31mred",
        "bad\u202egnp.exe",
        "zero\u200bwidth",
        "nul\0",
        "x" * 41,
        "\u2067a",
        "Z" + "\u0301" * 30,
    ],
)
def test_names_that_could_deceive_are_refused(name: str) -> None:
    """Control characters, marks of direction, what cannot be seen, piles of accents, and what is too long."""
    with pytest.raises(ValueError, match=str(MAX_NAME_CHARACTERS)):
        check_device_name(name)


@pytest.mark.parametrize("name", ["Søren's phone", "<img src=x onerror=alert(1)>", "[red]x[/red]", "電話", "Ré 2"])
def test_names_that_people_give_are_kept(name: str) -> None:
    """Markup is text: it is shown, never obeyed."""
    assert check_device_name(f" {name} ") == name


@given(numbers=st.lists(st.integers(-5, 3 * WINDOW), max_size=200))
def test_a_number_is_taken_once(numbers: list[int]) -> None:
    """In any order: no number twice, none below zero, and each new one that is not too far behind the newest."""
    window, taken = ReplayWindow(), set[int]()
    for number in numbers:
        newest = max(taken, default=-1)
        expected = number >= 0 and number not in taken and number > newest - WINDOW
        assert window.take(number) is expected
        taken |= {number} if expected else set()


def vectors() -> dict[str, object]:
    """A pairing with fixed keys, as both languages must have it."""
    key, nonces = pairing_key(TICKET.secret), {"node": b"n" * 16, "device": bytes(16)}
    made = CLAIM.code(key, node_key=NODE.public, node_nonce=nonces["node"], device_nonce=nonces["device"])
    return {
        "ticket": TICKET.text,
        "node": TICKET.node,
        "fleet": TICKET.fleet,
        "fingerprint": TICKET.fingerprint,
        "pairing": TICKET.pairing,
        "secret": encode_base64(TICKET.secret),
        "urls": list(TICKET.urls),
        "key": encode_base64(key),
        "public_key": encode_base64(PHONE.public),
        "device": device_id(PHONE.public),
        "name": CLAIM.name,
        "nonce": encode_base64(nonces["device"]),
        "commitment": encode_base64(CLAIM.commitment),
        "proof": encode_base64(CLAIM.proof(key)),
        "node_key": encode_base64(NODE.public),
        "node_nonce": encode_base64(nonces["node"]),
        "node_proof": encode_base64(CLAIM.node_proof(key, NODE.public, nonces["node"])),
        "code": made,
    }


def test_the_vectors_are_what_this_side_makes() -> None:
    """The file that the client's tests read says what the node does."""
    assert json.loads(VECTORS.read_text(encoding="utf-8")) == vectors()
