"""The metrics of the fleet: which numbers of buses, missions, sync and outbox does Prometheus read beside HTTP's own?

They are worked out when they are asked for, from the look at the ledger that all readers share. A part that cannot be
read costs the others nothing: `shiftbook_part_readable` says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from flask import Flask
from prometheus_client.core import GaugeMetricFamily, Metric

from missions.mission import Status
from orchestrator.api.web.context import SERVICES_KEY, AppServices
from orchestrator.api.web.ledger_answers import SHARED_LEDGER_KEY
from orchestrator.api.web.metrics import METRICS_KEY
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.ports.bus_care import BusCondition
from orchestrator.core.ports.stores import Stores
from orchestrator.node.notifications.outbox_status import outbox_status
from orchestrator.workflow.delegation.bus_report import findings
from orchestrator.workflow.reading.shared_ledger import SharedLedger
from sync.errors import SyncError

NODE_STATES = ("live", "stale", "offline", "stopped", "unknown")


@dataclass(frozen=True, kw_only=True, eq=False)
class FleetCollector:
    """Numbers of one app, for its registry, which knows it by itself and not by what it holds."""

    services: Callable[[], AppServices]
    shared: SharedLedger

    def describe(self) -> list[Metric]:
        """Nothing: what there is would have to be worked out at the start."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All of them, as they are now."""
        readable: dict[str, float] = {}
        parts: dict[str, Callable[[], list[Metric]]] = {
            "ledger": self._ledger,
            "store": self._store,
            "redis": self._redis,
        }
        for name, read in parts.items():
            found: list[Metric] = []
            try:
                found = read()
            except (OrchestratorError, SyncError, OSError):  # told as a number: the reader of numbers raises the alarm
                readable[name] = 0.0
            else:
                readable[name] = 1.0
            yield from found
        probes = {name: float(not probe.why()) for name, probe in self.services().probes.items()}
        yield _gauge("part_ready", "Whether what answers depend on works, as /ready tells it.", "part", probes)
        yield _gauge("part_readable", "Whether these numbers could be read.", "part", readable)

    def _ledger(self) -> list[Metric]:
        if not self.services().settings.ledger:
            return []
        with self.shared.reading() as (fleet, look):
            nodes = fleet.nodes()
        ledger = look.ledger
        states = Counter(node.state for node in nodes)
        statuses = Counter(str(view.status) for view in look.views)
        silent = {node.name: node.silent_seconds or 0.0 for node in nodes if node.state != "stopped"}
        work = {node.name: float(len(node.works_on)) for node in nodes}
        bus = {"claims": float(len(ledger.claims)), "beats": float(len(ledger.beats))}
        bus |= {"late": float(len(ledger.late)), "all": float(len(ledger.refs))}
        return [
            _gauge(
                "missions",
                "Missions that are not archived, by status.",
                "status",
                _every(statuses, map(str, Status)),
            ),
            _gauge("missions_quarantined", "Files that cannot be read.", "", {"": float(len(ledger.quarantined))}),
            _gauge("nodes", "Nodes that have announced themselves, by state.", "state", _every(states, NODE_STATES)),
            _gauge("node_silent_seconds", "For how long a node was seen to stand still.", "node", silent),
            _gauge("node_missions", "Missions that a node works on.", "node", work),
            _gauge("bus_refs", "Refs at the Git server, by kind.", "kind", bus),
            _gauge("bus_reachable", "Whether the Git server answers.", "", {"": float(not look.offline)}),
            _gauge("alarms", "Rules on the branch that are not followed.", "", {"": float(len(ledger.alarms))}),
        ]

    def _redis(self) -> list[Metric]:
        glance = self.services().bus
        return [] if glance is None else _bus(glance.condition())

    def _store(self) -> list[Metric]:
        stores = self.services().stores
        return [] if stores is None else [_outbox(stores), *_devices(stores)]


def _bus(found: BusCondition) -> list[Metric]:
    reachable = _gauge(
        "redis_reachable", "Whether the bus beside the ledger can be used.", "", {"": float(not found.trouble)}
    )
    if found.trouble:
        return [reachable]
    missions = {"waiting": float(found.waiting), "pending": float(found.pending), "unfiled": float(found.unfiled)}
    missions["unrecorded"] = float(found.unrecorded)
    return [
        reachable,
        _gauge("redis_missions", "Missions on the bus beside the ledger, by what they wait for.", "state", missions),
        _gauge("redis_oldest_seconds", "Age of the oldest mission on it.", "", {"": found.oldest_seconds or 0.0}),
        _gauge("redis_dead_letters", "What nobody could do, file or record.", "", {"": float(found.dead_letters)}),
        _gauge("redis_findings", "What of it is to be mended.", "", {"": float(len(list(findings(found))))}),
    ]


def _outbox(stores: Stores) -> Metric:
    stand = outbox_status(stores.outgoing)
    numbers = {
        "waiting": float(len(stand.waiting)),
        "resting": float(len(stand.resting)),
        "given_up": float(len(stand.given_up)),
    }
    return _gauge(
        "outbox_notices", "Notices that were not told yet; resting failed and is tried again.", "state", numbers
    )


def _devices(stores: Stores) -> list[Metric]:
    paired, disputed = len(stores.paired.listing()), len(stores.sync_ops.disputed())
    return [
        _gauge("devices", "Devices that are paired.", "", {"": float(paired)}),
        _gauge("sync_disputed", "Operations that set one value twice at once.", "", {"": float(disputed)}),
    ]


def _every(counted: Counter[str], names: Iterable[str]) -> Mapping[str, float]:
    """The counts, with 0 for what there is none of: a series that comes and goes raises no alarm."""
    return {name: float(counted[name]) for name in {**dict.fromkeys(names), **counted}}


def _gauge(name: str, says: str, label: str, numbers: Mapping[str, float]) -> Metric:
    """Numbers by the value of one label; without a label there is one number, under an empty text."""
    family = GaugeMetricFamily(f"shiftbook_{name}", says, labels=(label,) if label else ())
    for value, number in numbers.items():
        family.add_metric((value,) if label else (), number)
    return family


def install(app: Flask) -> None:
    """Adds them to the app's numbers. After `metrics.install` and `ledger_answers.install`."""
    found = FleetCollector(
        services=lambda: cast(AppServices, app.extensions[SERVICES_KEY]), shared=app.extensions[SHARED_LEDGER_KEY]
    )
    app.extensions[METRICS_KEY].registry.register(found)
