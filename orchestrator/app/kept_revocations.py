"""Which revocations are kept over a restore? What is from before one must not let a lost phone in again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.app import wiring
from orchestrator.core.errors import StoreFailed, WrongSetting
from orchestrator.core.ports.stores import Stores
from orchestrator.core.settings import Settings
from orchestrator.core.sqlite_url import sqlite_file


@dataclass(frozen=True, kw_only=True)
class KeptRevocations:
    """What a person had taken from whom when the restore began. `known` is false where no database could tell."""

    devices: frozenset[str] = frozenset()
    """Ids of paired devices that are out."""
    scopes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """What each other device may do, by its id."""
    tokens: frozenset[str] = frozenset()
    """Digests of tokens that are out."""
    known: bool = False

    def apply(self, stores: Stores) -> tuple[str, ...]:
        """Takes the same from whoever the backup lets in; returns words for each. Raises StoreFailed."""
        return (*self._devices(stores), *self._tokens(stores))

    def _devices(self, stores: Stores) -> Iterator[str]:
        for each in stores.paired.listing():
            if each.revoked is not None:
                continue
            if each.id in self.devices:
                stores.paired.revoke(each.id)
                yield f"the device {each.name!r} stays revoked"
            elif not each.scopes <= self.scopes.get(each.id, each.scopes):
                stores.paired.change(each.id, scopes=self.scopes[each.id])
                yield f"the device {each.name!r} may do what it might before, not what the backup says"

    def _tokens(self, stores: Stores) -> Iterator[str]:
        for each in stores.tokens.listing():
            if each.revoked is None and each.digest in self.tokens:
                stores.tokens.revoke(each.name)
                yield f"the token {each.name!r} stays revoked"

    def as_plain(self) -> dict[str, Any]:
        """The same as JSON can say it, for another version of this program."""
        return {
            "devices": sorted(self.devices),
            "scopes": {id_: sorted(scopes) for id_, scopes in self.scopes.items()},
            "tokens": sorted(self.tokens),
            "known": self.known,
        }


def revocations_from(plain: Any) -> KeptRevocations:
    """What `as_plain` made. Raises ValueError."""
    try:
        return KeptRevocations(
            devices=frozenset(map(str, plain["devices"])),
            scopes={str(id_): frozenset(map(str, scopes)) for id_, scopes in plain["scopes"].items()},
            tokens=frozenset(map(str, plain["tokens"])),
            known=plain["known"] is True,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"these are no revocations: {error}") from error


def read_revocations(settings: Settings) -> KeptRevocations:
    """What the database of these settings tells; nothing is known where there is none, or it cannot be read."""
    path = sqlite_file(settings.store_url)
    if path is not None and not path.is_file():
        return KeptRevocations()
    try:
        stores = wiring.stores(settings)
    except (StoreFailed, WrongSetting):  # a damaged one is a reason to restore, not one against it
        return KeptRevocations()
    try:
        devices, tokens = stores.paired.listing(), stores.tokens.listing()
    except StoreFailed:
        return KeptRevocations()
    finally:
        stores.close()
    return KeptRevocations(
        devices=frozenset(each.id for each in devices if each.revoked is not None),
        scopes={each.id: each.scopes for each in devices if each.revoked is None},
        tokens=frozenset(each.digest for each in tokens if each.revoked is not None),
        known=True,
    )
