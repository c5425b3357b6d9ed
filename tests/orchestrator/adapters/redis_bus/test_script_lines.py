"""A script is run once, whatever became of its line or of the server's memory of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from redis.exceptions import ConnectionError as LineBroken
from redis.exceptions import RedisError, ResponseError

from orchestrator.adapters.redis_bus.script_lines import ScriptLines
from tests.redis_server import RedisServer, redis_server
from tests.waiting import PATIENCE, until

SCRIPTS = {
    "COUNT": "return redis.call('INCRBY', KEYS[1], ARGV[1])",
    "FAIL": "return redis.error_reply('WRONG so')",
    "ECHO": "return {KEYS[1], ARGV[1], ARGV[2]}",
}


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server."""
    with redis_server("--appendonly", "no") as running:
        yield running


@pytest.fixture
def lines(server: RedisServer) -> Iterator[ScriptLines]:
    """Scripts on it."""
    client = server.bus().address.open()
    yield ScriptLines(client=client, scripts=SCRIPTS)
    client.close()


def calls(server: RedisServer, command: str) -> int:
    """How often the server was asked for something."""
    with server.client() as client:
        stats: Any = client.info("commandstats")
    return int(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"])


def test_a_script_is_sent_whole_once(server: RedisServer, lines: ScriptLines) -> None:
    """From then on by its digest, on one line."""
    assert [lines.run("COUNT", ["n"], [1]) for _ in range(5)] == [1, 2, 3, 4, 5]
    assert (calls(server, "eval"), calls(server, "evalsha")) == (1, 5)
    assert len(lines._free) == 1


def test_words_arrive_as_they_are(lines: ScriptLines) -> None:
    """Numbers, long texts, and bytes that are no text."""
    assert lines.run("ECHO", ["ключ"], ["\udcff", 7]) == ["ключ", "\udcff", "7"]
    assert lines.run("ECHO", ["k"], ["x" * 300_000, ""])[1] == "x" * 300_000


def test_a_server_that_forgot_its_scripts_is_told_again(server: RedisServer, lines: ScriptLines) -> None:
    """After SCRIPT FLUSH as after a restart."""
    lines.run("COUNT", ["n"], [1])
    with server.client() as client:
        client.script_flush()
    assert lines.run("COUNT", ["n"], [1]) == 2


def test_a_line_that_was_closed_is_opened_anew(server: RedisServer, lines: ScriptLines) -> None:
    """Nobody is told of it: nothing had been sent yet."""
    lines.run("COUNT", ["n"], [1])
    with server.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert lines.run("COUNT", ["n"], [1]) == 2


def test_a_restarted_server_is_reached(server: RedisServer, lines: ScriptLines) -> None:
    """While it is away that is said, each time, and no line is lost."""
    lines.run("COUNT", ["n"], [1])
    server.kill()
    for _ in range(3):
        with pytest.raises(LineBroken):
            lines.run("COUNT", ["n"], [1])
    server.start()
    assert lines.run("COUNT", ["n"], [1]) == 1
    assert len(lines._free) == 1


def test_an_error_of_a_script_spoils_no_line(lines: ScriptLines) -> None:
    """The next answer is the next script's."""
    for _ in range(3):
        with pytest.raises(ResponseError, match="WRONG so"):
            lines.run("FAIL", ["n"], [])
        assert lines.run("ECHO", ["k"], ["a", "b"]) == ["k", "a", "b"]


def test_an_answer_that_nobody_read_is_nobody_elses(lines: ScriptLines) -> None:
    """Whoever was interrupted between question and answer leaves a line that is not used as it is."""
    lines.run("COUNT", ["n"], [1])
    lines._free[0].send_command("INCRBY", "n", 10)
    until(lambda: lines._free[0].can_read(0), "the answer")
    assert lines.run("COUNT", ["n"], [1]) == 12


def test_threads_have_lines_of_their_own(lines: ScriptLines) -> None:
    """Eight at once: each gets its own answers, and there are no more lines than threads."""
    wrong: list[object] = []

    def ask(number: int) -> None:
        for turn in range(100):
            try:
                found = lines.run("ECHO", [f"k{number}"], [turn, number])
            except RedisError as error:
                wrong.append(error)
                return
            if found != [f"k{number}", str(turn), str(number)]:
                wrong.append(found)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert wrong == []
    assert 1 <= len(lines._free) <= 8
