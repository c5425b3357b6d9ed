"""Whom do the tests' TLS clients believe? One authority that has signed nothing, in place of the world's 144.

httpx reads those for each client, also for one that speaks plain HTTP to this machine: it takes twenty times as long as
a request. Nothing outside of this machine is called; who wants a server to be believed names its own authority.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

import certifi

NOBODY = Path(__file__).with_name("authority.pem")
"""A certificate whose key was thrown away."""
WORLD = {certifi.where(), os.environ.get("SSL_CERT_FILE")} - {None}
"""Where httpx finds the world's authorities."""

_made = ssl.create_default_context


def believing_nobody(*purpose: Any, cafile: Any = None, **more: Any) -> ssl.SSLContext:
    """As the library's own, but for the world's file."""
    return _made(*purpose, cafile=str(NOBODY) if cafile in WORLD else cafile, **more)


def believe_nobody() -> None:
    """From now on, in this process and whatever is forked from it."""
    ssl.create_default_context = believing_nobody
