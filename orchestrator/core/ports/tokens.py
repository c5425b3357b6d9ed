"""Which bearer tokens may call this node?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class TokenRow:
    """A bearer token as it is stored: never itself, only its digest."""

    name: str
    digest: str
    scopes: frozenset[str]
    created: datetime
    expires: datetime | None = None
    used: datetime | None = None
    revoked: datetime | None = None
    device: str | None = None
    """The device that it belongs to; None until it is first used for one."""


class Tokens(Protocol):
    """Who may call this node."""

    def add(
        self,
        name: str,
        digest: str,
        scopes: Iterable[str],
        expires: datetime | None = None,
        *,
        device: str | None = None,
    ) -> TokenRow:
        """Stores a token. Raises WrongSetting when one of that name is in force or that digest is known."""

    def find(self, digest: str) -> TokenRow | None:
        """The token that counts now; None when it is unknown, was revoked or has expired."""

    def listing(self) -> tuple[TokenRow, ...]:
        """Every token ever, by name, those that no longer count too."""

    def revoke(self, name: str) -> bool:
        """Ends the token of that name, from now on; False when none is in force."""

    def bind(self, digest: str, device: str) -> str:
        """The device that a token belongs to: this one from now on, where there was none. Raises NotFound."""

    def touch(self, digest: str, when: datetime) -> None:
        """Notes when a token was last used."""
