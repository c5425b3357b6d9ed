"""How do dev services come up beside a command, and end with it?

Runs as a file, by a bare Python inside the sandbox, with nothing of ours beside it:
`service_supervisor.py SERVICES.json COMMAND …`. The first line that it prints is its word on the start: until then
nothing runs that writes to its output, so no command can say it in its place. What services print is held in memory,
of each the end, and is shown when they do not come up or the command fails.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

UP, FAILED = "[services: up]", "[services: failed] "
LAST_WORDS = "[the last words of the services]"
PORTS = range(20_000, 32_000)
"""Below those that the kernel gives to callers: a caller that was given its own target's port would answer itself."""
MAX_KEPT_BYTES = 64 * 1024
MAX_SHOWN_LINES = 40
MAX_SHOWN_CHARS = 4000
HEALTH_SECONDS = 10.0
"""Longest that one look at a service's health may take."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 0.5
"""Between two such looks."""
GRACE_SECONDS = 1.0
"""Between SIGTERM and SIGKILL, for all services together."""
ADDRESS = "127.0.0.1"


class LastWords:
    """The end of what is written into a pipe, whose writing end is `writing`. A flood is read and not kept."""

    def __init__(self) -> None:
        self._kept, self._turn = bytearray(), threading.Lock()
        self._reading, self.writing = os.pipe()
        os.set_blocking(self._reading, False)
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        while select.select([self._reading], [], [])[0]:
            self._take()

    def _take(self) -> None:
        """What is in the pipe, all of it: it holds no more than is read at once."""
        with self._turn, contextlib.suppress(BlockingIOError):
            self._kept += os.read(self._reading, MAX_KEPT_BYTES)
            del self._kept[:-MAX_KEPT_BYTES]

    @property
    def text(self) -> str:
        """The last lines, with what was written just now."""
        self._take()
        lines = bytes(self._kept).decode("utf-8", "replace").splitlines()[-MAX_SHOWN_LINES:]
        return "\n".join(lines)[-MAX_SHOWN_CHARS:]


class DevService:
    """One service, started at once. `said` is its part of the file, `environment` all that it sees."""

    def __init__(self, said: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self.name, self.words = said["name"], LastWords()
        self._said, self._environment = said, dict(environment)
        self._process = self._shell(said["command"])
        self._left = ""

    def _shell(self, line: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["/bin/sh", "-c", line],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self.words.writing,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def await_health(self) -> str:
        """Why it is not up; "" once it is. One that ends with 0 may have left a daemon: its health tells."""
        over = time.monotonic() + self._said["seconds"]
        pause = FIRST_PAUSE_SECONDS
        while True:
            healthy = self._healthy(over)
            if left := self._departure():
                return left
            if healthy:
                return ""
            if time.monotonic() >= over:
                return f"was not healthy within {self._said['seconds']:g} s"
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)

    def _departure(self) -> str:
        """How it ended by itself and not well; "" where it did not."""
        code = self._process.poll()
        return f"ended with exit code {code if code > 0 else 128 - code}" if code else ""

    def _healthy(self, over: float) -> bool:
        if not self._said["health"]:
            return all(_answers(int(self._environment[name])) for name in self._said["ports"])
        asked = self._shell(self._said["health"])
        try:
            return asked.wait(max(0.1, min(HEALTH_SECONDS, over - time.monotonic()))) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            _signal_group(asked, signal.SIGKILL)  # what it left behind, too
            asked.wait()

    def ask_to_end(self) -> None:
        """SIGTERM to all of its session; what left that ends with the sandbox."""
        self._left = self._departure()
        _signal_group(self._process, signal.SIGTERM)

    @property
    def told(self) -> str:
        """Its last words below its name, with how it ended if nobody asked it to; "" where there is neither."""
        text = self.words.text.strip()
        return f"{self.name}{f' ({self._left})' if self._left else ''}:\n{text}".rstrip() if text or self._left else ""

    def end(self, over: float) -> None:
        """Waits until `over`, on the monotonic clock, and kills it then."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, over - time.monotonic()))
        _signal_group(self._process, signal.SIGKILL)
        self._process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _answers(port: int) -> bool:
    try:
        socket.create_connection((ADDRESS, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def free_ports(names: list[str]) -> dict[str, str]:
    """A port of its own for each variable, on which nothing listens now. Raises OSError."""
    found: dict[str, str] = {}
    for port in random.sample(PORTS, len(PORTS)):
        if len(found) == len(names):
            return found
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind((ADDRESS, port))
            found[names[len(found)]] = str(port)
    if len(found) < len(names):
        raise OSError("there is no free port")
    return found


def filled(text: str, ports: Mapping[str, str]) -> str:
    """A variable's text with ports in the places of their names: `{PGPORT}`."""
    for name, port in ports.items():
        text = text.replace(f"{{{name}}}", port)
    return text


def all_variables(services: list[dict[str, Any]]) -> dict[str, str]:
    """What the services and the command beside them see: each port, and each service's variables."""
    ports = free_ports([name for each in services for name in each["ports"]])
    own = {name: filled(text, ports) for each in services for name, text in each["environment"].items()}
    return {**own, **ports}


def start(services: list[dict[str, Any]], environment: Mapping[str, str], up: list[DevService]) -> str:
    """Starts one after the other, each once the one before is healthy; why not, or "". Those that run are in `up`."""
    top = Path(tempfile.mkdtemp(prefix="services-"))  # in the sandbox's own folder, which ends with it
    for said in services:
        data = top / said["name"]
        data.mkdir()
        up.append(DevService(said, {**environment, "SHIFTBOOK_DATA": str(data)}))
        if why := up[-1].await_health():
            last = (up[-1].words.text.splitlines() or [""])[-1].strip()
            return f"the service {said['name']} {why}{f': {last}' if last else ''}"
    return ""


def end(services: list[DevService]) -> None:
    """Ends all, the last first."""
    over = time.monotonic() + GRACE_SECONDS
    for each in reversed(services):
        each.ask_to_end()
    for each in services:
        each.end(over)


def say(line: str) -> None:
    """One line on standard output, at once; to nobody where nobody reads any more."""
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def run(argv: list[str], environment: Mapping[str, str]) -> int:
    """The command's exit code, as a shell gives it. Its input and output are this program's own."""
    try:
        code = subprocess.Popen(argv, env=dict(environment)).wait()
    except OSError as error:
        say(f"{argv[0]}: {error.strerror}")
        return 127 if isinstance(error, FileNotFoundError) else 126
    return code if code >= 0 else 128 - code


def stop_at_sigterm(*_: object) -> None:
    """Nobody waits for services any more."""
    sys.exit(128 + signal.SIGTERM)


def main(words: list[str]) -> int:
    """Starts the services, runs the command, ends the services."""
    place, *argv = words
    services = json.loads(Path(place).read_text(encoding="utf-8"))
    up: list[DevService] = []
    signal.signal(signal.SIGTERM, stop_at_sigterm)
    try:
        environment = {**os.environ, **all_variables(services)}
        why = start(services, environment, up)
        say(FAILED + why if why else UP)
        signal.signal(signal.SIGTERM, lambda *_: None)  # the command has it, too, and is waited for
        code = 1 if why else run(argv, environment)
    finally:
        end(up)
    if code and (told := [each.told for each in up if each.told]):
        say("\n".join([LAST_WORDS, *told]))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
