"""The checklist: what is looked at, in which order?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from orchestrator.app import wiring
from orchestrator.app.doctor import (
    bot_checks,
    bus_checks,
    clone_checks,
    forge_checks,
    ledger_checks,
    machine_checks,
    page_checks,
    secret_checks,
    state_checks,
    supplier_checks,
    tracing_checks,
    trust_checks,
)
from orchestrator.app.doctor.check_result import CheckResult, CheckStatus
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.settings import Settings
from orchestrator.ledger.snapshot import LedgerSnapshot
from sync.errors import SyncError

CHECKS: tuple[Callable[[Settings, LedgerSnapshot], CheckResult], ...] = (
    trust_checks.check_keys,
    trust_checks.check_node_key,
    trust_checks.check_clock,
    ledger_checks.check_files,
    ledger_checks.check_conflicts,
    trust_checks.check_alarms,
    ledger_checks.check_journal,
    ledger_checks.check_projects,
    ledger_checks.check_reviews,
    ledger_checks.check_lessons,
    ledger_checks.check_notices,
)


def run_checks(settings: Settings) -> Iterator[CheckResult]:
    """Everything that a node and a person need, the most basic first."""
    yield machine_checks.check_git()
    yield machine_checks.check_program("ssh-keygen", "openssh-client", "nothing can be signed or checked without it")
    yield machine_checks.check_sandbox(settings)
    yield machine_checks.check_run_limits()
    yield from machine_checks.check_agents()
    yield machine_checks.check_model(settings)
    yield machine_checks.check_disk(settings.home)
    yield page_checks.check_page(settings)
    yield secret_checks.check_secrets(settings)
    yield from secret_checks.check_secret_server(settings)
    yield from secret_checks.check_backups(settings)
    yield from state_checks.check_state(settings)
    yield from bus_checks.check_bus(settings)
    yield from bot_checks.check_bot(settings)
    yield from tracing_checks.check_tracing(os.environ)
    yield from _ledger(settings)


def _ledger(settings: Settings) -> Iterator[CheckResult]:
    if not settings.ledger:
        remedy = "run `shiftbook init` for a new ledger, or `shiftbook join URL`"
        yield CheckResult(what="ledger", health=CheckStatus.BROKEN, says="none is set", remedy=remedy)
        return
    fleet = wiring.fleet(settings)
    try:
        ledger = fleet.ledger()
    except (SyncError, OrchestratorError) as error:
        yield CheckResult(
            what="ledger", health=CheckStatus.BROKEN, says=str(error), remedy="mend it, then run this again"
        )
        return
    if fleet.offline:
        remedy = "check the network and SHIFTBOOK_LEDGER; nodes keep their results and hand them in later"
        yield CheckResult(what="remote", health=CheckStatus.POOR, says=fleet.offline, remedy=remedy)
    else:
        yield CheckResult(what="remote", health=CheckStatus.GOOD, says=f"{settings.ledger} answers")
        yield from ledger_checks.check_server(settings)
    if ledger.charter.agents:
        yield from machine_checks.check_agents(ledger.charter)
    for check in CHECKS:
        yield check(settings, ledger)
    yield from forge_checks.check_forges(settings, ledger)
    yield from trust_checks.check_timed_lines(ledger)
    yield from trust_checks.check_signing(settings)
    yield from clone_checks.check_clones(settings)
    yield from ledger_checks.check_size(settings, ledger)
    yield from ledger_checks.check_pushes(ledger)
    yield from supplier_checks.check_suppliers(settings, ledger)
    yield from bot_checks.check_poller(settings, ledger, fleet.nodes())
