"""The factory of the HTTP side: which services does it offer, as the settings say?"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial

from orchestrator.api.auth.device_access import open_device_access
from orchestrator.api.auth.ops_tokens import JwtOpsTokens
from orchestrator.api.auth.order_scopes import scopes_in_force
from orchestrator.api.auth.tokens import Authenticator
from orchestrator.api.web.bus_glance import BusGlance
from orchestrator.api.web.context import AppServices
from orchestrator.api.web.readiness import ReadinessProbe
from orchestrator.app import wiring
from orchestrator.app.devices.sync_worker import open_sync_worker
from orchestrator.app.factories.bus_factory import open_bus_watch
from orchestrator.app.factories.chat_factory import open_chat_runtime
from orchestrator.core.ports.stores import Stores
from orchestrator.core.settings import Settings
from orchestrator.git_server import http_backend
from orchestrator.git_server.hook_server import HookServer
from orchestrator.node import wakeups
from orchestrator.node.wakeups import ChangeSignal
from orchestrator.workflow.output_events import OutputEvents


def open_app_services(settings: Settings) -> AppServices:
    """The doors of a serving process. Raises WrongSetting and what opening the store raises."""
    stores = wiring.stores(settings)
    git, bell, synced = http_backend.open_http_backend(settings), ChangeSignal(), ChangeSignal()
    chats = open_chat_runtime(settings, stores)
    chats.follow(partial(_wait_for_change, bell))
    closes = [HookServer(settings=settings, bare=git.bare).open()] if git else []
    if settings.ledger:
        wiring.remote(settings).close()  # makes this machine's clone, if there is none yet, so that it can be watched
    devices = open_device_access(settings, stores, now=wiring.now, clock=wiring.clock, random=os.urandom)
    deaf = wakeups.watch_locally(settings.home, settings.ledger, bell.ring)
    checks = {
        "ledger": lambda: _check_ledger(settings),
        "store": lambda: _check_store(stores),
        "model": lambda: chats.router.missing(),
    }
    services = AppServices(
        settings=settings,
        now=wiring.now,
        fleet=lambda: wiring.fleet(settings),
        door=replace(open_authenticator(settings, stores), sessions=devices.sessions),
        devices=devices,
        probes={name: ReadinessProbe(check=check, clock=wiring.clock) for name, check in checks.items()},
        git=git,
        change_signal=bell,
        sync_signal=synced,
        chats=chats,
        stores=stores,
        bus=_open_bus(settings),
        drain=(bell.close,),
        close=(deaf, *closes, chats.close, stores.close),
    )
    worker = open_sync_worker(settings, stores, synced, orders=partial(_catch_up, services))
    object.__setattr__(services, "close", (worker.start(), *services.close))
    if settings.ledger:
        output = OutputEvents(
            folder=settings.home / "work", publish=services.events.publish, remote=lambda: wiring.remote(settings)
        )
        object.__setattr__(services, "output_events", output)
        object.__setattr__(services, "close", (output.start(), *services.close))
    return services


def _catch_up(services: AppServices) -> None:
    """Carries out what was ordered by sync and broken off; whoever listens is told, and the node looks."""
    stores = services.stores
    if services.orders is None or stores is None:
        return
    if services.orders.catch_up(lambda bringer: scopes_in_force(stores, bringer)):
        wakeups.nudge(services.settings.home)
        services.events.publish("sync", {})


def _open_bus(settings: Settings) -> BusGlance | None:
    watch = open_bus_watch(settings)
    return BusGlance(watch=watch, clock=wiring.clock) if watch is not None else None


def _wait_for_change(bell: ChangeSignal, seconds: float) -> bool:
    """Waits until the ledger moved, at most so long; false once nobody should wait any longer."""
    bell.after(bell.rang, seconds)
    return not bell.closed


def open_authenticator(settings: Settings, stores: Stores) -> Authenticator:
    """Who tells callers apart. Headquarters alone issues ops tokens, and takes them."""
    ops = JwtOpsTokens(
        node=settings.node,
        key_file=settings.home / "keys" / "ops.key",
        now=wiring.now,
        issues=settings.policy.issues_ops_tokens,
    )
    return Authenticator(tokens=stores.tokens, now=wiring.now, ops=ops)


def _check_ledger(settings: Settings) -> str:
    if not settings.ledger:
        return "no ledger is set (SHIFTBOOK_LEDGER)"
    link = wiring.remote(settings)
    try:
        link.fetch()
    finally:
        link.close()
    return ""


def _check_store(stores: Stores) -> str:
    stores.tokens.listing()
    return ""
