"""With what does this node serve the bus beside the ledger? Its factory, where SHIFTBOOK_REDIS_URL names one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from orchestrator.app import wiring
from orchestrator.app.factories.node_parts import NodeParts
from orchestrator.core.errors import BusUnavailable, WrongSetting
from orchestrator.core.own_installation import extra_command
from orchestrator.core.ports.bus_care import BusWatch, DeadLetterBox
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings
from orchestrator.policy.authorization import Trust

if TYPE_CHECKING:  # most nodes have no such bus
    from orchestrator.adapters.redis_bus.bus import RedisBus
    from orchestrator.adapters.redis_bus.connection import RedisAddress
    from orchestrator.node.mission_bus.bus_worker import BusWorker
    from orchestrator.node.mission_bus.ledger_tasks import LedgerTasks
    from orchestrator.node.mission_bus.recorder import MissionRecorder
    from orchestrator.node.mission_bus.threads import BusThreads


def build_bus(parts: NodeParts, opened: ExitStack) -> BusThreads | None:
    """The threads of this node's side of the bus; None where none is set. Raises WrongSetting.

    A node that works its own ledger alone has no part in it.
    """
    settings = parts.settings
    if not settings.redis_url.get_secret_value() or settings.role is Role.STANDALONE_NODE:
        return None
    from orchestrator.node.mission_bus.ledger_tasks import LedgerTasks
    from orchestrator.node.mission_bus.threads import BusThreads

    tasks = LedgerTasks(wake=parts.wake.set, clock=wiring.clock) if settings.policy.takes_missions else None
    return BusThreads(
        worker=build_bus_worker(parts, opened, tasks),
        recorder=build_recorder(parts, opened) if settings.policy.publishes else None,
        ledger_tasks=tasks,
    )


def open_mission_bus(settings: Settings) -> RedisBus:
    """The bus of missions beside the ledger. Connects when it is asked for something. Raises WrongSetting."""
    _need_client()
    from orchestrator.adapters.redis_bus.bus import RedisBus
    from orchestrator.adapters.redis_bus.stream_names import StreamNames

    return RedisBus(_address(settings), StreamNames(prefix=settings.stream_prefix))


def open_bus_watch(settings: Settings) -> BusWatch | None:
    """What says how that bus is; None where none is set, or this node's role has no part in it. Raises WrongSetting."""
    if not settings.redis_url.get_secret_value() or settings.role is Role.STANDALONE_NODE:
        return None
    _need_client()
    from orchestrator.adapters.redis_bus.condition import RedisWatch
    from orchestrator.adapters.redis_bus.stream_names import StreamNames

    return RedisWatch(address=_address(settings), names=StreamNames(prefix=settings.stream_prefix), now=wiring.now)


@contextmanager
def open_dead_letters(settings: Settings) -> Iterator[DeadLetterBox]:
    """The dead letters of that bus. Raises WrongSetting where none is set."""
    if not settings.redis_url.get_secret_value():
        raise WrongSetting("SHIFTBOOK_REDIS_URL", "it is not set: missions of this node go by the ledger alone")
    bus = open_mission_bus(settings)
    from orchestrator.adapters.redis_bus.dead_letters import RedisDeadLetters

    try:
        yield RedisDeadLetters(bus)
    finally:
        bus.close()


def _need_client() -> None:
    if find_spec("redis") is None:
        raise WrongSetting("SHIFTBOOK_REDIS_URL", f"its client is not installed: {extra_command('redis')}")


def _address(settings: Settings) -> RedisAddress:
    from orchestrator.adapters.redis_bus.connection import read_address

    return read_address(settings.redis_url.get_secret_value(), settings.redis_ca, plain=settings.redis_plain)


def build_bus_worker(parts: NodeParts, opened: ExitStack, tasks: LedgerTasks | None) -> BusWorker | None:
    """What takes missions off the bus; None where this node takes none."""
    if tasks is None:
        return None
    from orchestrator.node.mission_bus.bus_worker import BusWorker
    from orchestrator.workflow.delegation.task_types import load_task_types

    settings = parts.settings
    bus = open_mission_bus(settings)
    opened.callback(bus.close)
    try:
        bus.make_groups()
    except BusUnavailable as error:
        parts.tell("bus", f"{error}; missions go by the ledger alone until it answers")
    types = load_task_types(tasks)
    return BusWorker(
        bus=bus,
        name=settings.node,
        tasks=types,
        takes=lambda: tasks.reachable or types.has_own,
        on_end=parts.wake.set,
        slots=settings.slots,
        lease=settings.redis_lease,
        clock=wiring.clock,
        tell=parts.tell,
    )


def build_recorder(parts: NodeParts, opened: ExitStack) -> MissionRecorder:
    """What files and records at headquarters, with a view of the ledger of its own."""
    from orchestrator.node.mission_bus.filing import BusFiling
    from orchestrator.node.mission_bus.recorder import MissionRecorder

    settings = parts.settings
    bus, door = open_mission_bus(settings), wiring.fleet(settings)
    opened.callback(bus.close)
    opened.callback(door.bus.remote.close)
    return MissionRecorder(
        bus=bus,
        filing=BusFiling(transport=door.bus, reader=door.reader, marks=parts.stores.marks),
        transport=parts.bus,
        reader=wiring.reader(settings, parts.link),
        trust=Trust(parts.link.store),
        tell=parts.tell,
        now=wiring.now,
        clock=wiring.clock,
        wake=parts.wake.set,
    )
