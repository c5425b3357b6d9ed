"""How does a message reach a browser that is not open? By its push service, as web push, encrypted for it alone.

The address of the service comes from a device, so it is not trusted: https, no private address (what the name leads
to is looked up once and then used), no redirect, and of the answer nothing but its head.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from mobile_bridge.errors import BadSubscription
from mobile_bridge.web_push import (
    SALT_BYTES,
    encrypt,
    public_point,
    read_push_keys,
    signature_headers,
    unpadded,
)

from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.notifier import NotDelivered, PushGone, PushLater
from orchestrator.core.ports.push import PushMessage, PushSubscription
from orchestrator.core.public_address import Resolve, is_public, resolve

SEND_SECONDS = 10.0
"""Seconds for each step of handing a message over."""
GONE_STATUSES = frozenset({404, 410})
MIN_LATER_SECONDS, MAX_LATER_SECONDS = 5.0, 86_400.0
"""A service may ask for a rest of so many seconds."""


class UnknownHost(NotDelivered):
    """A name that leads nowhere, now."""


@dataclass(frozen=True, kw_only=True)
class WebPushCarrier:
    """ports.PushCarrier. `key` is the node's, `contact` whom a push service may write to (`mailto:` or `https:`).

    `private`: push services may have plain http and private addresses, for one that a person runs at home.
    """

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    contact: str
    now: Callable[[], datetime]
    private: bool = False
    resolve: Resolve = resolve
    random: Callable[[int], bytes] = os.urandom

    @property
    def public_key(self) -> str:
        """What browsers subscribe with."""
        return unpadded(public_point(self.key))

    def send(self, to: PushSubscription, message: PushMessage) -> None:
        """Hands a message over."""
        if to.server_key != self.public_key:
            raise PushGone(f"{to.device}: it subscribed with a key that this node no longer has")
        try:
            keys = read_push_keys(to.endpoint, to.p256dh, to.auth)
        except BadSubscription as error:
            raise PushGone(f"{to.device}: {error}") from error
        own = ec.generate_private_key(ec.SECP256R1())
        body = encrypt(message.payload, keys, salt=self.random(SALT_BYTES), own=own)
        headers = {
            "TTL": str(message.ttl_seconds),
            "Urgency": "high" if message.urgent else "normal",
            "Topic": message.topic,
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            **signature_headers(to.endpoint, self.key, contact=self.contact, now=self.now()),
        }
        self._take(to, *self._post(to, body, headers))

    def check(self, to: PushSubscription) -> None:
        """Whether it can be rung. A name that leads nowhere now may lead somewhere later."""
        try:
            read_push_keys(to.endpoint, to.p256dh, to.auth)
            self._address(to.endpoint)
        except BadSubscription as error:
            raise WrongSetting("subscription", str(error)) from error
        except UnknownHost:
            return
        except NotDelivered as error:
            raise WrongSetting("endpoint", str(error)) from error

    def _post(self, to: PushSubscription, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """The status and how long to wait. The name is looked up once: what is asked is what was checked."""
        parts = urlsplit(to.endpoint)
        address = self._address(to.endpoint)
        where = httpx.URL(to.endpoint).copy_with(host=address)
        extensions: dict[str, Any] = {"sni_hostname": parts.hostname} if parts.scheme == "https" else {}
        try:
            with (
                httpx.Client(timeout=SEND_SECONDS, follow_redirects=False, trust_env=False) as client,
                client.stream(
                    "POST", where, content=body, headers={**headers, "Host": parts.netloc}, extensions=extensions
                ) as answer,
            ):
                return answer.status_code, answer.headers.get("Retry-After", "")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise NotDelivered(f"{to.device}: its push service does not answer ({type(error).__name__})") from error

    def _address(self, endpoint: str) -> str:
        """The address that an endpoint leads to. Raises NotDelivered."""
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        if parts.scheme != "https" and not self.private:
            raise NotDelivered("its push service is not reached by https: set SHIFTBOOK_PUSH_PRIVATE=1 if it is yours")
        try:
            found = self.resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise UnknownHost("the name of its push service leads nowhere") from error
        if not found:
            raise UnknownHost("the name of its push service leads nowhere")
        if not self.private and not all(map(is_public, found)):
            raise NotDelivered("its push service has a private address: set SHIFTBOOK_PUSH_PRIVATE=1 if it is yours")
        return found[0]

    def _take(self, to: PushSubscription, status: int, wait: str) -> None:
        if 200 <= status < 300:
            return
        if status in GONE_STATUSES:
            raise PushGone(f"{to.device}: it does not listen any more ({status})")
        if status == 429 or (status == 503 and wait):
            raise PushLater(f"{to.device}: its push service wants to be asked later", self._seconds(wait))
        raise NotDelivered(f"{to.device}: its push service refuses ({status})")

    def _seconds(self, wait: str) -> float:
        """What `Retry-After` says, within reason: seconds, or a date."""
        if wait.isascii() and wait.isdigit():
            seconds = float(wait[:9])
        else:
            try:
                when = parsedate_to_datetime(wait)
                seconds = (when.replace(tzinfo=when.tzinfo or UTC) - self.now()).total_seconds()
            except (ValueError, TypeError):
                seconds = 60.0
        return min(MAX_LATER_SECONDS, max(MIN_LATER_SECONDS, seconds))
