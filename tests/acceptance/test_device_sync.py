"""Three devices and two nodes: whatever is lost, sent again, restored or told the wrong time, all have the same."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from flask_openapi.openapi import OpenAPI
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from mobile_bridge.merge import MergedOperations
from mobile_bridge.operations import NODE_MARK, Draft, encode, read_operations

from orchestrator.adapters.database.factory import open_stores
from orchestrator.api.app import create_app
from orchestrator.api.factory import open_authenticator
from orchestrator.api.web.context import SERVICES_KEY, AppServices
from orchestrator.app import wiring
from orchestrator.core.ports.stores import Stores
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings
from orchestrator.node.peer_sync import PeerSync, PeerSyncFailed
from tests.acceptance.syncing.device import Device, LostAnswer

BEGAN = 1_795_953_600_000
DAY = 24 * 3600 * 1000
SKEWS = {"phone~1": DAY, "tablet~1": -DAY, "desk~1": 0}
NODES = {"home": 40_000, "vps": -40_000}
"""How wrong the nodes' clocks are, in milliseconds."""
PLACES = st.sampled_from([("draft/d", "text"), ("chat/c", "title")])
DEVICES = st.sampled_from(sorted(SKEWS))
SERVERS = st.sampled_from(sorted(NODES))
_apps: dict[str, OpenAPI] = {}
"""The apps are made once: making one takes longer than all that is done with it here."""


class SyncMachine(RuleBasedStateMachine):
    """What may happen, in any order."""

    @initialize()
    def begin(self) -> None:
        """Empty nodes; a backup of each, as it is now."""
        self.folder = Path(tempfile.mkdtemp())
        self.time = BEGAN
        self.stores = {node: self._open(node) for node in NODES}
        self.devices = {name: Device(name, skew, lambda: self.time) for name, skew in SKEWS.items()}
        for node in NODES:
            self.stores[node].copies.save(self.folder / f"{node}.backup")

    def _open(self, node: str) -> Stores:
        home = self.folder / node
        stores = open_stores(f"sqlite:///{home}/shiftbook.db", now=lambda: self._now(node), new_id=str, node=node)
        configured = Settings(home=home, node_id=node, role=Role.HEADQUARTERS)
        services = AppServices(
            settings=configured,
            now=lambda: self._now(node),
            fleet=lambda: wiring.fleet(configured),
            door=open_authenticator(configured, stores),
            stores=stores,
        )
        if node not in _apps:
            _apps[node] = create_app(services)
        _apps[node].extensions[SERVICES_KEY] = services
        return stores

    def _now(self, node: str) -> datetime:
        return datetime.fromtimestamp((self.time + NODES[node]) / 1000, UTC)

    def _peer(self, node: str, other: str, *, lose: bool) -> PeerSync:
        way: httpx.BaseTransport = httpx.WSGITransport(app=_apps[other])
        return PeerSync(
            url="http://localhost",
            token="",
            node=node,
            ops=self.stores[node].sync_ops,
            marks=self.stores[node].marks,
            now=lambda: self.time + NODES[node],
            transport=Losing(way) if lose else way,
        )

    @rule(milliseconds=st.sampled_from([1, 1000, 3_600_000]))
    def wait(self, milliseconds: int) -> None:
        """Time passes."""
        self.time += milliseconds

    @rule(name=DEVICES, place=PLACES, value=st.sampled_from("xyz"))
    def put(self, name: str, place: tuple[str, str], value: str) -> None:
        """A device sets a register."""
        self.devices[name].say("set", *place, value)

    @rule(name=DEVICES)
    def append(self, name: str) -> None:
        """A device appends a turn."""
        device = self.devices[name]
        device.say("append", "chat/c", "turn", {"role": "user", "text": f"{name} {len(device.log)}"})

    @rule(name=DEVICES)
    def decide(self, name: str) -> None:
        """A person settles what is open."""
        device = self.devices[name]
        for each in device.known.conflicts():
            if not each.resolved_by:
                draft = each.resolution("settled")
                device.say("set", draft.entity, draft.field, draft.value, draft.resolves)
                return

    @rule(node=SERVERS)
    def answer(self, node: str) -> None:
        """A node says something itself."""
        draft = Draft(kind="append", entity="chat/c", field="turn", value={"role": "assistant", "text": str(self.time)})
        self.stores[node].sync_ops.write([draft], now=self.time + NODES[node])

    @rule(name=DEVICES, node=SERVERS, lose=st.booleans())
    def sync(self, name: str, node: str, lose: bool) -> None:
        """A device syncs; the answer to its first push may be lost."""
        with suppress(LostAnswer):
            self.devices[name].sync(node, _apps[node].test_client(), lose=lose)

    @rule(name=DEVICES, node=SERVERS, at=st.integers(0, 8))
    def replay(self, name: str, node: str, at: int) -> None:
        """Another tab sends again what was sent."""
        self.devices[name].replay(_apps[node].test_client(), at)

    @rule(node=SERVERS, lose=st.booleans())
    def exchange(self, node: str, lose: bool) -> None:
        """A node syncs with the other one."""
        other = "vps" if node == "home" else "home"
        try:
            self._peer(node, other, lose=lose).exchange()
        except PeerSyncFailed:
            assert lose

    @rule(node=SERVERS)
    def back_up(self, node: str) -> None:
        """A backup of now replaces the one before."""
        (self.folder / f"{node}.backup").unlink()
        self.stores[node].copies.save(self.folder / f"{node}.backup")

    @rule(node=SERVERS)
    def restore(self, node: str) -> None:
        """A node goes back to its last backup."""
        self.stores[node].copies.load(self.folder / f"{node}.backup")

    def teardown(self) -> None:
        """Once all have met, all have the same, and each has what it said."""
        if not hasattr(self, "stores"):
            return
        try:
            self._meet()
            self._judge()
        finally:
            for stores in self.stores.values():
                stores.close()
            shutil.rmtree(self.folder)

    def _meet(self) -> None:
        self.time += 60_000
        for _ in range(2):
            for name in SKEWS:
                for node in NODES:
                    self.devices[name].sync(node, _apps[node].test_client())
            self._peer("home", "vps", lose=False).exchange()
        for name in SKEWS:
            self.devices[name].sync("vps", _apps["vps"].test_client())

    def _judge(self) -> None:
        home, vps = (self._held(node) for node in NODES)
        assert sorted(home) == sorted(vps)
        assert len(home) == len(set(home))
        keys = [op.key for op in read_operations(home)]
        assert len(keys) == len(set(keys))
        for name, device in self.devices.items():
            own = {encode(entry.op) for entry in device.log}
            assert own <= set(home), f"something that {name} said is lost"
            assert {text for text in home if f'"device":"{name}"' in text} == own, "somebody else spoke as it"
            assert set(home) <= device.everything()
            more = read_operations(device.everything() - set(home))
            assert all(op.device.startswith(NODE_MARK) for op in more)  # of a node before it was restored
        merged = MergedOperations.of(read_operations(home)).json()
        assert MergedOperations.of(read_operations(reversed(vps))).json() == merged

    def _held(self, node: str) -> list[str]:
        found, cursor, more = list[str](), "", True
        while more:
            page = self.stores[node].sync_ops.pull(cursor)
            found += page.texts
            cursor, more = page.cursor, page.more
        return found


class Losing(httpx.BaseTransport):
    """A way on which each push arrives and its answer does not."""

    def __init__(self, way: httpx.BaseTransport) -> None:
        self.way = way

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.way.handle_request(request)
        if request.url.path == "/sync/push":
            raise httpx.ReadTimeout("gone", request=request)
        return answer


def explore(examples: int, steps: int) -> None:
    """So many histories of so many steps."""
    _apps.clear()
    limits = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(SyncMachine, settings=limits)  # type: ignore[no-untyped-call]


def test_devices_and_nodes_come_to_the_same() -> None:
    """A few histories."""
    explore(8, 25)


@pytest.mark.nightly
def test_devices_and_nodes_come_to_the_same_in_long_histories() -> None:
    """Many."""
    explore(300, 60)
