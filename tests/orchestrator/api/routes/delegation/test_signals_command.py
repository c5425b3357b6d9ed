"""`signals send` through a socket to the real route, signed; and what it says where that is not possible."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from werkzeug.serving import make_server

from orchestrator.cli import cli
from tests.ledgers import FLEET
from tests.orchestrator.api.conftest import ServedFleet
from tests.orchestrator.api.routes.delegation.test_signals import BUNDLE, RULES, SECRETS
from tests.waiting import PATIENCE


@dataclass
class Headquarters:
    """Headquarters behind a socket, and the command line of a supplier's machine."""

    fleet: ServedFleet
    url: str

    def send(self, file: Path | str, *words: str, exit_code: int = 0, stdin: str | None = None) -> str:
        """What `signals send` says."""
        said = CliRunner().invoke(cli, ["signals", "send", str(file), *words], input=stdin)
        assert (said.exit_code == 0) == (exit_code == 0), (said.output, said.exception)
        return said.output if exit_code == 0 else str(said.exception)


@pytest.fixture
def hq(serve: Callable[..., ServedFleet], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Headquarters]:
    """With the market's secret here and there."""
    secrets = ",".join(f"{name}={secret}" for name, secret in SECRETS.items())
    fleet = serve({"fleet.toml": FLEET.format(trust="remote") + RULES}, ledger="x", signal_secrets=secrets)
    server = make_server("127.0.0.1", 0, fleet.site.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "supplier"))
    monkeypatch.setenv("SHIFTBOOK_SIGNAL_SECRETS", f"market={SECRETS['market']},wrong={'w' * 20}")
    monkeypatch.setenv("SHIFTBOOK_HQ_URL", f"http://127.0.0.1:{server.server_port}")
    yield Headquarters(fleet=fleet, url=f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    thread.join(timeout=PATIENCE)
    server.server_close()


def test_an_event_is_sent_signed_and_counts_once(hq: Headquarters, tmp_path: Path) -> None:
    """From a file or standard input; its id is made of what it says, so the same is the same."""
    event = {"source": "/market", "type": "opportunity_bundle_ready", "time": hq.fleet.site.clock().isoformat()}
    event |= {"data": {"opportunities": BUNDLE}}  # type: ignore[dict-item]
    file = tmp_path / "event.json"
    file.write_text(json.dumps(event))
    (first,) = json.loads(hq.send(file, "--supplier", "market", "--json"))
    assert (first["verdict"], len(first["missions"])) == ("filed", 2)
    assert "duplicate" in hq.send("-", "--supplier", "market", "--to", f"{hq.url}/", stdin=json.dumps([event]))
    assert len(hq.fleet.ada.ledger().open) == 2


def test_what_cannot_be_sent_is_one_clear_line(
    hq: Headquarters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No secret, a wrong one, no file, no event, no headquarters: what, where, what to do. No secret is shown."""
    good, bad, empty = tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "empty.json"
    good.write_text('{"source": "/m", "type": "x"}')
    bad.write_text("{")
    empty.write_text("[]")
    cases = {
        (good, "--supplier", "nobody"): "it has no secret of nobody: write nobody=SECRET",
        (good, "--supplier", "wrong"): "does not take it (403)",
        (tmp_path / "none.json", "--supplier", "market"): "there is no file",
        (bad, "--supplier", "market"): "is no JSON of an event",
        (empty, "--supplier", "market"): "holds no event",
        (good, "--supplier", "market", "--to", "hq.example"): "such as https://hq.example",
        (good, "--supplier", "market", "--to", "http://127.0.0.1:9"): "did not answer as headquarters does",
    }
    said = {words: hq.send(*words, exit_code=1) for words in cases}
    assert {words: why for words, why in cases.items() if why not in said[words]} == {}
    assert not any("wwww" in words or "mmmm" in words for words in said.values())
