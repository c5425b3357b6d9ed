"""`fleet can` and `fleet registered`, and a worker's report to a headquarters that is a process of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.api.auth.tokens import mint
from orchestrator.app import registration, setup, wiring
from orchestrator.app.factories import node_factory
from orchestrator.cli import cli
from orchestrator.core.roles import Role
from orchestrator.core.secret_text import SecretText
from orchestrator.core.settings import Settings
from tests.servers import shiftbook_serve
from tests.waiting import until


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine's home folder, with nothing set but that."""
    for name in [name for name in os.environ if name.startswith(("SHIFTBOOK_", "FACTORY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "hq"))
    monkeypatch.setenv("SHIFTBOOK_NODE_ID", "hq")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = ada\n\temail = ada@shiftbook.invalid\n")
    return tmp_path / "hq"


def typed(*words: str, exit_code: int = 0) -> str:
    """What a command prints."""
    said = CliRunner().invoke(cli, words)
    assert said.exit_code == exit_code, said.output
    return said.output


def test_a_machine_says_what_it_can_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also without a fleet: its role's rows with the reason for each no, for people and as JSON."""
    monkeypatch.setenv("ENABLE_VP_CODER", "False")
    said = typed("fleet", "can")
    assert "hq, LOCAL_WORKER" in said
    assert "no   change projects (coding_task): ENABLE_VP_CODER is off" in said
    assert "yes  work on missions" in said
    report = json.loads(typed("fleet", "can", "--json"))
    assert report["announced"] is False
    assert {row["what"] for row in report["may"] if row["allowed"]} == {"work on missions"}


def test_registrations_are_headquarters(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere it is refused with where to ask; an empty list says how a node gets into it."""
    assert "FACTORY_ROLE=HEADQUARTERS" in str(CliRunner().invoke(cli, ["fleet", "registered"]).exception)
    monkeypatch.setenv("FACTORY_ROLE", "HEADQUARTERS")
    assert "SHIFTBOOK_HQ_URL" in typed("fleet", "registered")
    assert json.loads(typed("fleet", "registered", "--json")) == []


def test_a_worker_registers_with_a_real_headquarters(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a socket, signed with the key that `init` listed; headquarters' command shows it, and a wrong token is
    told and tried again."""
    monkeypatch.setenv("FACTORY_ROLE", "HEADQUARTERS")
    made = Settings(home=home, node_id="hq", role=Role.HEADQUARTERS, http=None)
    setup.init(home.parent / "clone", made)
    ledger = home.parent / "clone.git"
    stores = wiring.stores(made)
    token = mint(stores.tokens, "workers", ["missions"], expires=None)[0]
    stores.close()
    told: list[str] = []
    with shiftbook_serve(home, ledger, SHIFTBOOK_NODE_ID="hq", HOME=str(home.parent)) as url:
        at = url.partition("/git/")[0]
        worker = made.model_copy(
            update={"role": Role.LOCAL_WORKER, "ledger": str(ledger), "hq_url": at, "hq_token": SecretText(token)}
        )
        node = node_factory.build_node(worker, lambda _, words, **__: told.append(words))
        try:
            registrar = registration.open_registrar(worker, node)
            assert registrar is not None
            stop = registrar.start()
            until(lambda: json.loads(typed("fleet", "registered", "--json")))
            stop()
            (row,) = json.loads(typed("fleet", "registered", "--json"))
            assert (row["node"], row["state"], row["role"]) == ("hq", "live", "LOCAL_WORKER")
            assert "builtin" in row["agents"]
            assert "hq" in typed("fleet", "registered")
            refused = registration.open_registrar(worker.model_copy(update={"hq_token": SecretText("sbk_no")}), node)
            assert refused is not None
            stop = refused.start()
            until(lambda: [words for words in told if "SHIFTBOOK_HQ_TOKEN" in words])
            stop()
        finally:
            node.close()
