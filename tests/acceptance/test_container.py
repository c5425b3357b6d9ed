"""Is the image what the documents say? Read in every run; built by a real builder and run, each night."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from orchestrator.core.listen_address import DEFAULT_PORT
from tests.container import IMAGE, ROOT, Builder, builder_missing
from tests.loopback import LoopbackServer
from tests.servers import free_port

FILE = (ROOT / "Containerfile").read_text(encoding="utf-8")
LINES = re.sub(r"\\\n", " ", FILE).splitlines()
SERVES = r"""
cd /var/lib/shiftbook
shiftbook init fleet </dev/null >/dev/null
tini -- shiftbook node run >log 2>&1 & node=$!
healthy() { python3 -c "from urllib.request import urlopen; urlopen('http://127.0.0.1:PORT/health', timeout=8)"; }
for _ in $(seq 120); do if healthy 2>/dev/null; then echo healthy; break; fi; sleep 0.5; done
kill -TERM $node; wait $node; echo "ended with $?"
stat -c %a /var/lib/shiftbook; cat log >&2
"""


def instructions(word: str) -> list[str]:
    """The lines of an instruction of the last stage."""
    last = LINES[max(number for number, line in enumerate(LINES) if line.startswith("FROM ")) :]
    return [line.partition(" ")[2].strip() for line in last if line.startswith(f"{word} ")]


def test_nobody_is_root() -> None:
    """The node runs as a user of its own with a fixed number, for whoever owns the mounted folder."""
    assert instructions("USER") == ["shiftbook"]
    assert any("useradd --system --uid 10001" in line for line in instructions("RUN"))


def test_it_tells_how_it_is_and_keeps_what_matters() -> None:
    """A health check by the route that every role serves, a volume around the home folder, the port of the docs."""
    (check,) = instructions("HEALTHCHECK")
    assert "/health" in check
    assert instructions("EXPOSE") == [str(DEFAULT_PORT)]
    (volume,) = instructions("VOLUME")
    env = " ".join(instructions("ENV"))
    assert f"SHIFTBOOK_HOME={volume}/" in env
    assert f"SHIFTBOOK_HTTP=0.0.0.0:{DEFAULT_PORT}" in env
    assert instructions("STOPSIGNAL") == ["SIGTERM"]


def health(address: str) -> int:
    """What the health check ends with where SHIFTBOOK_HTTP is this."""
    (check,) = instructions("HEALTHCHECK")
    _, *words = json.loads(check.partition("CMD ")[2])
    env = {**os.environ, "SHIFTBOOK_HTTP": address}
    return subprocess.run([sys.executable, *words], env=env, cwd=ROOT, capture_output=True, check=False).returncode


def test_the_health_check_asks_where_the_node_listens() -> None:
    """On another port, on all addresses, on none; a node that does not answer is not well."""

    class Well(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Not to the terminal."""

    with LoopbackServer(("127.0.0.1", 0), Well) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        assert [health(f"{host}:{port}") for host in ("127.0.0.1", "0.0.0.0")] == [0, 0]  # told, not bound
        server.shutdown()
    assert health(f"127.0.0.1:{free_port()}") == 1
    assert health("off") == 0


def test_both_builders_read_what_is_not_to_be_copied() -> None:
    """Docker knows no other name than this one; podman and buildah take it where there is no .containerignore."""
    assert (ROOT / ".dockerignore").is_file()
    assert not (ROOT / ".containerignore").exists()


def test_the_documented_run_has_a_token_first() -> None:
    """The image listens on all addresses, where a node without a token serves nobody."""
    text = (ROOT / "docs/operating.md").read_text(encoding="utf-8").partition("## In a container")[2]
    assert 0 < text.index("shiftbook token new") < text.index("podman run -d")


def test_nothing_comes_from_elsewhere() -> None:
    """Beside the base only packages: no download, nothing piped into a shell; what PyPI gives is held to the lock."""
    assert not re.search(r"\b(curl|wget|ADD|git clone)\b|https?://(?!127\.0\.0\.1)", FILE)
    assert not re.search(r"\bpip3?\b", FILE), "pip is run by what installs an update alone, which holds it to the lock"
    assert FILE.count("from orchestrator.app.updates.installation import ") == 2


def test_its_extras_are_the_projects() -> None:
    """Each extra that the image has is one of pyproject's, and headquarters' database is among them."""
    (extras,) = (line for line in LINES if line.startswith("ARG EXTRAS="))
    named = set(extras.partition("=")[2].strip('"').split())
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert named <= set(known)
    assert {"postgresql", "redis", "devices"} <= named


def test_no_secret_is_copied_in() -> None:
    """No setting of a machine, no history, no environment."""
    ignored = set((ROOT / ".dockerignore").read_text(encoding="utf-8").split())
    assert {".git", ".venv", ".env", "**/.env"} <= ignored


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    """The image, built from nothing but packages."""
    why = builder_missing()
    if why:
        pytest.skip(why)
    kept = os.environ.get("SHIFTBOOK_CONTAINER_STORE", "")
    builder = Builder(folder=Path(kept) if kept else tmp_path_factory.mktemp("image"))
    builder.build(kept=bool(kept))
    yield builder
    if not kept:
        builder.run("rmi", "--all", "--force")


@pytest.mark.nightly
def test_a_node_lives_in_it(image: Builder) -> None:
    """Headquarters is made, becomes healthy, ends on SIGTERM with 0; its home is its user's alone."""
    port = free_port()
    env = (f"SHIFTBOOK_HTTP=127.0.0.1:{port}", "FACTORY_ROLE=HEADQUARTERS", "HOME=/var/lib/shiftbook")
    said = image.inside(SERVES.replace("PORT", str(port)), env=env).splitlines()
    assert said[:2] == ["healthy", "ended with 0"]
    assert said[2] == "700"


@pytest.mark.nightly
def test_what_is_in_it(image: Builder) -> None:
    """The program with its page, not writable for whoever runs it; no compiler, no package lists, no root."""
    said = image.inside(
        "id -u; shiftbook --version; test ! -w /opt/shiftbook && echo read-only; "
        "ls /opt/shiftbook/lib/python3*/site-packages/mobile_bridge/page/index.html.gz; "
        "command -v gcc || echo no compiler; ls -A /var/lib/apt/lists"
    ).splitlines()
    assert said[0] == "10001"
    assert said[1].startswith("shiftbook, version ")
    assert said[2] == "read-only"
    assert said[3].endswith("index.html.gz")
    assert said[4:] == ["no compiler"]
    told = json.loads(image.run("inspect", "--type", "image", IMAGE))["Docker"]["config"]
    assert told["User"] == "shiftbook"
    assert told["Healthcheck"]["Test"][0] == "CMD"


@pytest.mark.nightly
def test_where_runs_cannot_be_confined_they_are_not_run(image: Builder) -> None:
    """In a chroot the kernel makes no user namespaces: the node says so, and takes no missions with commands."""
    said = image.inside("shiftbook doctor || true", env=("HOME=/var/lib/shiftbook",))
    (line,) = (line for line in said.splitlines() if line.startswith("sandbox"))
    assert "missions with commands are not run here" in line


@pytest.mark.nightly
@pytest.mark.parametrize("covered", [False, True], ids=["proc-as-it-is", "proc-covered"])
def test_in_namespaces_runs_are_confined(image: Builder, *, covered: bool) -> None:
    """As in a container: with /proc as the kernel makes it they are; else the node says what to do."""
    said = image.in_namespaces("shiftbook doctor", covered=covered)
    (line,) = (line for line in said.splitlines() if line.startswith("sandbox"))
    assert ("bubblewrap works" in line) is not covered, said
    assert ("unmask" in line) is covered
