"""Checks of secrets: can anybody else here read one, did the server of secrets give them, does a backup hold them?"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from dotenv import dotenv_values

from orchestrator.app.backups.secret_parts import PUBLIC_SUFFIXES, SECRET_FOLDERS
from orchestrator.app.deployment.layout import CREDENTIALS
from orchestrator.app.doctor.check_result import CheckResult, CheckStatus
from orchestrator.core.own_installation import extra_command
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings, secret_variables

SHOWN = 5
"""So many files are named."""


def check_secrets(settings: Settings) -> CheckResult:
    """Whether files with secrets are their owner's alone."""
    open_to_all = [path for path in _secret_files(settings.home) if _world_readable(path)]
    if not open_to_all:
        return CheckResult(what="secrets", health=CheckStatus.GOOD, says="nobody else on this machine can read one")
    names = ", ".join(map(str, open_to_all[:SHOWN])) + ", …" * (len(open_to_all) > SHOWN)
    remedy = (
        f"chmod go= {' '.join(map(str, open_to_all[:SHOWN]))}; then renew what was in there, if others use this machine"
    )
    says = f"everybody on this machine can read {names}"
    return CheckResult(what="secrets", health=CheckStatus.POOR, says=says, remedy=remedy)


def check_secret_server(settings: Settings) -> Iterator[CheckResult]:
    """Whether the server of secrets gave them, where there is one. Headquarters would not have come so far without."""
    if settings.infisical_url:
        health = CheckStatus.POOR if settings.lacking else CheckStatus.GOOD
        says = settings.lacking or f"{settings.infisical_url} gives this node's secrets"
        remedy = "mend what the line says; the node takes them up by itself" if settings.lacking else ""
        yield CheckResult(what="secret server", health=health, says=says, remedy=remedy)


def check_backups(settings: Settings) -> Iterator[CheckResult]:
    """Whether headquarters' backups could replace it: without its keys the fleet may be left without an admin."""
    if settings.role is not Role.HEADQUARTERS:
        return
    remedy = f"set SHIFTBOOK_BACKUP_TO=age1… (age-keygen makes one; keep its key elsewhere) and {extra_command('age')}"
    if not settings.backup_to:
        says = "they hold no keys: with this machine the only admin's key, tls/ and what devices are called by are lost"
    elif find_spec("pyrage") is None:
        says, remedy = "none is made: what encrypts them is not installed", extra_command("age")
    else:
        says = "encrypted, keys included"
        yield CheckResult(what="backups", health=CheckStatus.GOOD, says=says)
        return
    yield CheckResult(what="backups", health=CheckStatus.POOR, says=says, remedy=remedy)


def _secret_files(home: Path) -> Iterator[Path]:
    """The files that hold a secret, as far as this user may look."""
    if _holds_secret(home / ".env"):
        yield home / ".env"
    for folder in (*(home / name for name in SECRET_FOLDERS), CREDENTIALS):
        try:
            yield from sorted(
                path for path in folder.iterdir() if path.suffix not in PUBLIC_SUFFIXES and path.is_file()
            )
        except OSError:
            continue  # there is none, or this user may not look, which is well
    yield from (path for path in (home / "shiftbook.db",) if path.is_file())


def _holds_secret(path: Path) -> bool:
    if not path.is_file() or not os.access(path, os.R_OK):
        return False
    said = dotenv_values(path)
    return any(said.get(name) for name in secret_variables())


def _world_readable(path: Path) -> bool:
    """Whether somebody who is neither its owner nor of its group gets to it, and may read it."""
    try:
        passable = all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)
        return passable and bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
