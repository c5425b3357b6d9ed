"""Which doors does this node's HTTP side open, as its settings say?"""

from __future__ import annotations

from functools import partial

from orchestrator.api.auth.ops_tokens import JwtOpsTokens
from orchestrator.api.auth.tokens import Doorkeeper
from orchestrator.api.web.context import House
from orchestrator.api.web.readiness import Probe
from orchestrator.app import wiring
from orchestrator.app.chat_factory import open_chatroom
from orchestrator.core.ports.storage import Stores
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings
from orchestrator.git_server import http_backend
from orchestrator.git_server.hook_server import Gatekeeper
from orchestrator.node import wakeups
from orchestrator.node.wakeups import Bell


def open_house(settings: Settings) -> House:
    """The doors of a serving process. Raises WrongSetting and what opening the store raises."""
    stores = wiring.stores(settings)
    git, bell = http_backend.open_door(settings), Bell()
    chats = open_chatroom(settings, stores)
    chats.follow(partial(_rang, bell))
    closes = [Gatekeeper(settings=settings, bare=git.bare).open()] if git else []
    if settings.ledger:
        wiring.remote(settings).close()  # makes this machine's clone, if there is none yet, so that it can be watched
    deaf = wakeups.listen_here(settings.home, settings.ledger, bell.ring)
    checks = {
        "ledger": lambda: _ledger(settings),
        "store": lambda: _store(stores),
        "model": lambda: wiring.models_missing(chats.router),
    }
    return House(
        settings=settings,
        now=wiring.now,
        fleet=lambda: wiring.fleet(settings),
        door=doorkeeper(settings, stores),
        probes={name: Probe(check=check, clock=wiring.clock) for name, check in checks.items()},
        git=git,
        bell=bell,
        chats=chats,
        stores=stores,
        drain=(bell.close,),
        close=(deaf, *closes, chats.close, stores.close),
    )


def _rang(bell: Bell, seconds: float) -> bool:
    """Waits until the ledger moved, at most so long; false once nobody should wait any longer."""
    bell.after(bell.rang, seconds)
    return not bell.closed


def doorkeeper(settings: Settings, stores: Stores) -> Doorkeeper:
    """Who tells callers apart. Headquarters alone issues ops tokens, and takes them."""
    ops = JwtOpsTokens(
        node=settings.node,
        key_file=settings.home / "keys" / "ops.key",
        now=wiring.now,
        issues=settings.role is Role.HEADQUARTERS,
    )
    return Doorkeeper(tokens=stores.tokens, now=wiring.now, ops=ops)


def _ledger(settings: Settings) -> str:
    if not settings.ledger:
        return "no ledger is set (SHIFTBOOK_LEDGER)"
    link = wiring.remote(settings)
    try:
        link.fetch()
    finally:
        link.close()
    return ""


def _store(stores: Stores) -> str:
    stores.tokens.listing()
    return ""
