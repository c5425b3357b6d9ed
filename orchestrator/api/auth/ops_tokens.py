"""Which short-lived token lets somebody steer the fleet for an hour? A JWT that headquarters signs and reads itself.

Nobody else has to check one, so it is HS256 with a key that never leaves headquarters' home. It ends after an hour,
with the token that asked for it, or when the key file is removed.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestrator.api.auth.tokens import Caller, CallerKind
from orchestrator.core.errors import Refused, WrongSetting
from sync import files

DOTS = 2
"""Of a JSON Web Token (RFC 7519, section 3): between its three parts."""
LIFETIME = timedelta(hours=1)
AUDIENCE = "shiftbook-ops"
ALGORITHM = "HS256"
KEY_BYTES = 32
REQUIRED_CLAIMS = ["iss", "aud", "sub", "iat", "exp", "by"]


@dataclass(frozen=True, kw_only=True)
class JwtOpsTokens:
    """Ops tokens of one node. `issues` is whether its role may issue any; where it may not, it accepts none."""

    node: str
    key_file: Path
    now: Callable[[], datetime]
    issues: bool

    def issue(self, caller: Caller) -> tuple[str, datetime]:
        """A token for the caller and when it ends. Raises Refused, and WrongSetting for a key that others can read."""
        if not self.issues:
            raise Refused("only headquarters issues ops tokens (FACTORY_ROLE=HEADQUARTERS)")
        if caller.kind is CallerKind.OPS:
            raise Refused("an ops token cannot ask for another: that would never end")
        if caller.kind is CallerKind.DEVICE:
            raise Refused("a paired device with the scope ops needs no ops token: its own session may do the same")
        import jwt  # with cryptography, 10 MiB: who never asks for such a token has neither loaded

        begun = self.now().astimezone(UTC).replace(microsecond=0)
        claims = {
            "iss": self.node,
            "aud": AUDIENCE,
            "sub": caller.name,
            "iat": begun,
            "exp": begun + LIFETIME,
            "jti": secrets.token_hex(8),
            "by": caller.digest,
        }
        return jwt.encode(claims, self._key(), algorithm=ALGORITHM), begun + LIFETIME

    def read(self, text: str) -> Caller | None:
        """Whom a token of ours names; None for any other, and for one that has ended."""
        if not self.issues or text.count(".") != DOTS:
            return None
        import jwt

        try:
            claims = jwt.decode(
                text,
                self._key(),
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=self.node,
                options={
                    "require": REQUIRED_CLAIMS,
                    "verify_exp": False,
                    "verify_iat": False,
                },  # by our own clock, below
            )
        except jwt.InvalidTokenError:
            return None
        if not all(isinstance(claims[name], int) for name in ("iat", "exp")):
            return None
        if not claims["iat"] <= self.now().timestamp() < claims["exp"]:
            return None
        return Caller(name=claims["sub"], scopes=frozenset({"ops"}), kind=CallerKind.OPS, digest=claims["by"])

    def _key(self) -> bytes:
        if not self.key_file.exists():
            self._make()
        if self.key_file.stat().st_mode & 0o077 and os.name == "posix":
            raise WrongSetting("SHIFTBOOK_HOME", f"others can read {self.key_file}: chmod 600 it, or remove it")
        key = self.key_file.read_bytes()
        if len(key) < KEY_BYTES:  # with an empty one anybody could sign: a full disk, or an editor, has left that
            raise WrongSetting("SHIFTBOOK_HOME", f"{self.key_file} is no whole key: remove it, a new one is made")
        return key

    def _make(self) -> None:
        self.key_file.parent.mkdir(parents=True, exist_ok=True)
        files.create(
            self.key_file, secrets.token_bytes(KEY_BYTES), mode=0o600
        )  # where another process was faster, its key
