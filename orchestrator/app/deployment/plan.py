"""The plan of a deployment: which files has a machine to hold so that its node is a service?"""

from __future__ import annotations

import os
import re
from pathlib import Path

from orchestrator.app.deployment import layout, units
from orchestrator.app.deployment.layout import Deployment
from orchestrator.app.deployment.managed_files import ManagedFile
from orchestrator.app.deployment.nginx_site import nginx_site
from orchestrator.core.errors import WrongSetting

HIDDEN_BELOW = (Path("/home"), Path("/root"), Path("/run/user"), Path("/tmp"), Path("/var/tmp"))  # noqa: S108  # named, not used
"""What a unit of the machine does not see (ProtectHome, PrivateTmp)."""
DOMAIN = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.I)
PLAIN_PATH = re.compile(r"/[\w./@+=:-]*", re.ASCII)
"""A path that neither nginx nor systemd reads anything else into."""
PATH_WORDS = "a whole path of letters, digits and ./@+=:_-"
MEMORY = re.compile(r"[1-9][0-9]{0,11}[KMGT]?|[1-9][0-9]?%|100%|infinity")


def planned_files(wanted: Deployment, *, certified: bool) -> tuple[ManagedFile, ...]:
    """The files in the order in which they are written. `certified`: the certificate is there."""
    folder = layout.UNITS if wanted.system else user_units()
    own = "your own lines go into {}.d/*.conf (systemctl edit)"
    found = [_unit(folder, "shiftbook.service", units.node_unit(wanted), own)]
    if not wanted.system:
        return tuple(found)
    found.insert(0, ManagedFile(path=Path("/etc/sysusers.d/shiftbook.conf"), body=units.system_user()))
    found.insert(1, ManagedFile(path=Path("/etc/tmpfiles.d/shiftbook.conf"), body=units.folders(wanted)))
    if wanted.headquarters:
        found.append(_unit(folder, "shiftbook-backup.service", units.backup_unit(wanted), own))
        found.append(_unit(folder, units.LEDGER_BACKUP, units.ledger_backup_unit(), own))
        found.append(_unit(folder, "shiftbook-backup.timer", units.backup_timer(), own))
    if wanted.site is not None:
        body = nginx_site(wanted.site, certified=certified)
        found.append(ManagedFile(path=layout.SITE, body=body, hint="your own servers go into other files of conf.d"))
    return tuple(found)


def every_path(*, system: bool) -> tuple[ManagedFile, ...]:
    """All files that any deployment may have written here, for the removal."""
    site = layout.Site(domain="x", certificate=Path("/"), certificate_key=Path("/"))
    wanted = Deployment(headquarters=True, program=Path("/bin/true"), system=system, site=site)
    return planned_files(wanted, certified=True)


def user_units() -> Path:
    """Where a user's manager looks for units."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd/user"


def check(wanted: Deployment) -> None:
    """Raises WrongSetting for what a unit or the proxy could not bear, or would read as something else."""
    _check_program(wanted)
    if not MEMORY.fullmatch(wanted.memory):
        raise WrongSetting("--memory", f"write a size such as 4G, or a share such as 50%, not {wanted.memory!r}")
    if wanted.site is None:
        return
    if not DOMAIN.fullmatch(wanted.site.domain):
        raise WrongSetting("--domain", f"write a name such as hq.example, not {wanted.site.domain!r}")
    for option, path in (
        ("--certificate", wanted.site.certificate),
        ("--certificate-key", wanted.site.certificate_key),
    ):
        if not PLAIN_PATH.fullmatch(str(path)):
            raise WrongSetting(option, f"write {PATH_WORDS}, not {str(path)!r}")


def _check_program(wanted: Deployment) -> None:
    if not PLAIN_PATH.fullmatch(str(wanted.program)):
        raise WrongSetting("--program", f"systemd takes {PATH_WORDS}, not {str(wanted.program)!r}")
    if not wanted.program.is_file() or not os.access(wanted.program, os.X_OK):
        raise WrongSetting("--program", f"{wanted.program} is no program")
    if not wanted.system:
        return
    for path in _needed(wanted.program):
        hidden = next((each for each in HIDDEN_BELOW if path.is_relative_to(each)), None)
        own = path.is_relative_to(layout.HOME)  # the service's user may go where nobody else may
        closed = next((each for each in (path, *path.parents) if not own and not each.stat().st_mode & 0o001), None)
        if hidden or closed:
            why = f"a service does not see {hidden}" if hidden else f"others may not enter {closed}"
            raise WrongSetting(
                "--program",
                f"{path}: {why}. Install where all can read it: `python3 -m venv /opt/shiftbook && "
                "/opt/shiftbook/bin/pip install shiftbook`, then `/opt/shiftbook/bin/shiftbook deploy …`",
            )


def _needed(program: Path) -> list[Path]:
    """The program, and the interpreter that its first line names."""
    with program.open("rb") as text:
        line = text.readline(4096)
    words = line[2:].decode("utf-8", "replace").split() if line.startswith(b"#!") else []
    found = [program, *(Path(word) for word in words[:1] if Path(word).is_file())]
    return [path for each in found for path in dict.fromkeys((each.absolute(), each.resolve()))]


def _unit(folder: Path, name: str, body: str, hint: str) -> ManagedFile:
    return ManagedFile(path=folder / name, body=body, hint=hint.format(name))
