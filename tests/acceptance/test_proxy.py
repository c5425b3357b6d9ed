"""Does a real nginx with the site of `shiftbook deploy` serve a real headquarters, streams and pushes included?"""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from orchestrator.app.deployment.layout import Site
from orchestrator.app.deployment.nginx_site import nginx_site
from tests.acceptance.fleets import Fleet
from tests.conftest import require_program
from tests.servers import free_port
from tests.waiting import PATIENCE, until

MIB = 1024 * 1024


@dataclass
class Proxied:
    """Headquarters behind nginx."""

    fleet: Fleet
    site: Site
    token: str
    direct: str
    """Where the node itself listens."""

    @property
    def url(self) -> str:
        return f"https://localhost:{self.site.https_port}"

    def client(self, *, token: bool = True) -> httpx.Client:
        trusted = ssl.create_default_context(cafile=str(self.site.certificate))
        headers = {"Authorization": f"Bearer {self.token}"} if token else {}
        return httpx.Client(base_url=self.url, verify=trusted, headers=headers, timeout=PATIENCE, trust_env=False)

    def git(self, *words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        shown = base64.b64encode(f"x:{self.token}".encode()).decode()
        given = [
            "-c",
            f"http.sslCAInfo={self.site.certificate}",
            "-c",
            f"http.extraHeader=Authorization: Basic {shown}",
        ]
        return self.fleet.try_git(*given, *words, folder=folder)


@contextmanager
def nginx(folder: Path, site: str) -> Iterator[None]:
    """A real nginx with one site, all its files below a folder."""
    program = require_program("nginx")
    folder.mkdir()
    own = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "site.conf").write_text(site, encoding="utf-8")
    (folder / "nginx.conf").write_text(
        f"daemon off;\nworker_processes 1;\npid {folder}/pid;\n"
        + ("user root;\n" if os.geteuid() == 0 else "")
        + "events { worker_connections 512; }\n"
        + f"http {{\naccess_log {folder}/access.log;\n{own}include {folder}/site.conf;\n}}\n",
        encoding="utf-8",
    )
    words = [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    tried = subprocess.run([*words, "-t"], capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stderr
    assert "warn" not in tried.stderr, tried.stderr
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        until(lambda: (folder / "pid").exists() and (folder / "pid").read_text(encoding="utf-8").strip(), "nginx")
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp("proxied")
    fleet = Fleet(folder / "fleet").found("hq")
    made = fleet.shiftbook("token", "new", "vps", "--scope", "git", "--scope", "missions", "--json", node="hq")
    token = json.loads(made)["token"]
    certificate, key = folder / "cert.pem", folder / "key.pem"
    kind = [
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
    ]
    words = ["openssl", "req", "-x509", *kind, "-keyout", str(key), "-out", str(certificate)]
    require_program("openssl")
    subprocess.run(words, check=True, capture_output=True)
    fleet.start(
        "hq",
        FACTORY_ROLE="HEADQUARTERS",
        ACCEPT_DELEGATIONS="false",
        SHIFTBOOK_SERVE_GIT="1",
        SHIFTBOOK_HTTP=f"127.0.0.1:{free_port()}",
        SHIFTBOOK_HOSTS="localhost",
    )
    try:
        record = fleet.folder / "hq" / "http.json"
        fleet.wait("headquarters listens", record.exists)
        direct = json.loads(record.read_text(encoding="utf-8"))["url"]
        site = Site(
            domain="localhost",
            certificate=certificate,
            certificate_key=key,
            upstream=direct.removeprefix("http://"),
            http_port=free_port(),
            https_port=free_port(),
        )
        with nginx(folder / "nginx", nginx_site(site, certified=True)):
            yield Proxied(fleet, site, token, direct)
    finally:
        fleet.kill("hq")


def plainly(url: str) -> httpx.Response:
    """What is answered without TLS."""
    return httpx.get(url, timeout=PATIENCE, trust_env=False)


def test_tls(proxied: Proxied) -> None:
    """By TLS headquarters answers; in clear nginx only says where."""
    with proxied.client() as client:
        answer = client.get("/health")
        assert answer.json()["role"] == "HEADQUARTERS"
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    plain = plainly(f"http://localhost:{proxied.site.http_port}/health")
    assert (plain.status_code, plain.headers["Location"]) == (308, f"{proxied.url}/health")


def test_nobody_is_local(proxied: Proxied) -> None:
    """Whoever comes through the proxy is no program of this machine, also on the routes that loopback opens."""
    with proxied.client(token=False) as client:
        for route in ("/metrics", "/api/v1/missions", "/api/v1/events"):
            for headers in ({}, {"X-Forwarded-For": "127.0.0.1"}, {"Host": "127.0.0.1"}):
                assert client.get(route, headers=headers).status_code in (401, 421), route
    assert plainly(f"{proxied.direct}/metrics").status_code == 200


def test_stream(proxied: Proxied) -> None:
    """An event comes through as it happens, while the answer goes on; and the node hears when the listener has left."""
    with proxied.client() as client, client.stream("GET", "/api/v1/events") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        next(lines)  # the stream has begun, so that what happens now is told in it
        proxied.fleet.commit({"missions/seen.md": "# Be seen\n"})
        assert any("seen" in line or "ledger" in line for line in lines)


def test_pushes(proxied: Proxied, tmp_path: Path) -> None:
    """A push that is larger than any other body may be goes through; such a body elsewhere does not."""
    done = proxied.git("clone", "--quiet", f"{proxied.url}/git/ledger.git", str(tmp_path / "clone"), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    clone = tmp_path / "clone"
    (clone / "large").write_bytes(os.urandom(6 * MIB))
    proxied.git("checkout", "--quiet", "-b", "large", folder=clone)
    proxied.git("add", "large", folder=clone)
    proxied.git("commit", "--quiet", "--no-verify", "-m", "Large", folder=clone)
    pushed = proxied.git("push", "--quiet", "--no-verify", "origin", "large", folder=clone)
    with proxied.client() as client:
        refused = client.post("/api/v1/missions", content=os.urandom(6 * MIB))
    assert refused.status_code == 413
    assert "413" not in pushed.stderr
    assert pushed.returncode == 0 or "remote: shiftbook:" in pushed.stderr, pushed.stderr  # the node has judged it


def test_certificate_first(tmp_path: Path) -> None:
    """Without a certificate nginx takes the site, answers a challenge, and passes nothing on."""
    site = Site(domain="localhost", certificate=Path("/no"), certificate_key=Path("/no"), http_port=free_port())
    text = nginx_site(site, certified=False).replace("/var/www/shiftbook", str(tmp_path))
    challenge = tmp_path / ".well-known/acme-challenge/word"
    challenge.parent.mkdir(parents=True)
    challenge.write_text("proof", encoding="utf-8")
    with nginx(tmp_path / "nginx", text):
        base = f"http://localhost:{site.http_port}"
        assert plainly(f"{base}/.well-known/acme-challenge/word").text == "proof"
        assert plainly(f"{base}/health").status_code == 503
