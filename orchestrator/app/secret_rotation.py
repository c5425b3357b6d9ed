"""How does a running node take up a secret that was changed, without ending its work?

It looks when the home's `.env` was written, and every few minutes where a server keeps secrets. What the node shows to
headquarters and to the ledger's server is shown from the next request on; the web server, a process of its own, starts
anew. The environment and credentials of a unit are fixed when a process begins.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.app.web_process import WebServer
from orchestrator.core.background import run_in_background
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.events import Tell
from orchestrator.core.settings import SETTING_NAMES, Settings, secret_variables, variable
from orchestrator.node.loop import Node
from orchestrator.node.wakeups import HqEventClient
from sync.disk.watch import watch_file
from sync.git_remote import GitRemote

if TYPE_CHECKING:  # a node that reports to nobody needs none of it
    from orchestrator.node.headquarters.registrar import Registrar

EVERY_SECONDS = 300.0
SETTLE_SECONDS = 0.5
"""Seconds in which several writes become one look."""
HELD_BY_THE_NODE = frozenset(
    {"openai_key", "peers_key", "notify", "redis_url", "database_url", "telegram_token", "forge_tokens"}
)
"""What the node's own parts were made with: its model, its notifier, its bus, its database."""


@dataclass(kw_only=True)
class SecretRotation:
    """One node's. `load` reads the settings anew; `take_up` puts those to use that can be."""

    settings: Settings
    load: Callable[[], Settings]
    take_up: Callable[[Settings], None]
    tell: Tell
    _looks: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> Callable[[], None]:
        """Looks until what this returns is called."""
        unwatch = watch_file(self.settings.home / ".env", self._looks.set)
        end = run_in_background("secrets", self._run, self._over, wait_seconds=2)

        def stop() -> None:
            unwatch()
            self._over.set()
            self._looks.set()
            end()

        return stop

    def _run(self) -> None:
        if self.settings.lacking:
            self.tell("secrets", self.settings.lacking)
        while not self._over.is_set():
            asked = self._looks.wait(EVERY_SECONDS)
            if self._over.wait(SETTLE_SECONDS if asked else 0):
                return
            self._looks.clear()
            if asked or self.settings.infisical_url:
                self.look()

    def look(self) -> frozenset[str]:
        """Takes up what has changed; returns its variables. Never raises: what was in force stays so."""
        try:
            found = self.load()
        except Exception as error:  # whatever it is: this thread must not end with it
            why = str(error) if isinstance(error, OrchestratorError) else type(error).__name__
            self.tell("secrets", f"they were not read again: {why}; those before stay in force", once=True)
            return frozenset()
        if found.lacking:
            self.tell("secrets", f"{found.lacking}; those before stay in force", once=True)
            return frozenset()
        changed = changed_secrets(self.settings, found)
        self.settings = found
        if changed:
            self.take_up(found)
            later = sorted(changed & {variable(name) for name in HELD_BY_THE_NODE})
            rest = f"; for the node's own work {', '.join(later)} counts when it is started again" if later else ""
            self.tell("secrets", f"changed and taken up: {', '.join(sorted(changed))}{rest}")
        return changed


def changed_secrets(before: Settings, after: Settings) -> frozenset[str]:
    """The variables of secrets that say something else now."""
    names = {variable(name): name for name in SETTING_NAMES}
    return frozenset(each for each in secret_variables() if getattr(before, names[each]) != getattr(after, names[each]))


def build_rotation(
    settings: Settings,
    tell: Tell,
    node: Node,
    *,
    web: WebServer | None,
    registrar: Registrar | None,
    ear: HqEventClient | None,
) -> SecretRotation:
    """That of a node's process."""

    def take_up(found: Settings) -> None:
        for each in (registrar, ear):
            if each is not None:
                each.token = found.hq_token.get_secret_value()
        if isinstance(node.bus.remote, GitRemote):
            node.bus.remote.show_token(found.git_token.get_secret_value())
        if web is not None:
            web.renew()

    return SecretRotation(settings=settings, load=load_settings, take_up=take_up, tell=tell)
