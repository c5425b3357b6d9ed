"""What do the tests of the HTTP side share? An app on real doors, and a clock that stands until it is moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.openapi import OpenAPI

from orchestrator.api.app import create_app
from orchestrator.api.auth.ops_tokens import JwtOpsTokens
from orchestrator.api.auth.tokens import Authenticator, mint
from orchestrator.api.factory import open_authenticator
from orchestrator.api.web.context import AppServices
from orchestrator.app import wiring
from orchestrator.core.ports.stores import Stores
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings
from tests import app_schemas
from tests.databases import brought_up

app_schemas.keep()


@dataclass
class Clock:
    """The time, until it is moved."""

    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.time

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
        house = AppServices(
            settings=settings,
            now=clock,
            fleet=lambda: wiring.fleet(settings),
            door=Authenticator(tokens=stores.tokens, now=clock, ops=ops),
        )
        app = create_app(house)
        for noun in nouns:
            app.register_api(noun)
        return Site(app, house, stores, clock)

    yield make
    for stores in opened:
        stores.close()
