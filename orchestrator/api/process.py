"""How does a process of its own serve this node's HTTP side, and when does it refuse to?"""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.api import gunicorn_server
from orchestrator.api.app import create_app
from orchestrator.api.auth.tokens import any_token_in_force
from orchestrator.api.factory import open_app_services
from orchestrator.api.web import access_log
from orchestrator.app import wiring
from orchestrator.app.devices.announcing import start_announcing
from orchestrator.app.devices.device_keys import devices_installed
from orchestrator.app.web_process import RECORD_FILE
from orchestrator.core.errors import WrongSetting
from orchestrator.core.settings import Settings
from orchestrator.git_server import http_backend


def run(settings: Settings, *, parent: int | None = None, listening: Callable[[str], None] = lambda url: None) -> None:
    """Serves until SIGTERM and ends the process; `listening` is told the address.

    Raises WrongSetting for what can be known before it begins.
    """
    if settings.http is None:
        raise WrongSetting("SHIFTBOOK_HTTP", "it is off: set it to host:port to serve")
    settings.home.mkdir(parents=True, exist_ok=True)
    _refuse_unprotected(settings)
    http_backend.open_http_backend(settings)
    plan = gunicorn_server.ServerPlan(
        make=lambda: _open_app(settings, port),
        streams=settings.streams,
        record=settings.home / RECORD_FILE,
        listening=listening,
    )
    bound = gunicorn_server.bind_socket(settings.http, plan)
    port = bound.getsockname()[1]
    access_log.log_to_file(settings.home / "http.log")
    gunicorn_server.serve(bound, plan, parent=parent)


def _refuse_unprotected(settings: Settings) -> None:
    """Others reach this address, and nobody could be told from anybody."""
    assert settings.http is not None
    if settings.http.loopback or (settings.device_sync and devices_installed()):
        return  # devices come in by their keys, everybody else by a token
    stores = wiring.stores(settings)
    try:
        if not any_token_in_force(stores.tokens, wiring.now()):
            why = "others can reach it and no token is in force: type `shiftbook token new NAME --scope chat`"
            raise WrongSetting("SHIFTBOOK_HTTP", why)
    finally:
        stores.close()


def _open_app(settings: Settings, port: int) -> gunicorn_server.ServedApp:
    house = open_app_services(settings)
    silence = start_announcing(settings, port, _note_trouble)
    closes = (silence, *house.drain, *house.close)
    return gunicorn_server.ServedApp(
        app=create_app(house), drain=lambda: _call_all(house.drain), close=lambda: _call_all(closes)
    )


def _note_trouble(why: str) -> None:
    access_log.LOGGER.warning("not announced", extra={"facts": {"why": why}})


def _call_all(each: tuple[Callable[[], None], ...]) -> None:
    for one in each:
        one()
