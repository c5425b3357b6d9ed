"""Which tokens are let in? The table is `Token`.

Every request asks, so headquarters' server asks without SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from orchestrator.adapters.database.plain.column_values import (
    moment_value,
    name_value,
    read_moment,
    read_text,
    text_value,
)
from orchestrator.adapters.database.plain.statements import Transactions
from orchestrator.core.errors import NotFound, WrongSetting
from orchestrator.core.ports.tokens import TokenRow

COLUMNS = "name, digest, scopes, created, expires, used, revoked, device"
ADD = """
INSERT INTO tokens (name, digest, scopes, created, expires, device)
VALUES (:name, :digest, :scopes, :created, :expires, :device) ON CONFLICT DO NOTHING RETURNING id"""
FIND = f"SELECT {COLUMNS} FROM tokens WHERE digest = :digest AND revoked IS NULL"  # noqa: S608  # constants
LISTING = f"SELECT {COLUMNS} FROM tokens ORDER BY name, id"  # noqa: S608
REVOKE = "UPDATE tokens SET revoked = :now WHERE name = :name AND revoked IS NULL RETURNING id"
BIND = "UPDATE tokens SET device = :device WHERE digest = :digest AND device IS NULL"
DEVICE = "SELECT device FROM tokens WHERE digest = :digest"
TOUCH = "UPDATE tokens SET used = :used WHERE digest = :digest AND (used IS NULL OR used < :used)"


@dataclass(frozen=True, kw_only=True)
class SqlTokens:
    """stores.Tokens in a database."""

    database: Transactions
    now: Callable[[], datetime]

    def add(
        self,
        name: str,
        digest: str,
        scopes: Iterable[str],
        expires: datetime | None = None,
        *,
        device: str | None = None,
    ) -> TokenRow:
        """Stores a token. Raises WrongSetting."""
        row = TokenRow(
            name=name, digest=digest, scopes=frozenset(scopes), created=self.now(), expires=expires, device=device
        )
        with self.database.writing() as sql:
            added = sql(
                ADD,
                name=name_value(name),
                digest=name_value(digest),
                scopes=text_value(" ".join(sorted(row.scopes))),
                created=moment_value(row.created),
                expires=None if expires is None else moment_value(expires),
                device=None if device is None else name_value(device),
            )
        if not added:
            raise WrongSetting("NAME", f"a token {name!r} is in force already: revoke it first")
        return row

    def find(self, digest: str) -> TokenRow | None:
        """The token that counts now."""
        with self.database.reading() as sql:
            rows = sql(FIND, digest=name_value(digest))
        found = [_token(*row) for row in rows]
        return next((row for row in found if row.expires is None or row.expires > self.now()), None)

    def listing(self) -> tuple[TokenRow, ...]:
        """Every token ever."""
        with self.database.reading() as sql:
            return tuple(_token(*row) for row in sql(LISTING))

    def revoke(self, name: str) -> bool:
        """Ends a token."""
        with self.database.writing() as sql:
            return bool(sql(REVOKE, name=name_value(name), now=moment_value(self.now())))

    def bind(self, digest: str, device: str) -> str:
        """The token's device, this one where it had none. Of two who come first at the same time one does."""
        with self.database.writing() as sql:
            sql(BIND, digest=name_value(digest), device=name_value(device))
            found = sql(DEVICE, digest=name_value(digest))
        if not found or found[0][0] is None:
            raise NotFound("there is no such token")
        return str(found[0][0])

    def touch(self, digest: str, when: datetime) -> None:
        """Notes when a token was used; an earlier moment changes nothing."""
        with self.database.writing() as sql:
            sql(TOUCH, digest=name_value(digest), used=moment_value(when))


def _token(name: str, digest: str, scopes: str, created: str, *more: str | None) -> TokenRow:
    expires, used, revoked, device = more
    return TokenRow(
        name=name,
        digest=digest,
        scopes=frozenset(read_text(scopes).split()),
        created=read_moment(created),
        expires=read_moment(expires) if expires else None,
        used=read_moment(used) if used else None,
        revoked=read_moment(revoked) if revoked else None,
        device=device,
    )
