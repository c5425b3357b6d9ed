"""What does this machine's node say of itself? Its own report: from its page in the ledger where it has one."""

from __future__ import annotations

from typing import Any

from missions.selection import NodeCapabilities
from orchestrator import __version__
from orchestrator.core.settings import Settings
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.policy.node_report import report_json
from orchestrator.workflow.assignment.unserved import announced_offer


def own_report(settings: Settings, ledger: LedgerSnapshot | None) -> dict[str, Any]:
    """The report as plain data; without a ledger, or before the node has a page, what the settings alone say."""
    offer = NodeCapabilities(node=settings.node, role=settings.role.value, capabilities=settings.capabilities)
    announced = announced_offer(ledger, settings.node) if ledger is not None else None
    return report_json(settings.policy, announced or offer, __version__, announced=announced is not None)
