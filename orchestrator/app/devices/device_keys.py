"""With which key does this node meet its devices? One on P-256, as browsers have it, made when it is needed."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from orchestrator.core.errors import Refused, WrongSetting
from orchestrator.core.own_installation import extra_command
from sync import files

if TYPE_CHECKING:
    from pathlib import Path

    from mobile_bridge.key_exchange import ExchangeKey

    from orchestrator.core.settings import Settings

DEVICE_KEY = "device"
"""The file in the home's folder `keys`."""


def require_devices_extra() -> None:
    """Raises Refused where the extra `devices` is not installed."""
    if find_spec("cryptography") is None or find_spec("segno") is None:
        raise Refused(_missing())


def _missing() -> str:
    return f"what pairs devices is not installed: {extra_command('devices')}"


def devices_installed() -> bool:
    """Whether this installation can meet devices."""
    return find_spec("cryptography") is not None


def device_key_path(settings: Settings) -> Path:
    """Where the key lies."""
    return settings.home / "keys" / DEVICE_KEY


def device_key(settings: Settings) -> ExchangeKey:
    """The node's key for devices. Raises Refused without the extra, and WrongSetting for a file that is no such key."""
    if not devices_installed():
        raise Refused(_missing())
    from mobile_bridge.key_exchange import ExchangeKey

    path = device_key_path(settings)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.create(path, ExchangeKey.create().pem, mode=0o600)  # where another process was faster, its key
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise WrongSetting("SHIFTBOOK_HOME", f"others can read {path}: chmod 600 it; paired devices rely on it")
    try:
        return ExchangeKey.from_pem(path.read_bytes())
    except ValueError as error:
        why = f"{path} is no key for devices: restore it from a backup, or remove it and pair every device again"
        raise WrongSetting("SHIFTBOOK_HOME", why) from error
