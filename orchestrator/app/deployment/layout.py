"""The layout of a deployment: what is deployed, and where does each part of it lie on a machine?"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

USER = "shiftbook"
HOME = Path("/var/lib/shiftbook")
"""The home of the service's user, with all where a person has it: so `sudo -u shiftbook -H shiftbook …` just works."""
LEDGER = HOME / "fleet"
"""The clone of the ledger at headquarters and workers; at headquarters the served repository lies beside it."""
CREDENTIALS = Path("/etc/shiftbook/credentials")
"""Secrets, one a file, called like the variable that they set; root's alone."""
BACKUPS = Path("/var/backups/shiftbook")
CHALLENGES = Path("/var/www/shiftbook")
"""Where an ACME client answers for the domain."""
UNITS = Path("/etc/systemd/system")
SITE = Path("/etc/nginx/conf.d/shiftbook.conf")
SEARCH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
STATE = Path(".local/share/shiftbook")
"""The node's home folder (SHIFTBOOK_HOME) in its user's: where it is looked for if nothing is set."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """How a proxy serves headquarters. Ports are TCP; sizes are bytes."""

    domain: str
    certificate: Path
    certificate_key: Path
    upstream: str = "127.0.0.1:8823"
    http_port: int = 80
    https_port: int = 443
    body_bytes: int = 8 * 1024 * 1024
    """Above what any route of the node takes but a push: the node holds each to its own."""
    git_bytes: int = 1024**3
    threads: int = 96
    """The node's threads: SHIFTBOOK_STREAMS and 32."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One machine's service."""

    headquarters: bool
    program: Path
    """The `shiftbook` that the units start."""
    versions: Path | None = None
    """The folder of versions whose `start` that is: what `shiftbook update` writes into, also from within the unit."""
    system: bool = True
    """A service of the machine, with a user of its own; otherwise of the person who deploys it."""
    site: Site | None = None
    """None: no proxy is set up."""
    memory: str = "80%"
    """The most that it may take with all that it runs: as systemd writes it, a size or a share of the machine's."""

    @property
    def label(self) -> str:
        """What it is."""
        return "headquarters" if self.headquarters else "worker"

    @property
    def search(self) -> tuple[str, ...]:
        """Where programs are looked for: beside `shiftbook`, where the person's agents are, in the system's folders."""
        here = str(self.program.parent)
        own = () if self.system else tuple(os.environ.get("PATH", "").split(":"))
        return tuple(dict.fromkeys((here, *(each for each in own if each.startswith("/")), *SEARCH)))

    @property
    def units(self) -> tuple[str, ...]:
        """The units that are enabled."""
        return ("shiftbook.service", *(("shiftbook-backup.timer",) if self.headquarters else ()))
