"""Headquarters on PostgreSQL behind PgBouncer, a worker on SQLite: its home is lost, and nothing global with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import psycopg
import pytest

from orchestrator.app.machine_settings import write_setting
from orchestrator.core.settings import Settings
from tests.acceptance.fleets import Fleet, command
from tests.conftest import lacking
from tests.databases import Server
from tests.pgbouncer import pgbouncer, pgbouncer_program


@pytest.mark.timeout(600)
def test_a_workers_home_is_disposable(tmp_path: Path, postgresql_server: Server) -> None:
    """The worker's processes are killed, its home is deleted; headquarters has its results, its reports and its costs.

    The machine joins anew and works on. While it lived it was refused headquarters' database.
    """
    found = pgbouncer_program()
    if found is None:
        lacking("pgbouncer is not installed")
    assert found is not None
    fleet = Fleet(tmp_path).found("hq", "vps")
    with pgbouncer(found, postgresql_server) as pooler, postgresql_server.database("hq_state"):
        try:
            _scenario(fleet, pooler.url("hq_state"))
        finally:
            fleet.close()


def _write_token(fleet: Fleet, token: str) -> None:
    write_setting(Settings(home=fleet.folder / "vps"), "SHIFTBOOK_HQ_TOKEN", token)


def _changed_token(fleet: Fleet, hq: dict[str, str]) -> None:
    """The running worker takes up another token, names the variable, and tells the token to nobody."""
    made = fleet.shiftbook("token", "new", "vps2", "--scope", "missions", "--json", node="hq", **hq)
    token = json.loads(made)["token"]
    _write_token(fleet, token)
    told = "changed and taken up: SHIFTBOOK_HQ_TOKEN"
    fleet.wait("the new token counts", lambda: any(event["text"] == told for event in fleet.events("vps")))
    assert token not in fleet.words()


def _scenario(fleet: Fleet, url: str) -> None:
    hq = {"FACTORY_ROLE": "HEADQUARTERS", "ACCEPT_DELEGATIONS": "false", "SHIFTBOOK_DATABASE_URL": url}
    made = fleet.shiftbook("token", "new", "vps", "--scope", "missions", "--json", node="hq", **hq)
    fleet.start("hq", **hq, SHIFTBOOK_HTTP="127.0.0.1:0")
    fleet.ready("hq")
    record = fleet.folder / "hq" / "http.json"
    fleet.wait("headquarters listens", record.exists)
    token, address = json.loads(made)["token"], json.loads(record.read_text(encoding="utf-8"))["url"]
    worker = {"FACTORY_ROLE": "LOCAL_WORKER", "SHIFTBOOK_HQ_URL": address}
    _write_token(fleet, token)

    def registered(node: str, env: dict[str, str]) -> list[str]:
        done = fleet.run("fleet", "registered", "--json", node=node, **env)
        return [each["node"] for each in json.loads(done.stdout)] if done.returncode == 0 else []

    fleet.start("vps", **worker)
    fleet.ready("vps")
    fleet.commit({"missions/first.md": command("echo done")})
    fleet.wait("the first mission", lambda: fleet.missions().get("first", {}).get("status") == "done")
    fleet.wait("it is registered", lambda: registered("hq", hq) == ["vps"])
    fleet.wait("it has read who is", lambda: registered("vps", worker) == ["vps"])

    _changed_token(fleet, hq)

    stranger = fleet.run("token", "list", node="vps", **worker, SHIFTBOOK_DATABASE_URL=url)
    assert stranger.returncode == 4, stranger.stderr
    assert stranger.stderr.count("\n") == 1
    assert "is headquarters' (hq), and vps keeps a database of its own" in stranger.stderr
    assert "only-for-tests" not in stranger.stderr + stranger.stdout

    fleet.kill("vps")
    shutil.rmtree(fleet.folder / "vps")
    assert fleet.missions()["first"]["status"] == "done"
    assert "first.md" in fleet.git("ls-tree", "-r", "--name-only", "main", "missions/archive", folder=fleet.bare)
    assert registered("hq", hq) == ["vps"]
    with psycopg.connect(url, prepare_threshold=None) as link:
        assert link.execute("SELECT value FROM store_facts WHERE name = 'owner'").fetchone() == ("hq",)

    fleet.shiftbook("fleet", "revoke", "vps", node="hq")
    shutil.rmtree(fleet.folder / "clone-vps", ignore_errors=True)
    fleet.shiftbook("join", str(fleet.bare), str(fleet.folder / "clone-vps"), node="vps", **worker)
    _write_token(fleet, token)
    key = fleet.folder / "vps" / "keys" / "node.pub"
    fleet.shiftbook("fleet", "admit", "vps", "--role", "node", "--key", str(key), node="hq")
    fleet.start("vps", **worker)
    fleet.ready("vps")
    fleet.commit({"missions/second.md": command("echo done")})
    fleet.wait("the second mission", lambda: fleet.missions().get("second", {}).get("status") == "done")
    fleet.wait("it has read who is", lambda: registered("vps", worker) == ["vps"])
    assert fleet.stop("vps") == 0
    assert fleet.stop("hq") == 0
