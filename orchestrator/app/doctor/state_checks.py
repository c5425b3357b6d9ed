"""Checks of state: does the database answer, is it this node's to use, and what has headquarters told?"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.app import wiring
from orchestrator.app.database_place import noted_server
from orchestrator.app.doctor.check_result import CheckResult, CheckStatus
from orchestrator.core.errors import GlobalStateRefused, OrchestratorError
from orchestrator.core.own_installation import document_place
from orchestrator.core.settings import Settings
from orchestrator.core.time_text import format_duration
from orchestrator.node.headquarters.state_cache import StateCache


def check_state(settings: Settings) -> Iterator[CheckResult]:
    """The database, and for a worker that knows headquarters what it said last."""
    yield check_database(settings)
    if settings.hq_url and settings.policy.registers:
        yield check_headquarters(settings)


def check_database(settings: Settings) -> CheckResult:
    """Whether it can be used: one on this machine is not made for that."""
    if not database_is_here(settings):
        return CheckResult(what="database", health=CheckStatus.ABSENT, says="none yet; the node makes it at its start")
    try:
        stores = wiring.stores(settings)
    except GlobalStateRefused as error:
        remedy = f"move {settings.home / 'shiftbook.db'} away: a worker's own database is made anew"
        if settings.database_url:
            remedy = "unset SHIFTBOOK_DATABASE_URL here: a worker's own database is SQLite in its home"
        return CheckResult(what="database", health=CheckStatus.BROKEN, says=str(error), remedy=remedy)
    except OrchestratorError as error:
        remedy = f"how: {document_place('docs/operating.md', 'The database')}"
        return CheckResult(what="database", health=CheckStatus.BROKEN, says=str(error), remedy=remedy)
    try:
        whose = "the fleet's state and this node's own" if settings.policy.writes_global else "this node's own state"
        says = f"{stores.copies.place} keeps {whose}, schema {stores.copies.schema}"
        return CheckResult(what="database", health=CheckStatus.GOOD, says=says)
    finally:
        stores.close()


def database_is_here(settings: Settings) -> bool:
    """Whether there is one to be looked at: to open it would make it."""
    return bool(settings.database_url or noted_server(settings.home)) or (settings.home / "shiftbook.db").is_file()


def check_headquarters(settings: Settings) -> CheckResult:
    """What headquarters told this worker last, and when that was."""
    kept, now = StateCache(home=settings.home).load(), wiring.now()
    if kept is None:
        says = f"{settings.hq_url} has told this worker nothing yet"
        remedy = "does the node run, and does headquarters take SHIFTBOOK_HQ_TOKEN? its log says so"
        return CheckResult(what="headquarters", health=CheckStatus.POOR, says=says, remedy=remedy)
    age = format_duration(max(0.0, (now - kept.read_at).total_seconds()))
    away = sum(each.state != "live" for each in kept.state.nodes)
    says = f"{kept.state.hq} told its state {age} ago: {len(kept.state.nodes)} nodes registered, {away} silent"
    if kept.is_fresh(now):
        return CheckResult(what="headquarters", health=CheckStatus.GOOD, says=says)
    remedy = "a node that runs asks every five minutes: start it, or look at why headquarters does not answer"
    return CheckResult(what="headquarters", health=CheckStatus.POOR, says=says, remedy=remedy)
