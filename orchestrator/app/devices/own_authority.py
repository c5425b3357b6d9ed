"""Where does this machine keep its own authority, and when is the node's certificate made anew?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from orchestrator.core.errors import WrongSetting
from sync import files

RENEW_BEFORE = timedelta(days=30)
TLS_FOLDER = "tls"
"""Of the home."""


@dataclass(frozen=True, kw_only=True)
class OwnAuthority:
    """The files of an authority, in the home's folder `tls`: keys for their owner alone."""

    folder: Path
    now: datetime

    @property
    def certificate(self) -> Path:
        """The node's certificate, with those that it rests on."""
        return self.folder / "node.crt"

    @property
    def key(self) -> Path:
        """The node's key for it."""
        return self.folder / "node.key"

    def ensure(self, name: str, hosts: Iterable[str]) -> dict[str, Any]:
        """Makes what is missing: the root once, the node's certificate anew each time. Raises WrongSetting.

        The root is never replaced: devices trust it.
        """
        from mobile_bridge.certificate_authority import (
            KeyAndCertificate,
            certificate_end,
            certificate_fingerprint,
            make_node_certificate,
            make_root,
        )

        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        root_key, root_file = self.folder / "root.key", self.folder / "root.crt"
        if root_key.exists() != root_file.exists():
            lacking = root_file if root_key.exists() else root_key
            raise WrongSetting("SHIFTBOOK_HOME", f"{lacking} is gone: restore it, or remove its other half")
        if not root_key.exists():
            made = make_root(name, self.now)
            files.replace(root_key, made.key, mode=0o600)
            files.replace(root_file, made.certificate, mode=0o644)
        root = KeyAndCertificate(key=root_key.read_bytes(), certificate=root_file.read_bytes())
        try:
            node = make_node_certificate(root, hosts, self.now)
        except ValueError as error:
            raise WrongSetting("--host", str(error)) from error
        files.replace(self.key, node.key, mode=0o600)
        files.replace(self.certificate, node.certificate, mode=0o644)
        return {
            "root": str(root_file),
            "fingerprint": certificate_fingerprint(root),
            "certificate": str(self.certificate),
            "key": str(self.key),
            "until": certificate_end(node).isoformat(timespec="seconds"),
            "renew": (certificate_end(node) - RENEW_BEFORE).isoformat(timespec="seconds"),
        }

    def renew_if_due(self) -> bool:
        """Makes the node's certificate anew, for the same names, if this root made it and it ends soon; whether it did.

        Raises WrongSetting, OSError. One that somebody else issued is theirs to renew.
        """
        from mobile_bridge.certificate_authority import (
            KeyAndCertificate,
            certificate_end,
            certificate_hosts,
            is_issued_by,
        )

        root_key, root_file = self.folder / "root.key", self.folder / "root.crt"
        if not (root_key.exists() and root_file.exists() and self.certificate.exists()):
            return False
        root = KeyAndCertificate(key=b"", certificate=root_file.read_bytes())
        held = KeyAndCertificate(key=b"", certificate=self.certificate.read_bytes())
        try:
            due = is_issued_by(held, root) and certificate_end(held) - RENEW_BEFORE <= self.now
            hosts = certificate_hosts(held) if due else ()
        except ValueError:
            return False  # what cannot be read is told where it is used
        if hosts:
            self.ensure("", hosts)
        return bool(hosts)

    def trouble(self) -> str:
        """What keeps devices from taking the node's certificate now, in words; "" for nothing."""
        from mobile_bridge.certificate_authority import KeyAndCertificate, certificate_end

        end = certificate_end(KeyAndCertificate(key=b"", certificate=self.certificate.read_bytes()))
        if end > self.now:
            return ""
        return f"{self.certificate} held until {end:%Y-%m-%d}: renew it, or make one with `shiftbook device ca`"
