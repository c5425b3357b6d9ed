"""`bus status` and `bus dead`, `fleet`, `doctor`: what people and programs are told of a real Redis server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.app import setup
from orchestrator.app.doctor.bus_checks import check_bus
from orchestrator.app.doctor.check_result import CheckStatus
from orchestrator.cli import cli
from orchestrator.core.environment import load_settings
from orchestrator.core.ports.mission_bus import GivenUp
from orchestrator.core.settings import Settings
from tests.buses import envelope, result
from tests.redis_server import RedisServer, redis_server
from tests.waiting import until


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    """A server that headquarters of a new fleet uses."""
    for name in [name for name in os.environ if name.startswith(("SHIFTBOOK_", "FACTORY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = ada\n\temail = ada@shiftbook.invalid\n")
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SHIFTBOOK_NODE_ID", "hq")
    monkeypatch.setenv("FACTORY_ROLE", "HEADQUARTERS")
    setup.init(tmp_path / "clone", Settings(home=tmp_path / "home", node_id="hq"))
    monkeypatch.setenv("SHIFTBOOK_LEDGER", str(tmp_path / "clone.git"))
    monkeypatch.chdir(tmp_path)
    with redis_server() as running:
        monkeypatch.setenv("SHIFTBOOK_REDIS_URL", running.url)
        monkeypatch.setenv("SHIFTBOOK_STREAM_PREFIX", "t")
        yield running


def typed(*words: str, code: int = 0) -> str:
    """What a command prints."""
    said = CliRunner().invoke(cli, list(words))
    assert said.exit_code == code, (said.output, said.exception)
    return said.output


def refused(*words: str) -> str:
    """Why a command is refused."""
    return str(CliRunner().invoke(cli, list(words)).exception)


def kill(server: RedisServer, *jobs: str) -> None:
    """Missions that nobody can do."""
    bus = server.bus()
    for job in jobs:
        bus.publish(envelope(job), 1)
    for held in bus.claim("w", len(jobs)):
        bus.give_up(held, GivenUp.FINAL, "unknown task type probe")


def test_status_tells_people_and_programs_the_same(server: RedisServer) -> None:
    """What waits, what a crash may lose, what to mend; the exit code says whether it can be used."""
    server.bus().publish(envelope("a"), 1)
    kill(server, "b")
    said = " ".join(typed("bus").split())
    assert "1 wait" in said
    assert "a killed server loses nothing, a power cut its last second" in said
    assert "shiftbook bus dead list" in said
    told = json.loads(typed("bus", "status", "--json"))
    assert (told["reachable"], told["waiting"], told["dead_letters"], told["fsync"]) == (True, 1, 1, "everysec")
    assert {each["kind"] for each in told["findings"]} == {"dead-letters", "rights"}
    server.kill()
    assert "cannot be used" in typed("bus", code=1)
    assert json.loads(typed("bus", "status", "--json", code=1))["reachable"] is False


def test_fleet_and_doctor_say_it_too(server: RedisServer) -> None:
    """While it answers, and when it is away: the ledger carries the missions then."""
    kill(server, "b")
    said = " ".join(typed("fleet").split())
    assert "Redis at" in said
    assert "1 dead letter" in said
    assert isinstance(json.loads(typed("fleet", "--json")), list), "what programs read stays a list of nodes"
    checks = list(check_bus(load_settings()))
    assert [each.health for each in checks] == [CheckStatus.GOOD, CheckStatus.POOR, CheckStatus.POOR]
    assert "a power cut its last second" in checks[0].says
    server.kill()
    assert "by the ledger alone" in " ".join(typed("fleet").split())
    (away,) = check_bus(load_settings())
    assert away.health is CheckStatus.BROKEN
    assert away.remedy


def test_without_redis_nothing_is_said(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """And whoever asks is told where it would be set; a standalone node has no part in it."""
    monkeypatch.setenv("FACTORY_ROLE", "STANDALONE_NODE")
    assert "Redis" not in typed("fleet")
    monkeypatch.setenv("FACTORY_ROLE", "HEADQUARTERS")
    monkeypatch.delenv("SHIFTBOOK_REDIS_URL")
    assert "Redis" not in typed("fleet")
    assert list(check_bus(load_settings())) == []
    assert "SHIFTBOOK_REDIS_URL" in refused("bus")
    assert "SHIFTBOOK_REDIS_URL" in refused("bus", "dead", "list")


def test_a_wrong_address_is_one_line_of_doctor(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checklist goes on where one setting is wrong."""
    monkeypatch.setenv("SHIFTBOOK_REDIS_URL", "redis://hq.example")
    (only,) = check_bus(load_settings())
    assert only.health is CheckStatus.BROKEN
    assert "rediss://" in only.says


def test_a_letter_from_the_list_back_to_the_bus(server: RedisServer) -> None:
    """Listed, shown, put back; a worker gets it again, and the list is empty."""
    assert "No dead letters" in typed("bus", "dead")
    kill(server, "a")
    (row,) = json.loads(typed("bus", "dead", "list", "--json"))
    assert (row["job_id"], row["kind"], row["reason"]) == ("a", "mission", "unknown task type probe")
    assert "unknown task type probe" in typed("bus", "dead", "list")
    shown = json.loads(typed("bus", "dead", "show", row["id"], "--json"))
    assert json.loads(shown["envelope"])["job_id"] == "a"
    assert "unknown task type probe" in typed("bus", "dead", "show", row["id"])
    assert "on the bus again" in typed("bus", "dead", "retry", row["id"])
    assert "No dead letters" in typed("bus", "dead", "list")
    assert [held.key for held in server.bus().claim("w", 5)] == ["a"]
    assert "no dead letter" in refused("bus", "dead", "retry", row["id"])


def test_all_that_can_go_back_goes(server: RedisServer) -> None:
    """What the ledger has, and what is no mission, is told and stays; the exit code says so."""
    kill(server, "a", "b", "c")
    clone = Path("clone")
    (clone / "missions" / "b.md").write_text("Do it.\n")
    for words in (["add", "."], ["commit", "--quiet", "-m", "b"], ["push", "--quiet"]):
        assert os.spawnlp(os.P_WAIT, "git", "git", "-C", str(clone), *words) == 0
    bus = server.bus()
    bus.set_aside(replace(bus.results(1)[0], body=result("a")), "a secret was found")
    rows = json.loads(typed("bus", "dead", "retry", "--all", "--json", code=1))
    assert {row["job_id"] for row in rows if not row["refused"]} == {"a", "c"}
    assert any("`shiftbook mission retry b`" in row["refused"] for row in rows)
    left = json.loads(typed("bus", "dead", "list", "--json"))
    assert {(row["job_id"], row["kind"]) for row in left} == {("b", "mission"), ("a", "result")}


def test_nothing_is_dropped_without_a_word(server: RedisServer) -> None:
    """Where nobody can be asked nothing is done; with --yes it is gone, and --json has what it was."""
    kill(server, "a", "b")
    typed("bus", "dead", "drop", "--all", code=1)
    first, second = (row["id"] for row in json.loads(typed("bus", "dead", "list", "--json")))
    (gone,) = json.loads(typed("bus", "dead", "drop", first, "--yes", "--json"))
    assert json.loads(gone["envelope"])["job_id"] == "b"
    assert [row["id"] for row in json.loads(typed("bus", "dead", "list", "--json"))] == [second]
    assert "is gone" in typed("bus", "dead", "drop", "--all", "--yes")
    assert "No dead letters" in typed("bus", "dead", "drop", "--all", "--yes")


@pytest.mark.parametrize("verb", ["retry", "drop"])
def test_which_letters_has_to_be_said(server: RedisServer, verb: str) -> None:
    """Neither all by mistake nor both at once; and one wrong name of several drops none."""
    assert "--all" in refused("bus", "dead", verb)
    assert "--all" in refused("bus", "dead", verb, "1-0", "--all")
    kill(server, "a")
    (row,) = json.loads(typed("bus", "dead", "list", "--json"))
    assert "no dead letter x" in refused("bus", "dead", "drop", row["id"], "x", "--yes")
    assert len(json.loads(typed("bus", "dead", "list", "--json"))) == 1


def test_a_server_that_is_away_is_one_line(server: RedisServer) -> None:
    """For each of them."""
    server.kill()
    for words in (["list"], ["show", "1-0"], ["retry", "1-0"], ["drop", "1-0", "--yes"]):
        assert "the bus at" in refused("bus", "dead", *words)


def test_nothing_that_anybody_sent_moves_the_cursor(server: RedisServer) -> None:
    """Control characters and broken bytes are spelled out for people, and are characters for programs."""
    evil = b'{"job_id": "a\\u001b[2J", "payload": 1}' + b"\x1b]0;title\x07 \xff \xc3"
    body = result("b\x1b[31m").encode()
    with server.client() as client:
        for text in (evil, evil[:38], body):
            client.xadd("t:missions:dlq", {"envelope": text, "reason": b"\x1b[1mbold \xe2\x82"})
    rows = json.loads(typed("bus", "dead", "list", "--json"))
    assert len(rows) == 3
    assert {row["reason"] for row in rows} == {"\x1b[1mbold \ufffd"}
    said = [typed("bus", "dead", "list"), *(typed("bus", "dead", "show", row["id"]) for row in rows)]
    assert "\\x1b]0;title\\x07" in said[-1]
    for row in rows:
        json.loads(typed("bus", "dead", "show", row["id"], "--json"))
    said.append(typed("bus", "dead", "retry", "--all", code=1))
    said.append(typed("bus", "dead", "drop", "--all", "--yes"))
    assert not [text for text in said if "\x1b" in text or "\x07" in text]
    done = shiftbook("bus", "dead", "retry", "x\x1b[2J")
    assert "no dead letter x\\x1b[2J" in done.stderr


def dropping(server: RedisServer) -> subprocess.Popen[str]:
    """A command that has dropped the newest of four letters, and stands within printing the next one: nobody reads."""
    kill(server, "d", "c")
    with server.client() as client:
        client.xadd("t:missions:dlq", {"envelope": envelope("b", "x" * 400_000), "reason": "long"})
        client.xadd("t:missions:dlq", {"envelope": envelope("a"), "reason": "newest"})
    program = [sys.executable, "-m", "orchestrator", "bus", "dead", "drop", "--all", "--yes", "--json"]
    running = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with server.client() as client:
        until(lambda: client.xlen("t:missions:dlq") == 3, "the first letter's end")
    return running


def test_what_is_dropped_was_printed_whatever_comes_next(server: RedisServer) -> None:
    """The server goes after the first: what is gone was printed, in a list that programs can read."""
    running = dropping(server)
    assert running.stdout is not None
    begun = running.stdout.read(2000)
    assert '"b"' in begun
    server.kill()
    out, err = running.communicate(timeout=60)
    assert running.returncode == 1, err
    assert "the bus at" in err
    assert [row["job_id"] for row in json.loads(begun + out)] == ["a", "b"]
    server.start()
    assert [row["job_id"] for row in json.loads(typed("bus", "dead", "list", "--json"))] == ["b", "c", "d"]


def test_letters_that_somebody_else_takes_meanwhile_hold_up_nothing(server: RedisServer) -> None:
    """They are told, and the others are dropped."""
    running = dropping(server)
    assert running.stdout is not None
    begun = running.stdout.read(2000)
    assert '"b"' in begun
    with server.client() as client:
        for entry, fields in client.xrange("t:missions:dlq"):
            if fields["envelope"] != envelope("d"):
                client.xdel("t:missions:dlq", entry)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert err.count("there is no dead letter") == 2
    assert [row["job_id"] for row in json.loads(begun + out)] == ["a", "b", "d"]
    assert "No dead letters" in typed("bus", "dead", "list")


def shiftbook(*words: str) -> subprocess.CompletedProcess[str]:
    """The whole command, with its way of saying errors."""
    program = [sys.executable, "-m", "orchestrator", *words]
    return subprocess.run(program, capture_output=True, text=True, check=False)
