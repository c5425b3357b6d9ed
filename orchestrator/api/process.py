"""How does a process of its own serve this node's HTTP side, and when does it refuse to?"""

from __future__ import annotations

import threading
from collections.abc import Callable

from orchestrator.api import gunicorn_server, tls
from orchestrator.api.auth.tokens import any_token_in_force
from orchestrator.api.web import access_log
from orchestrator.app import wiring
from orchestrator.app.devices.device_keys import devices_installed, require_devices_extra
from orchestrator.app.devices.own_authority import TLS_FOLDER, OwnAuthority
from orchestrator.app.factories.tracer_factory import open_tracing
from orchestrator.app.web_process import RECORD_FILE
from orchestrator.core.errors import OrchestratorError, WrongSetting
from orchestrator.core.settings import Settings
from orchestrator.git_server import http_backend

RENEWAL_SECONDS = 12 * 3600.0
"""Between two looks at whether the certificate is to be renewed."""


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
        tls=_certificate(settings),
    )
    bound = gunicorn_server.bind_socket(settings.http, plan)
    port = bound.getsockname()[1]
    secure = gunicorn_server.bind_socket(settings.https, plan, tls.SETTING) if settings.https else None
    access_log.log_to_file(settings.home / "http.log")
    gunicorn_server.serve(bound, plan, secure=secure, parent=parent)


def _certificate(settings: Settings) -> tls.TlsContext | None:
    """The certificate of this node, renewed if it is due. Raises WrongSetting where none holds."""
    if settings.https is None:
        return None
    require_devices_extra()
    own = OwnAuthority(folder=settings.home / TLS_FOLDER, now=wiring.now())
    own.renew_if_due()
    made = tls.TlsContext(own.certificate, own.key, lambda why: _note("certificate not taken", why))
    why = own.trouble()
    if why:
        raise WrongSetting(tls.SETTING, why)
    return made


def _renew_daily(settings: Settings) -> Callable[[], None]:
    """Has the certificate renewed in time, however long this process serves; returns what ends that."""
    if settings.https is None:
        return lambda: None
    over = threading.Event()

    def look() -> None:
        while not over.wait(RENEWAL_SECONDS):
            own = OwnAuthority(folder=settings.home / TLS_FOLDER, now=wiring.now())
            try:
                own.renew_if_due()
            except (OSError, OrchestratorError) as error:
                _note("certificate not renewed", str(error))

    threading.Thread(target=look, name="certificate", daemon=True).start()
    return over.set


def _refuse_unprotected(settings: Settings) -> None:
    """Others reach this address, and nobody could be told from anybody."""
    assert settings.http is not None
    near = all(each.loopback for each in (settings.http, settings.https) if each is not None)
    if near or (settings.device_sync and devices_installed()):
        return  # devices come in by their keys, everybody else by a token
    stores = wiring.stores(settings)
    try:
        if not any_token_in_force(stores.tokens, wiring.now()):
            why = "others can reach it and no token is in force: type `shiftbook token new NAME --scope chat`"
            raise WrongSetting("SHIFTBOOK_HTTP", why)
    finally:
        stores.close()


def _open_app(settings: Settings, port: int) -> gunicorn_server.ServedApp:
    """Loads it, too: the process that holds the address, and waits, has none of it in its memory."""
    from orchestrator.api.app import create_app
    from orchestrator.api.factory import open_app_services
    from orchestrator.app.devices.announcing import start_announcing

    house = open_app_services(settings)
    silence = start_announcing(settings, port, lambda why: _note("not announced", why))
    stop_tracing = open_tracing(settings.node, _tell)
    closes = (silence, _renew_daily(settings), *house.drain, *house.close, stop_tracing)
    return gunicorn_server.ServedApp(
        app=create_app(house), drain=lambda: _call_all(house.drain), close=lambda: _call_all(closes)
    )


def _note(what: str, why: str) -> None:
    access_log.LOGGER.warning(what, extra={"facts": {"why": why}})


def _tell(event: str, sentence: str, *, once: bool = False, **facts: object) -> None:
    _note(event, sentence)


def _call_all(each: tuple[Callable[[], None], ...]) -> None:
    """One that fails is noted, and keeps none of the others from being called."""
    for one in each:
        try:
            one()
        except Exception as error:
            _note("not closed", f"{type(error).__name__}: {error}")
