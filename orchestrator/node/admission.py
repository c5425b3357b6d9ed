"""May this node work for this fleet? Its admission, and what a person should hear first."""

from __future__ import annotations

from orchestrator.core.errors import Refused
from orchestrator.core.events import Tell
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.transport import Transport
from orchestrator.policy.authorization import Trust
from orchestrator.policy.membership import admission_problem


def require_admitted(bus: Transport, trust: Trust, ledger: LedgerSnapshot) -> None:
    """Whether the fleet knows this node's key. Raises Refused."""
    why = admission_problem(bus.name, bus.key, trust.verifier(ledger).principals.values()) if bus.sign else ""
    if why:
        raise Refused(why)


def report_problems(ledger: LedgerSnapshot, tell: Tell) -> None:
    """Says once what a person should know: files that cannot be read, words that do not count."""
    for bad in ledger.quarantined:
        where = f"{bad.path}, line {bad.line}" if bad.line else bad.path
        tell("quarantined", f"{where}: {bad.reason}", once=True, mission=bad.name)
    for alarm in ledger.alarms:
        tell("alarm", alarm, once=True)
    for name, why in ledger.unreadable_claims.items():
        tell("alarm", f"the claim on {name} cannot be read: {why}", once=True)
