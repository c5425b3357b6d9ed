"""How does a process of its own serve this node's HTTP side, and when does it refuse to?"""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.api import gunicorn_server
from orchestrator.api.app import create_app
from orchestrator.api.auth.tokens import anyone
from orchestrator.api.factory import open_house
from orchestrator.api.web import access_log
from orchestrator.app import wiring
from orchestrator.core.errors import WrongSetting
from orchestrator.core.settings import Settings
from orchestrator.git_server import http_backend

RECORD = "http.json"
"""Where it is written, in the home folder, at which address this node serves and with which process."""


def run(settings: Settings, *, parent: int | None = None) -> None:
    """Serves until SIGTERM and ends the process. Raises WrongSetting for what can be known before it begins."""
    if settings.http is None:
        raise WrongSetting("SHIFTBOOK_HTTP", "it is off: set it to host:port to serve")
    settings.home.mkdir(parents=True, exist_ok=True)
    _refuse_open_door(settings)
    http_backend.open_door(settings)
    plan = gunicorn_server.Plan(make=lambda: _served(settings), streams=settings.streams, record=settings.home / RECORD)
    bound = gunicorn_server.listen(settings.http, plan)
    access_log.to_file(settings.home / "http.log")
    gunicorn_server.serve(bound, plan, parent=parent)


def _refuse_open_door(settings: Settings) -> None:
    """Others reach this address, and nobody could be told from anybody."""
    assert settings.http is not None
    if settings.http.loopback:
        return
    stores = wiring.stores(settings)
    try:
        if not anyone(stores.tokens, wiring.now()):
            why = "others can reach it and no token is in force: type `shiftbook token new NAME --scope chat`"
            raise WrongSetting("SHIFTBOOK_HTTP", why)
    finally:
        stores.close()


def _served(settings: Settings) -> gunicorn_server.Served:
    house = open_house(settings)
    return gunicorn_server.Served(
        app=create_app(house), drain=lambda: _call(house.drain), close=lambda: _call(house.drain + house.close)
    )


def _call(each: tuple[Callable[[], None], ...]) -> None:
    for one in each:
        one()
