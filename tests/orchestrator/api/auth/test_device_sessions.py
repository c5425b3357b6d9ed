"""Is a session its device's alone, over when it should be, and is everything of a revoked device cut?"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from orchestrator.api.auth import device_sessions
from orchestrator.api.auth.device_sessions import DEVICE_SESSIONS, SESSION_SECONDS, InMemoryDeviceSessions
from orchestrator.api.auth.tokens import SESSION_PREFIX, TOUCH_INTERVAL, CallerKind
from orchestrator.api.web.revocation import RevocationWatch
from orchestrator.core.errors import StoreFailed
from orchestrator.core.ports.paired_devices import PairedDevice
from tests.ledgers import NOON, Clock, Ticks
from tests.waiting import PATIENCE, until


@dataclass
class Devices:
    """The paired devices, in memory: a stand-in for the node's database."""

    there: dict[str, PairedDevice] = field(default_factory=dict)
    touched: list[tuple[str, datetime]] = field(default_factory=list)

    def pair(self, name: str, *scopes: str) -> None:
        """Lets one in."""
        self.there[name] = PairedDevice(
            id=name, name=f"{name}'s phone", public_key="k", scopes=frozenset(scopes), created=NOON
        )

    def find(self, device_id: str) -> PairedDevice | None:
        """One that counts."""
        return self.there.get(device_id)

    def touch(self, device_id: str, when: datetime) -> None:
        """It was here."""
        self.touched.append((device_id, when))
        self.there[device_id] = replace(self.there[device_id], seen=when)


@dataclass
class Desk:
    """Sessions with their clocks and devices."""

    devices: Devices = field(default_factory=Devices)
    ticks: Ticks = field(default_factory=Ticks)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.sessions = InMemoryDeviceSessions(devices=self.devices, now=self.clock, clock=self.ticks)  # type: ignore[arg-type]
        for name in ("ada", "bob"):
            self.devices.pair(name, "look", "chat")


@pytest.fixture
def desk() -> Desk:
    """Two devices that are let in."""
    return Desk()


def test_a_session_is_its_devices(desk: Desk) -> None:
    """With what the device may do now, not what it might when the session began."""
    secret, seconds = desk.sessions.begin("ada")
    assert (secret.startswith(SESSION_PREFIX), seconds) == (True, SESSION_SECONDS)
    caller = desk.sessions.read(secret)
    assert caller is not None
    assert (caller.device, caller.kind, caller.scopes) == ("ada", CallerKind.DEVICE, frozenset({"look", "chat"}))
    desk.devices.pair("ada", "look")
    narrowed = desk.sessions.read(secret)
    assert narrowed is not None
    assert narrowed.scopes == frozenset({"look"})


def test_no_session_is_guessed_or_kept_as_it_is(desk: Desk) -> None:
    """Each is another one, and the memory of the process holds none of them."""
    secrets = {desk.sessions.begin("ada")[0] for _ in range(5)}
    assert len(secrets) == 5
    assert not [key for key in desk.sessions._open if key in secrets]
    for text in ("", SESSION_PREFIX, "x", next(iter(secrets))[:-1], next(iter(secrets)) + "x"):
        assert desk.sessions.read(text) is None


def test_a_session_ends(desk: Desk) -> None:
    """By time, by word, and with its device."""
    secret, seconds = desk.sessions.begin("ada")
    desk.ticks.at += seconds - 1
    assert desk.sessions.read(secret) is not None
    desk.ticks.at += 1
    assert desk.sessions.read(secret) is None
    other, _ = desk.sessions.begin("ada")
    desk.sessions.end(other)
    desk.sessions.end(other)
    assert desk.sessions.read(other) is None
    last, _ = desk.sessions.begin("ada")
    del desk.devices.there["ada"]
    assert desk.sessions.read(last) is None


def test_a_devices_oldest_gives_way_and_no_other_ones(desk: Desk) -> None:
    """However many it begins."""
    bobs, _ = desk.sessions.begin("bob")
    mine = [desk.sessions.begin("ada")[0] for _ in range(DEVICE_SESSIONS + 3)]
    assert [desk.sessions.read(each) is not None for each in mine] == [False] * 3 + [True] * DEVICE_SESSIONS
    assert desk.sessions.read(bobs) is not None


def test_so_many_are_kept_in_all(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest of all gives way then."""
    monkeypatch.setattr(device_sessions, "MAX_SESSIONS", 3)
    every = [desk.sessions.begin(name)[0] for name in ("ada", "bob", "ada", "bob")]
    assert [desk.sessions.read(each) is not None for each in every] == [False, True, True, True]


def test_when_a_device_was_here_is_noted_now_and_then(desk: Desk) -> None:
    """Not with each request: that would be a write for each."""
    secret, _ = desk.sessions.begin("ada")
    for _ in range(3):
        desk.sessions.read(secret)
    assert desk.devices.touched == [("ada", NOON)]
    desk.clock.forward(TOUCH_INTERVAL.total_seconds() - 1)
    desk.sessions.read(secret)
    assert len(desk.devices.touched) == 1
    desk.clock.forward(1)
    desk.sessions.read(secret)
    assert desk.devices.touched[1:] == [("ada", NOON + TOUCH_INTERVAL)]
    assert timedelta(seconds=1) < TOUCH_INTERVAL


def test_everything_of_a_revoked_device_is_cut() -> None:
    """Its stream and its line, at once where this process does it; others go on, and one that ended is left alone."""
    watch = RevocationWatch(lambda device: True, seconds=3600)
    here, there = socket.socketpair()
    gone, _ = socket.socketpair()
    gone.close()
    with here, there:
        adas = [watch.begin("ada", here), watch.begin("ada", None), watch.begin("ada", gone)]
        bobs, ended = watch.begin("bob", None), watch.begin("ada", None)
        watch.end(ended)
        watch.end(ended)
        watch.cut("ada")
        assert all(each.cut.is_set() for each in adas)
        assert not bobs.cut.is_set()
        assert not ended.cut.is_set()
        assert there.recv(1) == b"", "whoever reads is told that this is the end"


def test_a_revocation_by_another_process_is_seen() -> None:
    """Within a look, also where the database did not answer one; without requests nobody looks."""
    out: set[str] = set()
    asked: list[str] = []

    def in_force(device: str) -> bool:
        asked.append(device)
        if len(asked) == 1:
            raise StoreFailed("here", "busy", passing=True)
        return device not in out

    watch = RevocationWatch(in_force, seconds=0.01)
    ada, bob = watch.begin("ada", None), watch.begin("bob", None)
    out.add("ada")
    assert ada.cut.wait(PATIENCE)
    assert not bob.cut.is_set()
    watch.end(ada)
    watch.end(bob)
    until(lambda: not watch._watching, "nobody is watched")
    again = watch.begin("ada", None)
    assert again.cut.wait(PATIENCE), "the next request is watched again"
    watch.end(again)
