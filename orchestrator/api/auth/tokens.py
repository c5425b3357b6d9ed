"""Who is it that shows this token, and what may they do?

A token is 256 random bits, so its SHA-256 is all that is kept: it cannot be guessed from that, and a slow hash, which
is there for passwords that people choose, would only slow down each request.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from orchestrator.api.auth.scopes import SCOPES
from orchestrator.core.errors import NotFound, WrongSetting
from orchestrator.core.ports.tokens import TokenRow, Tokens

TOKEN_PREFIX = "sbk_"  # noqa: S105  # a mark, no token
"""What every token begins with, so that scanners for leaked secrets find it."""
SESSION_PREFIX = "sbd_"
"""What the session of a paired device begins with."""
TOUCH_INTERVAL = timedelta(minutes=1)
"""How exactly it is noted when a token was used last: once a minute is enough, and spares the database."""


ANY_DEVICE = "any"
"""Stands for every device: for a program that syncs for more than one."""
DEVICE_ID_PATTERN = r"^[A-Za-z0-9._:-]{1,100}$"
"""What a device may call itself."""
DEVICE_ID = re.compile(DEVICE_ID_PATTERN)


class CallerKind(StrEnum):
    """How a caller was let in."""

    TOKEN = "token"  # noqa: S105  # the word, not a secret
    OPS = "ops"
    LOCAL = "local"
    DEVICE = "device"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who makes a request. `key` tells callers apart where their allowance is counted, and holds no secret."""

    name: str
    scopes: frozenset[str]
    kind: CallerKind
    digest: str = ""
    """The digest of the token behind it; empty for a program on this machine."""
    device: str = ""
    """The device that its token belongs to; empty for any, and for one that is not known yet."""

    @property
    def key(self) -> str:
        """Whose allowance the request is counted against."""
        return self.digest or self.kind.value


LOCAL_CALLER = Caller(name="local", scopes=SCOPES, kind=CallerKind.LOCAL)
"""A program on this machine, where no token has been made yet."""


class DeviceSessions(Protocol):
    """Short-lived tokens that only a paired device's key can get."""

    def read(self, text: str) -> Caller | None:
        """The device that a session of ours belongs to, as it may act now; None for any other."""


class OpsTokens(Protocol):
    """Short-lived tokens that headquarters signs."""

    def issue(self, caller: Caller) -> tuple[str, datetime]:
        """A token for the caller and when it ends. Raises Refused where this node may issue none."""

    def read(self, text: str) -> Caller | None:
        """Whom a token of ours names; None for any other, and for one that has ended."""


def digest(secret: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def mint(
    tokens: Tokens, name: str, scopes: Iterable[str], *, expires: datetime | None, device: str | None = None
) -> tuple[str, TokenRow]:
    """Makes a token and keeps its digest; the token itself is only in what this returns. Raises WrongSetting.

    Without a `device` it belongs to the one that it is first used for; ANY_DEVICE is for all.
    """
    wanted = frozenset(scopes)
    if not name or not name.isprintable():
        raise WrongSetting("NAME", "a token needs a name of printable characters")
    if not wanted or wanted - SCOPES:
        raise WrongSetting("--scope", f"one or more of {', '.join(sorted(SCOPES))}")
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    if device is not None and device != ANY_DEVICE and not DEVICE_ID.fullmatch(device):
        raise WrongSetting("--device", f"letters, digits and ._:- (at most 100), or {ANY_DEVICE}")
    return secret, tokens.add(name, digest(secret), wanted, expires, device=device)


def device_of(name: str, scopes: Iterable[str]) -> str | None:
    """The device of a new token that was given none: the one that is called like it, if it is for syncing."""
    return name if "sync" in scopes and name != ANY_DEVICE and DEVICE_ID.fullmatch(name) else None


def revoke(tokens: Tokens, name: str) -> None:
    """Takes a token's rights at once. Raises NotFound."""
    if not tokens.revoke(name):
        raise NotFound(f"no token {name!r} is in force: `shiftbook token list` shows them")


def any_token_in_force(tokens: Tokens, now: datetime) -> bool:
    """Whether somebody could come in by a token now."""
    return any(row.revoked is None and (row.expires is None or now < row.expires) for row in tokens.listing())


@dataclass(frozen=True, kw_only=True)
class Authenticator:
    """Tells who comes, by what they show."""

    tokens: Tokens
    now: Callable[[], datetime]
    ops: OpsTokens | None = None
    sessions: DeviceSessions | None = None

    def who(self, secret: str) -> Caller | None:
        """Whom a bearer token names; None when it names nobody (any more). Raises what the store raises."""
        if secret.startswith(TOKEN_PREFIX):
            return self._token_caller(digest(secret))
        if secret.startswith(SESSION_PREFIX):
            return self.sessions.read(secret) if self.sessions else None
        found = self.ops.read(secret) if self.ops else None
        if found is None or not found.digest:
            return found
        return found if self._row(found.digest) else None  # it ends with the token that asked for it

    def _row(self, key: str) -> TokenRow | None:
        row = self.tokens.find(key)
        if row is None or not hmac.compare_digest(row.digest, key):
            return None
        expired = row.expires is not None and self.now() >= row.expires
        return None if expired or row.revoked is not None else row

    def _token_caller(self, key: str) -> Caller | None:
        row = self._row(key)
        if row is None:
            return None
        now = self.now()
        if row.used is None or now - row.used >= TOUCH_INTERVAL:
            self.tokens.touch(key, now)
        device = row.device or ""
        return Caller(name=row.name, scopes=row.scopes, kind=CallerKind.TOKEN, digest=key, device=device)

    def speaks_for(self, caller: Caller, device: str, *, writes: bool) -> bool:
        """Whether a caller may act as this device. A token without one belongs to the first that it writes for."""
        if caller.kind is CallerKind.DEVICE:
            return device == caller.device
        if caller.kind is not CallerKind.TOKEN:
            return True
        if device == ANY_DEVICE:
            return False  # no device is called so: a token that it were bound to would open all
        own = caller.device or (self.tokens.bind(caller.digest, device) if writes else device)
        return own in (device, ANY_DEVICE)

    def closed(self) -> bool:
        """Whether tokens have been made, so that programs on this machine need one too. An expired one counts."""
        return any(row.revoked is None for row in self.tokens.listing())
