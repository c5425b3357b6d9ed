"""Does a server answer a probe, and how near is it? Asked before anything is loaded that could speak to it."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from orchestrator.core.errors import ModelUnavailable

CONNECT_SECONDS = 0.3
"""A server on this machine or in the same house answers within that; one that does not is down."""
FAR_CONNECT_SECONDS = 3.0
QUICK_TIMEOUT_SECONDS = 2.0
"""For questions that need no model."""
DEFAULT_PORTS = {"http": 80, "https": 443}


def probe_url(url: str, remedy: str) -> None:
    """Connects and hangs up. Raises ModelUnavailable with `remedy` where nobody listens, or where the URL is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError) as error:
        raise ModelUnavailable(f"{url!r} is not an http or https address: {remedy}") from error
    try:
        socket.create_connection((parts.hostname or "", port), timeout=connect_timeout(url)).close()
    except OSError as error:
        why = error.strerror or str(error)
        raise ModelUnavailable(f"{shown_url(url)} does not answer ({why.lower()}): {remedy}") from error


def connect_timeout(url: str) -> float:
    """Seconds to wait for a connection."""
    return CONNECT_SECONDS if is_nearby(url) else FAR_CONNECT_SECONDS


def is_nearby(url: str) -> bool:
    """Whether a URL names this machine or a private network."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host.endswith((".local", ".localhost")) or "." not in host


def shown_url(url: str) -> str:
    """A URL as it may be shown: without a name and a password."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}".rstrip("/")
