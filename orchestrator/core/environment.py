"""From where are a node's settings read, and which source counts?

Environment variables, then the credentials that systemd has loaded for the node's unit, then, for secrets alone, an
Infisical server where one is set, then `.env` in the home folder, then `.env` in the working folder, unless that folder
lies in a Git work tree. A value that cannot be used is one line that names the variable, and exit code 2.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.core.errors import SecretsUnavailable, WrongSetting

if TYPE_CHECKING:
    from orchestrator.core.settings import Settings


def load_settings(**overrides: Any) -> Settings:
    """The settings in force; `overrides` are fields by name. Raises WrongSetting, which names the variable."""
    # Here, because this module is loaded for every command's help.
    from missions.declared.plain_values import WrongValues
    from orchestrator.core.settings import SETTING_NAMES, Settings, is_secret, variable

    names = {variable(field): field for field in SETTING_NAMES}
    above, below = _credentials(names) | _set_variables(os.environ), _working_file()
    above |= {variable(field): value for field, value in overrides.items()}

    def settings(found: Mapping[str, Any]) -> Settings:
        return Settings.model_validate({names[name]: value for name, value in found.items() if name in names})

    try:
        home = settings(below | above).home
        written = below | _file_variables(home / ".env")
        alone = settings(written | above)
        if not alone.infisical_url:
            return alone
        served, lacking = _served_secrets(alone)
        return settings(written | served | above).without(lacking)
    except WrongValues as error:
        first = error.facts[0]
        message, field = first["msg"].removeprefix("Value error, "), str(first["loc"][0])
        secret = is_secret(field)  # what may be one is not said, not even to its owner
        found = "" if secret else f", not {first.get('input')!r}"
        words = f"{message[0].lower()}{message[1:]}{found}"
        raise WrongSetting(variable(field), words) from (None if secret else error)


def _served_secrets(settings: Settings) -> tuple[dict[str, Any], str]:
    """What the server of secrets sets, and why that is nothing. It can set secrets, and nothing else: no role, no path.

    Headquarters and standalone nodes do not go on without: they raise SecretsUnavailable, or WrongSetting. A worker
    does, with what else it has, and says so.
    """
    from orchestrator.core.roles import Role
    from orchestrator.core.secret_server import SecretServer, read_secrets
    from orchestrator.core.settings import secret_variables

    server = SecretServer(
        url=settings.infisical_url.rstrip("/"),
        project=settings.infisical_project,
        environment=settings.infisical_environment,
        path=settings.infisical_path,
        client_id=settings.infisical_client_id,
        client_secret=settings.infisical_client_secret.get_secret_value(),
    )
    try:
        found = read_secrets(server)
    except SecretsUnavailable as error:
        if settings.role is not Role.LOCAL_WORKER:
            raise
        return {}, f"{error}; this worker goes on without"
    wanted = secret_variables() - {"SHIFTBOOK_INFISICAL_CLIENT_SECRET"}
    return {name: value for name, value in _set_variables(found).items() if name in wanted}, ""


def _credentials(known: Iterable[str]) -> dict[str, Any]:
    """What the files in systemd's folder of credentials set. Each is called like its variable, after `shiftbook_` where
    a whole folder was loaded (systemd.exec(5), LoadCredential=); other names say nothing here.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    found: dict[str, str | None] = {}
    for name in known if folder else ():
        for path in (Path(folder, f"shiftbook_{name}"), Path(folder, name)):
            try:
                found[name] = path.read_text(encoding="utf-8").rstrip("\r\n")
            except FileNotFoundError:
                continue
            except (OSError, UnicodeDecodeError) as error:
                raise WrongSetting(name, f"its credential {path} cannot be read: {error}") from error
    return _set_variables(found)


def _working_file() -> dict[str, Any]:
    """What the `.env` of the working folder sets, if that is nobody else's word.

    What a work tree holds came from whoever may push there: a `.env` in it could send this machine's tokens elsewhere.
    """
    here = Path.cwd()
    in_work_tree = any((folder / ".git").exists() for folder in (here, *here.parents))
    return {} if in_work_tree else _file_variables(here / ".env")


def _file_variables(path: Path) -> dict[str, Any]:
    """Raises WrongSetting where there is one that cannot be read."""
    try:
        if not path.is_file():
            return {}
        from dotenv import dotenv_values

        return _set_variables(dotenv_values(path, encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise WrongSetting(str(path), f"its byte {error.start + 1} is no UTF-8: save it as UTF-8") from None
    except OSError as error:
        raise WrongSetting(str(path), f"it cannot be read: {error.strerror or error}") from error


def _set_variables(found: Mapping[str, str | None]) -> dict[str, Any]:
    """What is set at all: a variable without a value says nothing. Names may be written in small letters."""
    return {name.upper(): value for name, value in found.items() if value}
