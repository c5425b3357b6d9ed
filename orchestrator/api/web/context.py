"""The context of a request: which services do routes work with? `app_services()` finds them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from flask import current_app

from orchestrator.api.auth.device_access import DeviceAccess
from orchestrator.api.auth.tokens import Authenticator
from orchestrator.api.web.bus_glance import BusGlance
from orchestrator.api.web.event_hub import EventHub
from orchestrator.api.web.readiness import ReadinessProbe
from orchestrator.app.factories.chat_factory import ChatRuntime
from orchestrator.core.ports.stores import Stores
from orchestrator.core.settings import Settings
from orchestrator.git_server.http_backend import GitHttpBackend
from orchestrator.node.wakeups import ChangeSignal
from orchestrator.workflow.fleet import Fleet
from orchestrator.workflow.intents.desk import IntentDesk
from orchestrator.workflow.intents.order_inbox import OrderInbox
from orchestrator.workflow.output_events import OutputEvents

SERVICES_KEY = "shiftbook"


@dataclass(frozen=True, kw_only=True)
class AppServices:
    """Everything that routes may speak to. A request runs in a thread of its own: what stands here bears that."""

    settings: Settings
    now: Callable[[], datetime]
    fleet: Callable[[], Fleet]
    """A door of the caller's own: a Fleet remembers what it saw last, so two requests do not share one."""
    door: Authenticator
    """Tells who comes, by the token that they show."""
    probes: Mapping[str, ReadinessProbe] = field(default_factory=dict)
    """What `/ready` looks at, by name."""
    git: GitHttpBackend | None = None
    """The ledger as this machine serves it to git, if it does."""
    change_signal: ChangeSignal = field(default_factory=ChangeSignal)
    """Rings when the ledger moved."""
    events: EventHub = field(init=False)
    """Where what happens is told to whoever listens at `/api/v1/events`."""
    sync_signal: ChangeSignal = field(default_factory=ChangeSignal)
    """Rings when operations came in."""
    orders: IntentDesk | None = field(init=False)
    """Carries out what devices ordered while they were offline; None without stores."""
    output_events: OutputEvents | None = None
    """Tells listeners that a running attempt said more; None: nobody does."""
    chats: ChatRuntime | None = None
    """The chats of this node."""
    bus: BusGlance | None = None
    """How the bus beside the ledger is; None: there is none."""
    stores: Stores | None = None
    """What this node keeps of devices, what they sync, and what was used."""
    devices: DeviceAccess | None = None
    """How paired devices come in."""
    drain: tuple[Callable[[], None], ...] = field(default=())
    """Called when the server is told to end: what would keep a stream from ever ending. Calling again does nothing."""
    close: tuple[Callable[[], None], ...] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "events", EventHub(self.change_signal, name=secrets.token_hex(4)))
        object.__setattr__(self, "orders", self._open_desk())

    def _open_desk(self) -> IntentDesk | None:
        if self.stores is None:
            return None
        return IntentDesk(
            fleet=self.fleet, ops=self.stores.sync_ops, inbox=OrderInbox(marks=self.stores.marks), now=self.now_ms
        )

    def now_ms(self) -> int:
        """This node's time, in milliseconds since 1970."""
        return int(self.now().timestamp() * 1000)


def app_services() -> AppServices:
    """The doors of the app that serves this request."""
    return cast(AppServices, current_app.extensions[SERVICES_KEY])
