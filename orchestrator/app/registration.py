"""With what does this node's registrar report, and what does headquarters' state mean here?

Its role says whether there is one.
"""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

from orchestrator import __version__
from orchestrator.app import wiring
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.settings import Settings
from orchestrator.node.loop import Node

if TYPE_CHECKING:  # a node that reports to nobody needs none of it
    from orchestrator.node.headquarters.registrar import Registrar
    from orchestrator.workflow.delegation.node_status import NodeStatus
    from orchestrator.workflow.delegation.shared_state import SharedState


def open_registrar(settings: Settings, node: Node) -> Registrar | None:
    """The registrar of a worker that knows headquarters; None for every other node."""
    if not settings.hq_url or not settings.policy.registers:
        return None
    from orchestrator.node.headquarters.registrar import Registrar
    from orchestrator.node.headquarters.shared_reader import SharedStateReader
    from orchestrator.node.headquarters.state_cache import StateCache

    def status(number: int, latency_ms: float | None) -> NodeStatus:
        return node_status(settings, node, number, latency_ms)

    return Registrar(
        url=settings.hq_url,
        token=settings.hq_token.get_secret_value(),
        status=status,
        sign=node.bus.sign,
        tell=node.tell,
        now_ms=lambda: int(wiring.now().timestamp() * 1000),
        shared=SharedStateReader(
            url=settings.hq_url,
            cache=StateCache(home=settings.home),
            apply=lambda state: shut_out(settings, state),
            tell=node.tell,
            now=wiring.now,
        ),
    )


def shut_out(settings: Settings, state: SharedState) -> tuple[str, ...]:
    """Shuts devices out here that headquarters shut out, and says which; headquarters wins. Raises StoreFailed."""
    if not state.devices_out:
        return ()
    stores = wiring.stores(settings)
    try:
        mine = [each for each in stores.paired.listing() if each.revoked is None and each.id in state.devices_out]
        done = [each.name for each in mine if stores.paired.revoke(each.id)]
    finally:
        stores.close()
    return tuple(f"the device {name!r} was shut out by headquarters, and is here, too" for name in done)


def node_status(settings: Settings, node: Node, number: int, latency_ms: float | None) -> NodeStatus:
    """How this node is now. What cannot be found out is left at nothing."""
    from orchestrator.workflow.delegation.node_status import NodeStatus

    offer, disk = node.scheduler.offer, shutil.disk_usage(settings.home)
    usd, tokens = _spent_today(node)
    return NodeStatus(
        node=settings.node,
        number=number,
        role=settings.role.value,
        version=__version__,
        capabilities=sorted(offer.capabilities)[:64],
        agents=sorted(offer.agents)[:64],
        tasks=sorted(offer.tasks)[:64],
        works_on=sorted(node.jobs.by_mission)[:64],
        slots=settings.slots,
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
        cores=os.cpu_count() or 1,
        disk_free=float(disk.free),
        disk_total=float(disk.total),
        latency_ms=latency_ms,
        today_usd=usd,
        today_tokens=tokens,
    )


def _spent_today(node: Node) -> tuple[float, int]:
    """What the node spent since midnight (UTC), in USD and tokens; nothing where its database does not answer."""
    now = wiring.now()
    today = now - timedelta(hours=now.hour, minutes=now.minute, seconds=now.second, microseconds=now.microsecond)
    try:
        rows = [each.totals for each in node.page.spent(today)] if node.page is not None else []
    except OrchestratorError:
        rows = []
    return sum(each.cost_usd for each in rows), sum(each.tokens_in + each.tokens_out for each in rows)
