"""What is said beside the code that a device scans, and where no device could come in?"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli.device.pair import _show, pair, require_served
from orchestrator.core.errors import Refused
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings

LINK = "http://127.0.0.1:8823/app/pair#code"


class Answering(BaseHTTPRequestHandler):
    """Answers every address with the server's code, and 404 with a reason."""

    code = 200

    def do_GET(self) -> None:
        """The answer."""
        self.send_response(self.code)
        self.end_headers()
        self.wfile.write(b"a LOCAL_WORKER does not serve this\nmore")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """Something answers, and the home says where."""
    server = HTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    (tmp_path / "http.json").write_text(json.dumps({"url": url, "pid": 1}), encoding="utf-8")
    yield url
    server.shutdown()
    server.server_close()


def settings(home: Path, role: Role = Role.LOCAL_WORKER) -> Settings:
    """Of a node with this home."""
    return Settings(home=home, node_id="n0", role=role)


@pytest.mark.parametrize(
    ("role", "start"),
    [
        (Role.LOCAL_WORKER, "`SHIFTBOOK_DEVICE_SYNC=1 shiftbook node run`"),
        (Role.HEADQUARTERS, "`shiftbook node run`"),
    ],
)
def test_where_nothing_is_served_it_ends_at_once(tmp_path: Path, role: Role, start: str) -> None:
    """It says what to start; also where a process that was killed left its address behind."""
    for left in (None, {"url": "http://127.0.0.1:1", "pid": 1}):
        if left:
            (tmp_path / "http.json").write_text(json.dumps(left), encoding="utf-8")
        with pytest.raises(Refused, match="nothing is served here") as said:
            require_served(settings(tmp_path, role))
        assert f"{start} in another terminal" in str(said.value)


def test_the_command_makes_no_code_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends before a pairing begins: nothing is shown that could be scanned in vain."""
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path))
    done = CliRunner().invoke(pair, [])
    assert isinstance(done.exception, Refused)
    assert done.exception.exit_code == 4
    assert done.output == ""


def test_what_serves_no_page_is_told_in_its_own_words(
    tmp_path: Path, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node may run with other settings than this command: it is asked itself."""
    require_served(settings(tmp_path))
    monkeypatch.setattr(Answering, "code", 404)
    with pytest.raises(Refused, match="a LOCAL_WORKER does not serve this”") as said:
        require_served(settings(tmp_path))
    assert f"{served}/app/" in str(said.value)


def test_it_says_who_will_reach_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A phone is on another machine."""
    _show(LINK, settings(tmp_path))
    said = capsys.readouterr()
    assert LINK in said.out
    assert "for a phone set SHIFTBOOK_HTTP=0.0.0.0:8823" in said.err
