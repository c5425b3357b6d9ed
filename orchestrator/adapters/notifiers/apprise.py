"""How does a message reach a phone, a mailbox or a chat? By apprise, which knows a hundred and more ways."""

from __future__ import annotations

import logging
import re
import threading
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any
from urllib.parse import unquote

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType
from apprise.utils.parse import parse_urls

from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.notifier import Channel, NotDelivered, NotificationMessage

VARIABLE = "SHIFTBOOK_NOTIFY"
DELIVERY_TIMEOUT_SECONDS = 30.0
"""How long one delivery may take: a server that answers a byte at a time never ends by itself."""
CONNECT_SECONDS, READ_SECONDS = 10.0, 15.0
"""Seconds for a connection and for each part of an answer, whatever the address asks for."""
IDEMPOTENCY_HEADER = "Idempotency-Key"
_ERRNO = re.compile(r"\[Errno -?\d+\] ([A-Za-z ]{3,60})|(timed out|certificate verify failed)")
_LOG = logging.getLogger("apprise")
_LOG.propagate = False  # what it says may hold parts of addresses: it is heard here, and told without them


@dataclass(frozen=True, kw_only=True)
class AppriseNotifier:
    """notices.courier.Courier for apprise's URLs. Raises WrongSetting for one that apprise does not know."""

    urls: str = field(repr=False)
    seconds: float = DELIVERY_TIMEOUT_SECONDS
    _busy: dict[str, threading.Thread] = field(default_factory=dict, repr=False)
    """Deliveries that were given up and still run."""

    def __post_init__(self) -> None:
        _load_plugins()
        if not self._addresses:
            raise WrongSetting(VARIABLE, "write apprise's URLs, separated by commas, such as mailto://… or ntfy://…")
        for number, url in enumerate(self._addresses.values(), 1):
            if _plugin(url) is None:
                raise WrongSetting(VARIABLE, f"apprise cannot read address {number}: look at its beginning (…://)")

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The addresses by number and kind of service."""
        return self._channels

    @cached_property
    def _addresses(self) -> dict[str, str]:
        found: dict[str, None] = dict.fromkeys(parse_urls(self.urls))  # type: ignore[no-untyped-call]  # it has no types
        return {blake2b(url.encode(), digest_size=6, person=b"shiftbook").hexdigest(): url for url in found}

    @cached_property
    def _channels(self) -> tuple[Channel, ...]:
        named = enumerate(self._addresses.items(), 1)
        return tuple(Channel(id=key, name=f"{number}: {_service(url)}") for number, (key, url) in named)

    def send(self, channel: Channel, message: NotificationMessage) -> None:
        """Delivers in a thread of its own, which is left alone when it takes too long."""
        before = self._busy.get(channel.id)
        if before is not None and before.is_alive():
            raise NotDelivered(f"{channel.name}: the delivery before this one still hangs")
        delivery = _Delivery(self._addresses[channel.id], message)
        thread = threading.Thread(target=delivery.run, name=f"notify-{channel.id}", daemon=True)
        self._busy[channel.id] = thread
        thread.start()
        thread.join(self.seconds)
        if thread.is_alive():
            raise NotDelivered(f"{channel.name}: no end after {self.seconds:g} s")
        del self._busy[channel.id]
        if not delivery.done:
            raise NotDelivered(f"{channel.name}: {delivery.why}")


class _Delivery(logging.Handler):
    """One call of a plugin, and what apprise says meanwhile in this thread."""

    def __init__(self, url: str, message: NotificationMessage) -> None:
        super().__init__(logging.DEBUG)
        self.url, self.message = url, message
        self.done, self.why, self._said, self._cause = False, "apprise says no more than that it failed", "", ""

    def run(self) -> None:
        """The delivery. Whatever a plugin raises is a failure."""
        self._thread = threading.get_ident()
        _LOG.addHandler(self)
        level = _LOG.level
        _LOG.setLevel(logging.DEBUG)
        try:
            self.done = self._notify()
        except Exception as error:  # a hundred plugins by as many hands
            self._said = f"{type(error).__name__}: {error}"
        finally:
            _LOG.setLevel(level)
            _LOG.removeHandler(self)
        words = _without_secrets(" ".join(part for part in (self._said, self._cause) if part), self.url)
        self.why = words or self.why

    def _notify(self) -> bool:
        plugin: Any = _plugin(self.url)
        plugin.socket_connect_timeout = min(float(plugin.socket_connect_timeout), CONNECT_SECONDS)
        plugin.socket_read_timeout = min(float(plugin.socket_read_timeout), READ_SECONDS)
        if isinstance(getattr(plugin, "headers", None), dict):  # the plugins that let a header through (HTTP, mail)
            plugin.headers = plugin.headers | {IDEMPOTENCY_HEADER: self.message.key}
        tone = NotifyType(self.message.tone)
        words = {"title": self.message.title, "body": self.message.body}
        return bool(plugin.notify(**words, notify_type=tone, body_format=NotifyFormat.TEXT))

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps the last warning, and the system's own word on why a connection failed."""
        if record.thread != self._thread:
            return
        text = record.getMessage()
        cause = _ERRNO.search(text)
        self._cause = (cause[1] or cause[2]).strip() if cause else self._cause
        if record.levelno >= logging.WARNING:
            self._said = text


def _load_plugins() -> None:
    """Has apprise read its plugins, which it does when the first address is looked at. One asks for a module of Python
    that is on its way out, and says so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        _plugin("json://localhost")


def _plugin(url: str) -> object | None:
    asset = AppriseAsset(app_id="Shiftbook", app_desc="Shiftbook", app_url="", interpret_emojis=False, async_mode=False)
    asset.http_redirects = False  # a POST that is sent elsewhere becomes a GET, loses the message and looks delivered
    plugin: object | None = Apprise.instantiate(url, asset=asset)
    return plugin


def _service(url: str) -> str:
    """What kind of service an address is for."""
    name = str(getattr(_plugin(url), "service_name", ""))
    return name or url.partition("://")[0][:20]


def _without_secrets(words: str, url: str) -> str:
    """The words without any part of the address: which of them is a secret, each service decides for itself."""
    _, _, rest = url.partition("://")
    parts = {part for text in (rest, unquote(rest)) for part in re.split(r"[/:?&=@,;#]", text) if len(part) >= 4}
    for part in sorted(parts, key=len, reverse=True):
        words = words.replace(part, "…")
    return " ".join(words.split())[:300]
