"""An authority of one's own: real TLS takes its certificates, and for nothing beyond private networks."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mobile_bridge import certificate_authority

from orchestrator.app.devices.own_authority import OwnAuthority
from orchestrator.core.errors import WrongSetting
from tests.waiting import PATIENCE

NOW = datetime.now(UTC)


def speak(folder: Path, root: Path | None, name: str) -> str:
    """What a client gets over TLS from a server with the node's certificate. Raises what TLS refuses with."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "node.crt", folder / "node.key")
    client = ssl.create_default_context(cafile=str(root) if root else None)
    here, there = socket.socketpair()
    here.settimeout(30)
    there.settimeout(30)

    def serve() -> None:
        try:
            with server.wrap_socket(here, server_side=True) as line:
                line.sendall(b"hello")
        except OSError:  # the client refuses
            here.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        with closing(client.wrap_socket(there, server_hostname=name)) as line:
            return line.recv(5).decode()
    finally:
        there.close()
        thread.join(timeout=PATIENCE)


def test_a_device_that_trusts_the_root_takes_the_node(tmp_path: Path) -> None:
    """By its name and its address, and only with the root."""
    made = OwnAuthority(folder=tmp_path / "tls", now=NOW).ensure("Shiftbook desk", ["desk.local", "192.168.7.5"])
    root = Path(made["root"])
    assert speak(tmp_path / "tls", root, "desk.local") == "hello"
    assert speak(tmp_path / "tls", root, "192.168.7.5") == "hello"
    for trusted, name in ((None, "desk.local"), (root, "other.local")):
        with pytest.raises(ssl.SSLCertVerificationError):
            speak(tmp_path / "tls", trusted, name)


def test_the_keys_are_their_owners_alone(tmp_path: Path) -> None:
    """Both keys are 0600, in a folder of 0700; the root stays when the node's certificate is made anew."""
    folder = tmp_path / "tls"
    first = OwnAuthority(folder=folder, now=NOW).ensure("Shiftbook desk", ["desk.local"])
    before = (folder / "node.crt").read_bytes()
    later = OwnAuthority(folder=folder, now=NOW + timedelta(days=300)).ensure("Shiftbook desk", ["desk.local"])
    assert first["fingerprint"] == later["fingerprint"]
    assert (folder / "node.crt").read_bytes() != before
    modes = [stat.S_IMODE((folder / name).stat().st_mode) for name in ("root.key", "node.key", ".")]
    assert modes == [0o600, 0o600, 0o700]


def test_a_lost_half_of_the_root_is_told(tmp_path: Path) -> None:
    """A root that devices trust is not replaced in silence."""
    authority = OwnAuthority(folder=tmp_path / "tls", now=NOW)
    authority.ensure("Shiftbook desk", ["desk.local"])
    (tmp_path / "tls" / "root.crt").unlink()
    with pytest.raises(WrongSetting, match="restore it"):
        authority.ensure("Shiftbook desk", ["desk.local"])


@pytest.mark.parametrize("host", ["example.com", "8.8.8.8", "local.example.com", "evil.local.example.com", ""])
def test_no_certificate_is_made_for_the_internet(tmp_path: Path, host: str) -> None:
    """Names and addresses that are not local are refused in a line."""
    with pytest.raises(WrongSetting, match="--host"):
        OwnAuthority(folder=tmp_path / "tls", now=NOW).ensure("Shiftbook desk", [host])


def test_a_stolen_root_speaks_for_nobody_on_the_internet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has the root's key and signs a certificate for a site is refused by every device: the root itself says so."""
    folder = tmp_path / "tls"
    made = OwnAuthority(folder=folder, now=NOW).ensure("Shiftbook desk", ["desk.local"])
    monkeypatch.setattr(certificate_authority, "NAMES", ("local", "com"))
    OwnAuthority(folder=folder, now=NOW).ensure("Shiftbook desk", ["bank.example.com"])
    with pytest.raises(ssl.SSLCertVerificationError, match="subtree"):
        speak(folder, Path(made["root"]), "bank.example.com")
