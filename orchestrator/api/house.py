"""Which doors does the HTTP surface open onto? What `wiring.house` hands to the app, and routes find by `house()`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from flask import current_app

from orchestrator.fleet import Fleet
from orchestrator.settings import Settings

KEY = "shiftbook"


@dataclass(frozen=True, kw_only=True)
class House:
    """Everything that routes may speak to. A request runs in a thread of its own: what stands here bears that."""

    settings: Settings
    now: Callable[[], datetime]
    fleet: Callable[[], Fleet]
    """A door of the caller's own: a Fleet remembers what it saw last, so two requests do not share one."""
    close: tuple[Callable[[], None], ...] = field(default=())


def house() -> House:
    """The doors of the app that serves this request."""
    return cast(House, current_app.extensions[KEY])
