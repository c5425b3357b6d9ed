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


@dataclass(frozen=True, kw_only=True)
class OwnAuthority:
    """The files of an authority, in the home's folder `tls`: keys for their owner alone."""

    folder: Path
    now: datetime

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
        files.replace(self.folder / "node.key", node.key, mode=0o600)
        files.replace(self.folder / "node.crt", node.certificate, mode=0o644)
        return {
            "root": str(root_file),
            "fingerprint": certificate_fingerprint(root),
            "certificate": str(self.folder / "node.crt"),
            "key": str(self.folder / "node.key"),
            "until": certificate_end(node).isoformat(timespec="seconds"),
            "renew": (certificate_end(node) - RENEW_BEFORE).isoformat(timespec="seconds"),
        }
