"""Can a phone stop, park and resume a mission, and nobody else?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from missions.mission import Status
from orchestrator.api.web.context import SERVICES_KEY
from orchestrator.node import wakeups
from orchestrator.workflow.fleet import Fleet
from tests.ledgers import FLEET, Keys, Peer, Town
from tests.orchestrator.api.conftest import Build, Site, bearer, door_of

CANCEL, PAUSE = "/api/v1/missions/m/cancellation", "/api/v1/missions/m/pause"


@pytest.fixture
def reader() -> list[Peer]:
    """Whoever looks at the ledger; filled by `site`."""
    return []


@pytest.fixture
def site(build: Build, tmp_path: Path, reader: list[Peer]) -> Iterator[Site]:
    """A served node whose person is Ada, an author, in a ledger with one mission."""
    keys = Keys(folder=tmp_path / "keys")
    rules = {"allowed_signers": keys.signers(ada=["author"]), "fleet.toml": FLEET.format(trust="remote")}
    town = Town({"missions/m.md": "Do it.\n", **rules})
    ada = town.peer("ada", key=keys["ada"])
    reader.append(town.peer("reader"))
    made = build()

    def door() -> Fleet:
        return door_of(ada, keys["ada"].public, town, tmp_path)

    made.house = replace(made.house, fleet=door)
    made.app.extensions[SERVICES_KEY] = made.house
    yield made
    town.close()


def test_a_mission_is_paused_resumed_and_cancelled(site: Site, reader: list[Peer]) -> None:
    """Each answer tells where it stands; the commit says whose token it was; this machine's node is woken."""
    token = bearer(site.token("missions"))
    asked: list[tuple[Callable[..., object], str, Status]] = [
        (site.client.put, PAUSE, Status.PARKED),
        (site.client.delete, PAUSE, Status.QUEUED),
        (site.client.put, CANCEL, Status.CANCELLED),
    ]
    for ask, path, status in asked:
        answer = ask(path, headers=token)
        assert answer.status_code == 200, answer.json  # type: ignore[attr-defined]
        assert answer.json["status"] == status.value  # type: ignore[attr-defined]
        assert reader[0].ledger().open["m"].mission.status is status
    assert b"Asked-By: phone" in reader[0].bus.store.get(reader[0].ledger().tip)
    assert (site.house.settings.home / wakeups.NUDGE_FILE).exists()


def test_an_order_that_does_not_fit_is_a_conflict(site: Site) -> None:
    """What is paused is not paused again; a mission that is not there is 404."""
    token = bearer(site.token("missions"))
    assert site.client.delete(PAUSE, headers=token).status_code == 409
    assert site.client.put(PAUSE, headers=token).status_code == 200
    assert site.client.put(PAUSE, headers=token).status_code == 409
    assert site.client.put("/api/v1/missions/other/pause", headers=token).status_code == 404
    assert site.client.put("/api/v1/missions/..%2fm/pause", headers=token).status_code in {404, 422}


@pytest.mark.parametrize("scope", ["chat", "sync", "git"])
def test_other_scopes_give_no_orders(site: Site, reader: list[Peer], scope: str) -> None:
    """Neither a chat's token, nor a device's, nor git's."""
    token = bearer(site.token(scope))
    for ask, path in ((site.client.put, CANCEL), (site.client.put, PAUSE), (site.client.delete, PAUSE)):
        assert ask(path, headers=token).status_code == 403
    assert reader[0].ledger().open["m"].mission.status is Status.QUEUED
