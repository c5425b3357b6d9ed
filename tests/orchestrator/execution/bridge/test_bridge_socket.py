"""The server that a program starts is a bare Python with one file, and passes on what it is told to its node."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.core.ports.steering import Unsteered
from orchestrator.execution.bridge import bridge_client
from orchestrator.execution.bridge.bridge_socket import INSTRUCTIONS, open_bridge
from orchestrator.execution.bridge.person_question import PersonQuestion
from orchestrator.execution.bridge.run_bridge import RunBridge
from orchestrator.execution.bridge.tool_table import SERVER_NAME, TOOLS
from orchestrator.execution.hooks import hook_client
from tests.run_desks import ScriptedDesk


@contextmanager
def started(desk: ScriptedDesk, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The server as a program starts it."""
    bridge = RunBridge(desk=desk, proposals=folder / "filed", seconds=1000.0, say=lambda _line: None)
    question = PersonQuestion(steering=Unsteered(), stop=threading.Event(), seconds=0.0, say=lambda _line: None)
    with (
        bridge.round(question),
        open_bridge(folder, bridge) as line,
        subprocess.Popen(line.server.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}) as running,
    ):
        yield running
        assert running.stdin
        running.stdin.close()
        assert running.wait(20) == 0


def say(running: subprocess.Popen[bytes], *lines: bytes) -> None:
    assert running.stdin
    running.stdin.write(b"".join(lines))
    running.stdin.flush()


def hear(running: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert running.stdout
    return json.loads(running.stdout.readline())  # type: ignore[no-any-return]


def asking(number: object, method: str, **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"


def test_a_session(tmp_path: Path) -> None:
    """In a folder whose name a socket's address could not hold. What is too long, no JSON or wants no answer stops
    nothing; one call that waits holds no other up."""
    go = threading.Event()

    class Slow(ScriptedDesk):
        def recall(self, query: str, limit: int) -> Sequence[str]:
            assert go.wait(20)
            return ["found"]

    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    with started(Slow(), folder) as running:
        say(running, asking(0, "initialize", protocolVersion="2025-06-18"))
        assert hear(running)["result"]["instructions"] == INSTRUCTIONS
        say(running, b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\n', b"\n")
        say(running, b"x" * (bridge_client.MAX_BYTES + 100) + b"\n")
        assert hear(running)["error"]["code"] == bridge_client.INVALID
        say(running, b"[" * 100_000 + b"\n")
        assert hear(running)["error"]["code"] == bridge_client.INVALID
        say(running, asking("a", "tools/call", name="recall", arguments={"query": "x"}), asking(1, "tools/list"))
        listed = hear(running)
        assert (listed["id"], [each["name"] for each in listed["result"]["tools"]]) == (1, list(TOOLS))
        go.set()
        found = hear(running)
        assert found["id"] == "a"
        assert "found" in found["result"]["content"][0]["text"]


def test_a_node_that_is_gone_is_an_error_of_the_call(tmp_path: Path) -> None:
    """The program is answered, and does not wait."""
    with started(ScriptedDesk(), tmp_path) as running:
        (tmp_path / "bridge").unlink()
        say(running, asking(7, "tools/list"))
        told = hear(running)
        (tmp_path / "bridge").touch()
    assert (told["id"], told["error"]["code"]) == (7, bridge_client.INTERNAL)
    assert "does not answer" in told["error"]["message"]


def test_what_programs_show_of_the_server_fits(tmp_path: Path) -> None:
    """codex shows 247 characters of what a server says of itself; a tool's first words are what a model reads of it."""
    assert len(INSTRUCTIONS) <= 247
    assert SERVER_NAME == "shiftbook"
    assert all(name in INSTRUCTIONS for name in TOOLS)


@pytest.mark.parametrize(
    "ask", [lambda path: bridge_client.ask(path, b"?", 20.0), lambda path: hook_client.ask(path, b"?")]
)
def test_who_finds_no_place_in_the_queue_waits_for_one(ask: Callable[[str], bytes], tmp_path: Path) -> None:
    """Where many ask at once: to be refused would be an error of a call that nothing is wrong with."""
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(str(tmp_path / "s"))
        listener.listen(0)
        first.connect(str(tmp_path / "s"))
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(ask, str(tmp_path / "s"))
            wait([answer], timeout=0.2)  # no bound: by now it waits, or was refused
            assert not answer.done() or answer.result()  # raises what it was refused with
            listener.accept()[0].close()
            with listener.accept()[0] as near:
                assert near.recv(10) == b"?"
                near.sendall(b"!")
            assert answer.result() == b"!"
