"""What does a link to join a fleet say, and what does a machine prove with it?

`https://hq.example/git/fleet.git#sbk_…`: the ledger's URL, and behind the # a token that no server's log ever holds.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from orchestrator.core.errors import WrongSetting

LINK = re.compile(r"(?P<ledger>https?://[^\s#]+)#(?P<token>sbk_[A-Za-z0-9_-]{20,200})")
JOIN_PATH = "/api/v1/join"
TOKEN_NAME = "join "  # noqa: S105  # how the name of such a token begins
"""Before the node's name, in the name of the token of a link."""


@dataclass(frozen=True, kw_only=True)
class JoinLink:
    """A link. Its token stands in no representation of it."""

    ledger: str
    token: str = field(repr=False)

    @property
    def text(self) -> str:
        """As a person is given it."""
        return f"{self.ledger}#{self.token}"

    @property
    def server(self) -> str:
        """Headquarters' address."""
        found = urlsplit(self.ledger)
        return f"{found.scheme}://{found.netloc}"

    @property
    def in_clear(self) -> bool:
        """Whether the line to headquarters shows the token to whoever listens."""
        found = urlsplit(self.ledger)
        return found.scheme == "http" and (found.hostname or "") not in {"localhost", "127.0.0.1", "::1"}


def is_link(text: str) -> bool:
    """Whether a text is meant as a link, and not as the URL of a ledger."""
    return bool(re.match(r"https?://\S*#", text.strip()))


def read_link(text: str) -> JoinLink:
    """A link as it was typed or pasted. Raises WrongSetting, which does not repeat it."""
    found = LINK.fullmatch(text.strip())
    if not found or urlsplit(found["ledger"]).username:
        raise WrongSetting(
            "LINK", "that is no whole link, such as https://hq.example/git/fleet.git#sbk_…; copy it again"
        )
    return JoinLink(ledger=found["ledger"], token=found["token"])


def proof_payload(token_digest: str, key: str) -> bytes:
    """What a machine signs to show that it has the key's private half. `token_digest` is SHA-256 in hex."""
    return f"shiftbook join\n{token_digest}\n{key}\n".encode()


def key_mark(key: str) -> str:
    """What a link is bound to once a machine has used it."""
    return hashlib.sha256(key.encode()).hexdigest()
