"""Does a restore let nobody in again whom a person has shut out since the backup?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from mobile_bridge.pairing import device_id

from orchestrator.app import wiring
from orchestrator.app.kept_revocations import KeptRevocations, read_revocations, revocations_from
from orchestrator.core.ports.paired_devices import PairedDevice, Pairing, PairingState
from orchestrator.core.ports.stores import Stores
from orchestrator.core.settings import Settings
from tests.databases import brought_up
from tests.ledgers import NOON

NAMES = ("phone", "tablet", "watch")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A node with a database of its own."""
    return brought_up(Settings(home=tmp_path / "home"))


@pytest.fixture
def stores(settings: Settings) -> Iterator[Stores]:
    """Its stores, with three devices and two tokens in them."""
    opened = wiring.stores(settings)
    for name in NAMES:
        pair(opened, name)
    opened.tokens.add("ci", "digest-ci", ["missions"])
    opened.tokens.add("old", "digest-old", ["look"])
    yield opened
    opened.close()


def pair(stores: Stores, name: str) -> str:
    """Lets a device in as a person does; returns its id."""
    ident = device_id(name.encode())
    pairing = Pairing(
        id=f"p-{name}",
        fleet="f",
        key="k",
        scopes=frozenset({"look", "chat", "ops"}),
        created=NOON,
        expires=NOON,
        state=PairingState.WAITING,
    )
    stores.pairings.add(pairing)
    device = PairedDevice(id=ident, name=name, public_key=name, scopes=pairing.scopes, created=NOON)
    assert stores.pairings.confirm(pairing.id, device)
    return ident


def scopes(stores: Stores) -> dict[str, frozenset[str] | None]:
    """What each device may do; None for one that is out."""
    return {each.name: None if each.revoked else each.scopes for each in stores.paired.listing()}


ALL = frozenset({"look", "chat", "ops"})


def test_what_was_taken_from_whom_is_read(settings: Settings, stores: Stores) -> None:
    """Devices and tokens that are out, and what each other device may do."""
    phone, tablet, watch = (device_id(name.encode()) for name in NAMES)
    stores.paired.revoke(phone)
    stores.paired.change(tablet, scopes=["look"])
    stores.tokens.revoke("old")
    assert read_revocations(settings) == KeptRevocations(
        devices=frozenset({phone}),
        scopes={tablet: frozenset({"look"}), watch: ALL},
        tokens=frozenset({"digest-old"}),
        known=True,
    )


def test_another_version_reads_what_this_one_says(settings: Settings, stores: Stores) -> None:
    stores.paired.revoke(device_id(b"phone"))
    stores.tokens.revoke("old")
    found = read_revocations(settings)
    assert revocations_from(json.loads(json.dumps(found.as_plain()))) == found
    assert revocations_from(KeptRevocations().as_plain()) == KeptRevocations()


@pytest.mark.parametrize("plain", [None, [], {}, {"devices": 1}, {"devices": [], "scopes": [], "tokens": []}])
def test_what_is_no_revocations_is_said(plain: object) -> None:
    with pytest.raises(ValueError, match="these are no revocations"):
        revocations_from(plain)


def test_a_backup_from_before_lets_nobody_in_again(stores: Stores) -> None:
    """Who was shut out stays out, who was narrowed stays narrow, and each is told; everybody else is as they were."""
    phone, tablet, watch = (device_id(name.encode()) for name in NAMES)
    kept = KeptRevocations(
        devices=frozenset({phone}),
        scopes={tablet: frozenset({"look"}), watch: ALL},
        tokens=frozenset({"digest-old"}),
        known=True,
    )
    assert kept.apply(stores) == (
        "the device 'phone' stays revoked",
        "the device 'tablet' may do what it might before, not what the backup says",
        "the token 'old' stays revoked",
    )
    assert scopes(stores) == {"phone": None, "tablet": frozenset({"look"}), "watch": ALL}
    assert stores.tokens.find("digest-old") is None
    assert stores.tokens.find("digest-ci") is not None
    assert kept.apply(stores) == (), "doing it again changes nothing"


def test_a_device_gets_no_more_than_either_says(stores: Stores) -> None:
    """One that might do more before keeps what the backup says; one that the database did not know stays as it is."""
    tablet = device_id(b"tablet")
    assert stores.paired.change(tablet, scopes=["look"])
    wider = KeptRevocations(scopes={tablet: ALL}, known=True)
    assert wider.apply(stores) == ()
    assert scopes(stores) == {"phone": ALL, "tablet": frozenset({"look"}), "watch": ALL}


def test_without_anything_known_nothing_is_taken(stores: Stores) -> None:
    """A restore onto a new machine is no revocation."""
    assert KeptRevocations().apply(stores) == ()
    assert set(scopes(stores).values()) == {ALL}


def test_a_database_that_is_not_there_or_damaged_tells_nothing(tmp_path: Path) -> None:
    """It is a reason to restore, and makes no new one on the way."""
    nothing = read_revocations(Settings(home=tmp_path / "none"))
    assert (nothing, nothing.known) == (KeptRevocations(), False)
    assert not (tmp_path / "none").exists()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/shiftbook.db").write_bytes(b"this is no database, whatever its name says" * 100)
    assert not read_revocations(Settings(home=tmp_path / "broken")).known
    assert not read_revocations(Settings(home=tmp_path, database_url="postgresql://127.0.0.1:1/none")).known
