"""What do the parts of a node share, and who opens it? The remote, the database, the model, this node's voice."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass

from orchestrator.app import identity, wiring
from orchestrator.core.events import Tell
from orchestrator.core.ports.model import Model
from orchestrator.core.ports.stores import Stores
from orchestrator.core.settings import Settings
from orchestrator.ledger.claims import RewriteDetector
from orchestrator.ledger.config.fleet_toml import BusPart, FleetConfig
from orchestrator.ledger.liveness import Liveness
from orchestrator.ledger.snapshot import SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.node import wakeups
from orchestrator.node.precedence import Precedence
from orchestrator.policy.authorization import Trust
from sync.git_remote import GitRemote
from sync.latency import LatencyMeter
from sync.refs.broken_refs import GRACE_SECONDS


@dataclass(frozen=True, kw_only=True)
class NodeParts:
    """What several of a node's parts share. `trust` and `reader` are the loop's: each thread beside it has its own."""

    settings: Settings
    tell: Tell
    link: GitRemote
    bus: Transport
    reader: SnapshotReader
    trust: Trust
    charter: FleetConfig
    """The fleet's rules at the start."""
    model: Model
    stores: Stores
    liveness: Liveness
    precedence: Precedence
    """This node's place among those that live."""
    witness: RewriteDetector
    wake: threading.Event
    """Set when the loop should look."""


def open_parts(settings: Settings, tell: Tell, opened: ExitStack, *, once: bool = False) -> NodeParts:
    """What the parts share; `opened` closes it. Raises WrongSetting, BrokenLedger, StoreFailed and SyncError."""
    stores = wiring.stores(settings)
    opened.callback(stores.close)
    model = wiring.model(settings)
    opened.callback(model.close)
    link = wiring.remote(settings)
    opened.callback(link.close)
    link.mend_refs(grace=GRACE_SECONDS, notice=lambda line: tell("alarm", line, once=True))
    reader = wiring.reader(settings, link)
    charter = reader.read(link.fetch()).charter
    link.timeout = remote_timeout(charter.bus)  # what it should be stands in the ledger behind it
    key = identity.node_key(settings)
    liveness = Liveness()
    bus = wiring.transport(settings, link, name=settings.node, key=key)
    return NodeParts(
        settings=settings,
        tell=tell,
        link=link,
        bus=bus,
        reader=reader,
        trust=Trust(link.store),
        charter=charter,
        model=model,
        stores=stores,
        liveness=liveness,
        precedence=build_precedence(settings, liveness, once=once),
        witness=RewriteDetector(bus),
        wake=threading.Event(),
    )


def build_precedence(settings: Settings, liveness: Liveness, *, once: bool) -> Precedence:
    """This node's place among those that live; with `once` it waits for nobody."""
    return Precedence(
        me=settings.node,
        role=settings.role,
        liveness=liveness,
        pushes=LatencyMeter(clock=wiring.awake_clock),
        looks=LatencyMeter(clock=wiring.awake_clock),
        nudged=wakeups.is_nudged(settings.ledger, settings.hq_url),
        at_once=once,
    )


def remote_timeout(bus: BusPart) -> float:
    """Seconds that one answer of the remote may take: a few of them fit into a lease."""
    return max(5.0, min(60.0, bus.lease / 3))
