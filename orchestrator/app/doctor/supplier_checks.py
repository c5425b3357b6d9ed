"""Checks of suppliers: is whoever may send also in `fleet.toml`, is each feed read, and can what is set work at all?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec

from orchestrator.app import wiring
from orchestrator.app.doctor.check_result import CheckResult, CheckStatus
from orchestrator.app.doctor.state_checks import database_is_here
from orchestrator.app.factories.feed_factory import MISSING
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.own_installation import extra_command
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings
from orchestrator.ledger.config.supplier_tables import SupplierPart
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.feeds.feed_marks import PREFIX
from orchestrator.workflow.feeds.feed_state import read_state

WHAT = "suppliers"


def check_suppliers(settings: Settings, ledger: LedgerSnapshot) -> Iterator[CheckResult]:
    """One line for all that is well, and one for each thing that is to be mended. Nothing where there are none."""
    parts, secrets = ledger.charter.suppliers, settings.supplier_secrets
    if settings.role is Role.LOCAL_WORKER or not (parts or secrets):
        return
    troubles = [*_settings_trouble(parts, secrets), *_feed_trouble(settings, parts)]
    if not troubles:
        feeds = sum(bool(part.feed) for part in parts.values())
        says = f"{len(parts)} in fleet.toml: {feeds} by feed, {len(secrets)} may send events here"
        yield CheckResult(what=WHAT, health=CheckStatus.GOOD, says=says)
    for says, remedy in troubles:
        yield CheckResult(what=WHAT, health=CheckStatus.POOR, says=says, remedy=remedy)


def _settings_trouble(parts: Mapping[str, SupplierPart], secrets: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in sorted(secrets.keys() - parts.keys()):
        says = f"{name} may send events, and fleet.toml has no [suppliers.{name}]: nothing comes of them"
        yield says, f"write [[suppliers.{name}.rules]], or take {name} out of SHIFTBOOK_SIGNAL_SECRETS"
    for name, part in sorted(parts.items()):
        if not part.rules:
            yield f"{name} has no rules: nothing comes of its events", f"write [[suppliers.{name}.rules]] in fleet.toml"
        if not part.feed and name not in secrets:
            says = f"{name} has neither a feed nor a secret: nothing of it is taken on this machine"
            yield says, f"set SHIFTBOOK_SIGNAL_SECRETS={name}=…, or `feed` in fleet.toml"


def _feed_trouble(settings: Settings, parts: Mapping[str, SupplierPart]) -> Iterator[tuple[str, str]]:
    feeds = {name: part.feed for name, part in sorted(parts.items()) if part.feed}
    if not feeds:
        return
    if find_spec("feedparser") is None:
        yield f"{', '.join(feeds)}: {MISSING}", extra_command("feeds")
        return
    if not database_is_here(settings):
        return
    try:
        stores = wiring.stores(settings)
    except OrchestratorError:
        return  # the database's own line says so
    try:
        found = {name: read_state(stores.marks.get(f"{PREFIX}{name}"), feed) for name, feed in feeds.items()}
    finally:
        stores.close()
    for name, state in found.items():
        if state.failures:
            yield f"{name}'s feed was not read {state.failures} times: {state.why}", f"look at {feeds[name]}"
