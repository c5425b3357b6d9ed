"""Which connection leads to a Redis server, so that nothing is written twice and no password is shown to a network?"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from orchestrator.core.errors import BusUnavailable, WrongSetting

SETTING = "SHIFTBOOK_REDIS_URL"
ANSWER_SECONDS = 5.0
"""Seconds that an answer may take."""
SCHEMES = ("redis", "rediss", "unix")
UNKNOWN_CALLER = re.compile(r"HELLO must be called with the client already authenticated|Authentication required")
"""The server's words for whoever has said no name: they speak of its protocol."""
NO_LOGIN = f"it asks for a user and a password, which {SETTING} does not have"


@dataclass(frozen=True, kw_only=True)
class RedisAddress:
    """Where the server is. `place` is how people are told of it: without user and password."""

    url: str
    place: str
    certificates: str = ""
    """A file with the authorities that are believed, for `rediss://`; empty: the system's."""

    @property
    def is_plain(self) -> bool:
        """Whether what it carries can be read on its way to another machine."""
        parts = urlsplit(self.url)
        return parts.scheme == "redis" and not _is_here(parts.hostname or "")

    def open(self, *, answer_seconds: float = ANSWER_SECONDS) -> redis.Redis:
        """A client. Connects when it is asked for something.

        A command is sent once: a server that stood still runs every copy that it was sent.
        """
        words: dict[str, Any] = {"ssl_ca_certs": self.certificates} if self.certificates else {}
        return redis.Redis.from_url(
            self.url,
            decode_responses=True,
            encoding_errors="surrogateescape",
            retry=Retry(NoBackoff(), 0),
            socket_timeout=answer_seconds,
            socket_connect_timeout=answer_seconds,
            client_name="shiftbook",
            **words,
        )


def read_address(url: str, certificates: str = "", *, plain: bool = False) -> RedisAddress:
    """The address behind a URL. Raises WrongSetting for one that would show what it carries to a network."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise WrongSetting(SETTING, "it is no address: write rediss://USER:PASSWORD@HOST:6379/0") from error
    if parts.scheme not in SCHEMES or not (host or parts.scheme == "unix"):
        raise WrongSetting(
            SETTING, "write rediss://USER:PASSWORD@HOST:6379/0, redis:// on this machine, or unix://PATH"
        )
    if parts.scheme == "redis" and not (plain or _is_here(host)):
        raise WrongSetting(
            SETTING, "redis:// shows missions and password to the network: write rediss://, or SHIFTBOOK_REDIS_PLAIN=1"
        )
    if certificates and parts.scheme != "rediss":
        raise WrongSetting("SHIFTBOOK_REDIS_CA", "it is for rediss:// only")
    place = parts.path if parts.scheme == "unix" else f"{host}:{port or 6379}"
    return RedisAddress(url=url, place=place, certificates=certificates)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def told_as_unavailable(place: str) -> Iterator[None]:
    """Whatever the server or the line has, as one error. Redis' own words name keys and codes, never a password."""
    try:
        yield
    except RedisError as error:
        words = " ".join(str(error).split())[:200] or type(error).__name__
        raise BusUnavailable(place, NO_LOGIN if UNKNOWN_CALLER.search(words) else words) from error
