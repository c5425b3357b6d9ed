"""How does this node speak TLS itself? With the certificate in its home, read anew when that changes.

Python's blocking TLS sockets wait for a whole record, or for room, without end, whatever the kernel's time limits say.
So these never block: who reads polls, and who writes has a limit.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.core.errors import WrongSetting

SETTING = "SHIFTBOOK_HTTPS"
CLIENT_HELLO = b"\x16"
"""What a line over TLS begins with: the content type of a handshake (RFC 8446, 5.1)."""


class TlsSocket(ssl.SSLSocket):
    """A line over TLS on which nothing waits for ever."""

    send_seconds = 30.0
    """How long whoever calls may take nothing."""

    def setblocking(self, flag: bool) -> None:
        """Blocking, with a limit."""
        self.settimeout(self.send_seconds if flag else 0.0)

    @property
    def waits(self) -> bool:
        """Whether it is in its ordinary state, in which a thread works with it."""
        return self.gettimeout() == self.send_seconds

    def receive(self, size: int) -> bytes | None:
        """What is there; empty at the end of the line, None where no record is whole yet. Raises OSError."""
        before = self.gettimeout()
        self.settimeout(0.0)
        try:
            return bytes(self.recv(size))
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        finally:
            self.settimeout(before)

    def shutdown(self, how: int) -> None:
        """Says that this was all, as TLS wants it said, and ends this side of the line."""
        with contextlib.suppress(OSError, ValueError):  # the other side's word is not waited for
            self.settimeout(0.0)
            self.unwrap()
        super().shutdown(how)


@dataclass
class TlsContext:
    """The certificate in force. Raises WrongSetting where there is none that holds."""

    certificate: Path
    key: Path
    trouble: Callable[[str], None] = lambda why: None
    """Told why a newer certificate is not taken."""
    _read: tuple[int, int] = (0, 0)
    _context: ssl.SSLContext = field(init=False)

    def __post_init__(self) -> None:
        self._context, self._read = self._load(), self._times()

    def wrap(self, line: socket.socket) -> TlsSocket:
        """The same line, over TLS; it is not shaken hands on yet."""
        self._look()
        wrapped = self._context.wrap_socket(line, server_side=True, do_handshake_on_connect=False)
        assert isinstance(wrapped, TlsSocket)
        return wrapped

    def _look(self) -> None:
        """Takes a certificate that is newer; one that does not hold is told, and the old one stays."""
        times = self._times()
        if times == self._read:
            return
        self._read = times
        try:
            self._context = self._load()
        except WrongSetting as error:
            self.trouble(str(error))

    def _times(self) -> tuple[int, int]:
        try:
            return self.certificate.stat().st_mtime_ns, self.key.stat().st_mtime_ns
        except OSError:
            return self._read

    def _load(self) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.sslsocket_class = TlsSocket
        made.set_alpn_protocols(["http/1.1"])
        try:
            made.load_cert_chain(self.certificate, self.key, password="")  # nobody is asked for one
        except FileNotFoundError as error:
            why = f"there is no {self.certificate} with its {self.key.name}: `shiftbook device ca` makes them"
            raise WrongSetting(SETTING, why) from error
        except ssl.SSLError as error:
            why = f"{self.certificate} and {self.key.name} are no certificate and its key ({error.reason or 'damaged'})"
            raise WrongSetting(SETTING, f"{why}: `shiftbook device ca` makes them anew") from error
        except OSError as error:
            raise WrongSetting(SETTING, f"{self.certificate} or {self.key.name} cannot be read ({error})") from error
        return made


def is_tls(line: Any) -> bool:
    """Whether a connection is one over TLS with this very process."""
    return isinstance(line, ssl.SSLSocket)


def speaks_tls(line: socket.socket) -> bool | None:
    """Whether what comes first on a line is a handshake of TLS; None where nothing came. Raises OSError."""
    try:
        first = line.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    return first in (CLIENT_HELLO, b"")  # at its end: the handshake tells


def shake_hands(line: TlsSocket) -> bool:
    """Goes on with the handshake as far as it goes without waiting; whether it is done. Raises OSError."""
    line.settimeout(0.0)
    try:
        line.do_handshake()
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return False
    return True
