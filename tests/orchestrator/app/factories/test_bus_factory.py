"""A node with SHIFTBOOK_REDIS_URL serves its bus by its role; a whole headquarters files, works and records over it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest

from missions.mission import Status
from orchestrator.app import setup, wiring
from orchestrator.app.factories import bus_factory, node_factory
from orchestrator.core.errors import WrongSetting
from orchestrator.core.roles import Role
from orchestrator.core.secret_text import SecretText
from orchestrator.core.settings import Settings
from orchestrator.workflow.delegation.task_types import TaskTypes
from tests.buses import Told
from tests.redis_server import RedisServer, entries, redis_server
from tests.waiting import PATIENCE, until


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A server."""
    with redis_server("--appendonly", "no") as running:
        yield running


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, server: RedisServer) -> Iterator[Settings]:
    """A headquarters with a ledger of its own, and a bus."""
    folder = tmp_path_factory.mktemp("machine")
    (folder / "home").mkdir()
    (folder / "home/.gitconfig").write_text("[user]\n\tname = ada\n\temail = ada@shiftbook.invalid\n")
    with pytest.MonkeyPatch.context() as here:
        here.setenv("HOME", str(folder / "home"))
        made = Settings(home=folder / "desk", node_id="desk", role=Role.HEADQUARTERS, http=None)
        setup.init(folder / "clone", made)
        url = SecretText(server.url)
        yield made.model_copy(update={"ledger": str(folder / "clone.git"), "redis_url": url})


@pytest.mark.parametrize(
    ("change", "worker", "recorder"),
    [
        ({"role": Role.HEADQUARTERS}, True, True),
        ({"role": Role.HEADQUARTERS, "accept_delegations": False}, False, True),
        ({"role": Role.LOCAL_WORKER}, True, False),
        ({"role": Role.LOCAL_WORKER, "redis_url": SecretText("unix:///nowhere/redis.sock")}, True, False),
    ],
)
def test_each_role_has_its_side(settings: Settings, change: dict[str, object], worker: bool, recorder: bool) -> None:
    """Also where the bus does not answer at the start: the node works by the ledger then, and says so."""
    told = Told()
    node = node_factory.build_node(settings.model_copy(update=change), told)
    try:
        assert node.over_bus is not None
        assert (node.over_bus.worker is not None, node.over_bus.recorder is not None) == (worker, recorder)
        assert ("by the ledger alone" in told.text) == ("redis_url" in change)
    finally:
        node.close()


@pytest.mark.parametrize("change", [{"redis_url": SecretText("")}, {"role": Role.STANDALONE_NODE}])
def test_without_a_bus_there_is_none(settings: Settings, change: dict[str, object]) -> None:
    """A node that works its own ledger alone has no part in it; nor has one that does what it can once."""
    node = node_factory.build_node(settings.model_copy(update=change), Told())
    assert node.over_bus is None
    node.close()
    once = node_factory.build_node(settings, Told(), once=True)
    assert once.over_bus is None
    once.close()


def test_a_missing_extra_and_a_wrong_address_say_what_to_do(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line each."""
    plain = settings.model_copy(update={"redis_url": SecretText("redis://hq.example")})
    with pytest.raises(WrongSetting, match="rediss://"):
        bus_factory.open_mission_bus(plain)
    monkeypatch.setattr(bus_factory, "find_spec", lambda _name: None)
    with pytest.raises(WrongSetting, match=r"\[redis\]"):
        bus_factory.open_mission_bus(settings)


def test_a_whole_node_serves_the_bus(settings: Settings, server: RedisServer) -> None:
    """A program puts a mission there: it is filed as a signed file, done, recorded, folded, and answered."""
    told = Told()
    node = node_factory.build_node(settings, told)
    assert node.over_bus is not None
    assert node.over_bus.worker is not None
    node.over_bus.worker.tasks = TaskTypes(handlers={"probe": lambda job: {"did": job.description}})
    begun = threading.Event()
    stops = []

    def start() -> None:
        assert node.over_bus is not None
        stops.append(node.over_bus.start())
        begun.set()

    thread = threading.Thread(target=node.run, args=(start,))
    thread.start()
    try:
        until(lambda: begun.is_set() or not thread.is_alive(), "the node's start")
        with server.client() as client:
            for task in ("probe:dig", "paint:it"):
                text = json.dumps({"job_id": task.partition(":")[0], "payload": {"task": task}})
                client.xadd("shiftbook:missions:delegation", {"data": text})
        door = wiring.fleet(settings)
        until(lambda: {each.name: each.status for each in door.missions(archived=True)} == ENDED, "both ends")
        (view,) = [each for each in door.missions(archived=True) if each.name == "probe"]
        assert view.node == "desk"
        assert len(entries(server, "shiftbook:missions:results")) == 2
        assert "unknown task type" in entries(server, "shiftbook:missions:dlq")[0]["reason"]
        door.bus.remote.close()
    finally:
        node.drain()
        for stop in stops:
            stop()
        thread.join(PATIENCE)
        node.close()
    assert not thread.is_alive(), told.text


ENDED = {"probe": Status.DONE, "paint": Status.DEAD}
