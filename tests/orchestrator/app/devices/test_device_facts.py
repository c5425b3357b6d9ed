"""Do command line and HTTP tell the same of devices and pairings, and nothing in it that lets anybody in?"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mobile_bridge.pairing import PairingTicket, read_ticket

from orchestrator.api.auth.scopes import DEVICE_SCOPES
from orchestrator.app.devices.device_facts import (
    LINK_PATH,
    SCOPE_WORDS,
    choose_device,
    device_facts,
    moment,
    ordered_scopes,
    pairing_facts,
    qr_rows,
    ticket_facts,
)
from orchestrator.core.errors import NotFound, WrongSetting
from orchestrator.core.ports.paired_devices import PairedDevice, Pairing, PairingState

NOON = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
PHONE = PairedDevice(id="Ab1", name="phone", public_key="key", scopes=frozenset({"chat", "look"}), created=NOON)
PAIRING = Pairing(
    id="p1",
    fleet="f",
    key="the-key-that-proves",
    scopes=frozenset({"look"}),
    created=NOON,
    expires=NOON + timedelta(minutes=5),
    state=PairingState.WAITING,
    claimed_name="Pixel",
    public_key="public",
    commitment="committed",
    node_nonce="nonce",
    code="123456",
    tries=1,
    rivals=2,
)
TICKET = PairingTicket(
    node="desk",
    fleet="f",
    fingerprint="A" * 43,
    pairing="A" * 11,
    secret=b"s" * 16,
    urls=("https://desk:8484", "http://127.0.0.1:8484"),
)


def test_a_device_says_what_it_may_in_words() -> None:
    """In the order of the scopes, whatever order they are kept in."""
    told = device_facts(PHONE)
    assert (told["scopes"], told["may"]) == (["look", "chat"], ["read", "talk"])
    assert (told["state"], told["created"], told["seen"]) == ("paired", "2026-11-21T12:00:00+00:00", None)
    revoked = device_facts(replace(PHONE, seen=NOON, revoked=NOON))
    assert (revoked["state"], revoked["revoked"], revoked["seen"]) == ("revoked", *["2026-11-21T12:00:00+00:00"] * 2)
    assert "key" not in told.values()


def test_every_scope_has_its_words() -> None:
    """A device can be given no scope that a person is not told of."""
    assert set(SCOPE_WORDS) == DEVICE_SCOPES


def test_a_pairing_tells_no_secret() -> None:
    """Only what a person compares; the name that they gave goes before the one that the device says."""
    told = pairing_facts(PAIRING)
    words = json.dumps(told)
    assert not [secret for secret in (PAIRING.key, "public", "committed", "nonce") if f'"{secret}"' in words]
    assert (told["name"], told["claimed_name"], told["code"], told["state"]) == ("Pixel", "Pixel", "123456", "waiting")
    assert (told["tries"], told["rivals"], told["expires"]) == (1, 2, "2026-11-21T12:05:00+00:00")
    assert pairing_facts(replace(PAIRING, name="my phone"))["name"] == "my phone"


def test_the_link_holds_the_ticket_where_no_server_sees_it() -> None:
    """Behind the `#`; it reads back as the ticket."""
    told = ticket_facts(TICKET, PAIRING, "https://desk:8484")
    page, _, behind = told["link"].partition("#")
    assert page + "#" == f"https://desk:8484{LINK_PATH}"
    assert read_ticket(behind) == TICKET
    assert (told["urls"], told["fingerprint"]) == (["https://desk:8484", "http://127.0.0.1:8484"], "A" * 43)
    assert told.items() >= pairing_facts(PAIRING).items()


def test_the_code_is_square_and_of_light_and_dark() -> None:
    """As large as its link needs, row by row."""
    small, large = qr_rows("https://desk:8484/app/pair#x"), qr_rows("https://desk:8484/app/pair#" + "x" * 400)
    for rows in (small, large):
        assert {len(row) for row in rows} == {len(rows)}
        assert set("".join(rows)) == {"0", "1"}
    assert len(small) < len(large)


@given(st.lists(st.sampled_from([*SCOPE_WORDS, "root", ""])))
def test_scopes_are_told_in_one_order(scopes: list[str]) -> None:
    """Each once; a word that is none is not told."""
    told = ordered_scopes(scopes)
    assert told == sorted(set(scopes) & set(SCOPE_WORDS), key=list(SCOPE_WORDS).index)


def test_a_moment_is_read_by_programs() -> None:
    """To the second, with its zone; none is none."""
    assert moment(NOON) == "2026-11-21T12:00:00+00:00"
    assert moment(None) is None


def device(ident: str, name: str, *, revoked: bool = False) -> PairedDevice:
    """One of them."""
    return replace(PHONE, id=ident, name=name, revoked=NOON if revoked else None)


DEVICES = [
    device("aa1", "phone"),
    device("aa2", "tablet"),
    device("bb1", "phone", revoked=True),
    device("cc1", "aa"),
    device("dd1", "twin"),
    device("dd2", "twin"),
]


@pytest.mark.parametrize(
    ("said", "ident"),
    [("phone", "aa1"), ("tablet", "aa2"), ("aa2", "aa2"), ("aa", "cc1"), ("c", "cc1"), ("dd2", "dd2")],
)
def test_a_device_is_meant_by_its_name_or_its_ids_beginning(said: str, ident: str) -> None:
    """A name goes first; who was shut out has neither."""
    assert choose_device(DEVICES, said).id == ident


@pytest.mark.parametrize("said", ["", "bb1", "nobody", "Phone", " "])
def test_no_device_is_told_where_to_look(said: str) -> None:
    """Nothing typed means no device, not every one."""
    with pytest.raises(NotFound, match="shiftbook device list"):
        choose_device(DEVICES, said)


@pytest.mark.parametrize("said", ["twin", "d", "aa"])
def test_several_are_none(said: str) -> None:
    """Nothing is done to one of two that a word may mean."""
    with pytest.raises(WrongSetting, match="say its id"):
        choose_device([*DEVICES, device("ee1", "aa")], said)
