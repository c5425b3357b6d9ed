"""Where does this node listen for HTTP, and can only this machine reach it there?"""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_PORT = 8823


@dataclass(frozen=True, kw_only=True)
class ListenAddress:
    """Where to listen. Port 0 is any free one."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only programs on this machine can connect. A name other than localhost is taken for reachable."""
        if self.host == "localhost":
            return True
        try:
            import ipaddress

            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def url(self) -> str:
        """How a program on this machine reaches it."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # read here, not bound to
        host = everywhere.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def secure_url(self) -> str:
        """The same over TLS."""
        return self.url.replace("http://", "https://", 1)


def read(text: str) -> ListenAddress | None:
    """The address that `host:port` names, None for `off`. Raises ValueError with what to write instead."""
    if text.strip().lower() == "off":
        return None
    host, colon, port = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"write host:port, such as 127.0.0.1:{DEFAULT_PORT} or [::1]:{DEFAULT_PORT}, or off")
    return ListenAddress(host=host, port=int(port))
