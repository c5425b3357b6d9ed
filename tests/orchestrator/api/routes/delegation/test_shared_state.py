"""What headquarters tells workers of its state, and what a worker makes of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.app import wiring
from orchestrator.app.registration import shut_out
from orchestrator.core.ports.paired_devices import PairedDevice, Pairing, PairingState
from orchestrator.core.ports.stores import Stores
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings
from orchestrator.node.headquarters.shared_reader import PATH
from orchestrator.workflow.delegation.shared_state import read_shared_state
from tests.databases import brought_up
from tests.ledgers import Keys
from tests.orchestrator.api.conftest import Build, ServedFleet, bearer
from tests.orchestrator.api.routes.delegation.test_registrations import Headquarters, status


@pytest.fixture
def hq(serve: Callable[..., ServedFleet], tmp_path: Path) -> Headquarters:
    keys = Keys(folder=tmp_path / "nodes")
    return Headquarters(serve({"allowed_signers": keys.signers(ada=["author"], laptop=["node"])}, ledger="x"), keys)


def pair(stores: Stores, name: str) -> str:
    """A device that a person let in."""
    now = wiring.now()
    pairing = Pairing(
        id=f"p-{name}",
        fleet="f",
        key="k",
        scopes=frozenset({"chat"}),
        created=now,
        expires=now + timedelta(hours=1),
        state=PairingState.WAITING,
    )
    stores.pairings.add(pairing)
    device = PairedDevice(id=f"d-{name}", name=name, public_key=name, scopes=frozenset({"chat"}), created=now)
    assert stores.pairings.confirm(pairing.id, device)
    return device.id


def test_a_worker_reads_who_is_registered_and_who_was_shut_out(hq: Headquarters) -> None:
    """The nodes as headquarters judges them, and the ids of devices that are out; nothing of those that are in."""
    stores = hq.fleet.site.stores
    hq.post(status(1, works_on=["m", "n"]))
    lost, kept = pair(stores, "lost"), pair(stores, "kept")
    stores.paired.revoke(lost)
    answer = hq.fleet.site.client.get(PATH, headers=hq.fleet.key("missions"))
    state = read_shared_state(answer.data)
    assert [(each.node, each.state, each.works_on) for each in state.nodes] == [("laptop", "live", 2)]
    assert (state.hq, state.devices_out) == ("desk", {lost})
    assert kept not in answer.text
    hq.fleet.site.clock.move(minutes=6)
    later = read_shared_state(hq.fleet.site.client.get(PATH, headers=hq.fleet.key("missions")).data)
    assert (later.nodes[0].state, later.as_of > state.as_of) == ("stale", True)


def test_nobody_else_reads_it(build: Build) -> None:
    """With a token for chats, and at a node that is no headquarters."""
    hq = build(Role.HEADQUARTERS)
    assert hq.client.get(PATH, headers=bearer(hq.token("chat"))).status_code == 403
    alone = build(Role.STANDALONE_NODE)
    assert alone.client.get(PATH, headers=bearer(alone.token("ops"))).status_code == 404


def test_a_device_that_headquarters_shut_out_is_out_here(hq: Headquarters, tmp_path: Path) -> None:
    """Headquarters wins; what a person shut out here alone stays out; it is told once."""
    stores = hq.fleet.site.stores
    for name in ("lost", "both"):
        pair(stores, name)
    stores.paired.revoke("d-lost")
    state = read_shared_state(hq.fleet.site.client.get(PATH, headers=hq.fleet.key("look")).data)
    worker = Settings(home=tmp_path / "worker", node_id="laptop")
    mine = wiring.stores(brought_up(worker))
    for name in ("lost", "both", "old"):
        pair(mine, name)
    mine.paired.revoke("d-old")
    assert shut_out(worker, state) == ("the device 'lost' was shut out by headquarters, and is here, too",)
    assert [each.name for each in mine.paired.listing() if each.revoked is None] == ["both"]
    assert shut_out(worker, state) == ()
    mine.close()
