"""What do the tests of the HTTP side share? An app on real doors, and a clock that stands until it is moved."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.openapi import OpenAPI

from orchestrator.api.app import create_app
from orchestrator.api.auth.device_access import open_device_access
from orchestrator.api.auth.ops_tokens import JwtOpsTokens
from orchestrator.api.auth.tokens import Authenticator, mint
from orchestrator.api.factory import open_authenticator
from orchestrator.api.web.context import SERVICES_KEY, AppServices
from orchestrator.app import wiring
from orchestrator.core.ports.stores import Stores
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings
from orchestrator.ledger.node_pages import LastSeenStore
from orchestrator.policy.authorization import Trust
from orchestrator.workflow.fleet import Fleet
from tests import app_schemas
from tests.databases import brought_up
from tests.ledgers import FLEET, Files, Keys, Peer, Town

app_schemas.keep()


@dataclass
class Clock:
    """The time, until it is moved."""

    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def move(self, **much: float) -> None:
        self.time += timedelta(**much)


@dataclass
class Site:
    """One node's app with its doors."""

    app: OpenAPI
    house: AppServices
    stores: Stores
    clock: Clock

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def token(self, *scopes: str, name: str = "phone", days: int | None = None, device: str | None = None) -> str:
        """A token as `shiftbook token new` makes it."""
        expires = self.clock() + timedelta(days=days) if days else None
        return mint(self.stores.tokens, name, scopes, expires=expires, device=device)[0]

    def ops(self) -> JwtOpsTokens:
        assert isinstance(self.house.door.ops, JwtOpsTokens)
        return self.house.door.ops


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


Build = Callable[..., Site]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Makes apps for a role and settings; `nouns` are blueprints of the test's own."""
    opened: list[Stores] = []

    def make(role: Role = Role.HEADQUARTERS, *nouns: APIBlueprint, **wanted: Any) -> Site:
        settings = Settings(home=tmp_path / f"home-{len(opened)}", node_id="desk", role=role, **wanted)
        clock = Clock()
        stores = wiring.stores(brought_up(settings))
        opened.append(stores)
        door = open_authenticator(settings, stores)
        assert isinstance(door.ops, JwtOpsTokens)
        ops = JwtOpsTokens(node="desk", key_file=door.ops.key_file, now=clock, issues=door.ops.issues)
        devices = open_device_access(settings, stores, now=clock, clock=clock.monotonic, random=os.urandom)
        house = AppServices(
            settings=settings,
            now=clock,
            fleet=lambda: wiring.fleet(settings),
            door=Authenticator(tokens=stores.tokens, now=clock, ops=ops, sessions=devices.sessions),
            devices=devices,
        )
        app = create_app(house)
        for noun in nouns:
            app.register_api(noun)
        return Site(app, house, stores, clock)

    yield make
    for stores in opened:
        stores.close()


def door_of(person: Peer, key: str, town: Town, folder: Path) -> Fleet:
    """A person's door to a ledger, with their public key; `folder` keeps what was seen."""
    return Fleet(
        bus=replace(person.bus, key=key),
        reader=person.reader,
        trust=person.trust,
        sightings=LastSeenStore(folder / "seen.json"),
        now=town.clock,
    )


@dataclass
class ServedFleet:
    """A served node whose person is Ada, an author, in a ledger that the test fills."""

    site: Site
    town: Town
    ada: Peer
    folder: Path

    def get(self, path: str, status: int = 200, **query: str | int) -> Any:
        """What a program with the scope `look` is answered, as JSON."""
        answer = self.site.client.get(path, query_string=query, headers=self.key("look"))
        assert answer.status_code == status, answer.text
        return answer.get_json()

    def key(self, *scopes: str) -> dict[str, str]:
        """The header of a token with these scopes, called after them."""
        name = "-".join(scopes)
        if name not in self._keys:
            self._keys[name] = self.site.token(*scopes, name=name)
        return bearer(self._keys[name])

    def push(self, files: Files, message: str = "a commit") -> str:
        """Commits files in Ada's name; the next answer knows them, as if the ledger had rung."""
        commit = self.ada.push(files, message)
        self.site.house.change_signal.ring()
        return commit

    def __post_init__(self) -> None:
        self._keys: dict[str, str] = {}


@pytest.fixture
def serve(build: Build, tmp_path: Path, keys: Keys) -> Iterator[Callable[..., ServedFleet]]:
    """Makes a served fleet of files."""
    towns: list[Town] = []

    def make(files: Files | None = None, trust: str = "remote", **wanted: Any) -> ServedFleet:
        rules = {"allowed_signers": keys.signers(ada=["author"]), "fleet.toml": FLEET.format(trust=trust)}
        town = Town(rules | dict(files or {}))
        towns.append(town)
        ada = town.peer("ada", key=keys["ada"])
        made = build(Role.HEADQUARTERS, rate=0, **wanted)

        def door() -> Fleet:
            return replace(door_of(ada, keys["ada"].public, town, tmp_path), trust=Trust(ada.bus.store))

        made.house = replace(made.house, fleet=door, stores=made.stores)
        made.app.extensions[SERVICES_KEY] = made.house
        return ServedFleet(made, town, ada, tmp_path)

    yield make
    for town in towns:
        town.close()
