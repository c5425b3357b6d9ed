"""How does a test get headquarters and a worker as two hosts? Booted, bare, with a cable between them and TLS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.booted import ROOT, Host, booted, connect
from tests.conftest import require_program

CERTIFICATE = "/etc/ssl/hq.pem"
DEPLOY_HQ = (
    "deploy",
    "hq",
    "--domain",
    "hq.example",
    "--certificate",
    CERTIFICATE,
    "--certificate-key",
    "/etc/ssl/hq.key",
)
MAIN = "git -c safe.directory='*' -C /var/lib/shiftbook/fleet.git"
PROGRAM = "/opt/shiftbook/bin/shiftbook"


@contextmanager
def two_hosts(folder: Path, source: Path = ROOT) -> Iterator[list[Host]]:
    """`hq` at 10.99.0.1, known to both as hq.example by a certificate that both believe, and `vps` at 10.99.0.2.

    Nothing is deployed yet. The units of the node write into /run/node.log, because no journal runs.
    """
    require_program("nginx")
    with booted(["hq", "vps"], folder, source) as found:
        connect(*found)
        hq, vps = found
        hq.shell(
            "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=hq.example"
            f" -addext subjectAltName=DNS:hq.example -keyout /etc/ssl/hq.key -out {CERTIFICATE} 2>/dev/null"
        )
        authority = hq.shell(f"cat {CERTIFICATE}")
        for host in found:
            host.run("sh", "-c", "cat >> /etc/ssl/certs/ca-certificates.crt", stdin=authority)
            lines = "Environment=SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt\n"
            lines += "StandardOutput=append:/run/node.log\nStandardError=append:/run/node.log\n"
            drop_in(host, "tls", lines)
        yield [hq, vps]


def drop_in(host: Host, name: str, lines: str) -> None:
    """Lines of a person's own for the node's unit, as `systemctl edit` writes them."""
    host.shell("mkdir -p /etc/systemd/system/shiftbook.service.d")
    path = f"/etc/systemd/system/shiftbook.service.d/{name}.conf"
    host.run("sh", "-c", f"cat > {path}", stdin=f"[Service]\n{lines}")


def shiftbook(host: Host, *words: str, stdin: str = "", user: str = "", program: str = PROGRAM) -> str:
    """A command that must succeed; what it printed."""
    return host.run(program, *words, stdin=stdin, user=user).stdout


def order(hq: Host, name: str, run: str, *, to: str) -> None:
    """A person at headquarters files a mission with plain git."""
    text = f"---\nagent: command\nto: {to}\nrun: {json.dumps(run)}\n---\nDo it.\n"
    hq.run("sh", "-c", f"cat > /var/lib/shiftbook/fleet/missions/{name}.md", stdin=text, user="shiftbook")
    hq.shell(
        f"cd /var/lib/shiftbook/fleet && git add -A && git commit -qm {name}\n"
        "until git pull -q --rebase && git push -q; do sleep 0.2; done",  # a node may be faster
        user="shiftbook",
    )


def done(hq: Host, name: str) -> None:
    """Waits until a mission is archived."""
    hq.until(f"{name} is done", f"{MAIN} ls-tree -r --name-only main missions/archive | grep -q /{name}.md")


def prop(host: Host, name: str) -> str:
    """One of the properties that systemd has of the node's unit."""
    return host.shell(f"systemctl show -P {name} shiftbook.service").strip()
