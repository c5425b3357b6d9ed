"""How do tests start the program, or a script that uses it? As real processes: forked by `tests/fork_server.py`, or by
the interpreter afresh.

Forked is the default. What only a fresh start can show (`fresh=True`): that the program finds all its modules by
itself; each family of scenarios has a test that does so. A variable that the interpreter reads at its start
(PYTHONPATH, LD_PRELOAD and such) makes any start a fresh one.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from orchestrator.app.web_process import BeginWeb, serve_words
from tests.waiting import PATIENCE

AT_START = ("PYTHON", "LD_", "MALLOC_", "COVERAGE_")
"""Beginnings of variables that count only for a process that is started with them."""
NAME = "shiftbook"
"""The last word of the server's command line, by which `ps` tells whose it is."""
SCRIPT = "--script"
"""The first word of a request for a script in the program's place, which follows it, before the script's own words."""
WARNINGS = {"PYTHONWARNINGS": "default", "PYTHONFAULTHANDLER": "1"}
"""What the fork server is started with, and so are most fleets' processes: warnings are told, and where each thread
stands when the process is aborted."""

LAUNCHER = (sys.executable, "-I", "-S", str(Path(__file__).with_name("launcher.py")))
"""What stands before a server's address in the command line of a process that it forks."""


@dataclass
class Forked:
    """A running process; the methods are those of `subprocess.Popen`."""

    args: list[str]
    pid: int
    answer: int
    returncode: int | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        weakref.finalize(self, os.close, self.answer).atexit = False  # a thread may still wait for it

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        with self.lock:
            if self.returncode is None and select.select([self.answer], [], [], 0)[0]:
                said = os.read(self.answer, 4)
                assert said, "the fork server has died"
                self.returncode = int.from_bytes(said, "little", signed=True)
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end, at most `timeout` seconds: then TimeoutExpired."""
        select.select([self.answer], [], [], timeout)  # when it has ended the other end is closed, for all who wait
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


Process = Forked | subprocess.Popen[bytes]


@dataclass
class ForkServer:
    """A server of this run of tests: started by the process that first asks, and shared with the others."""

    module: str
    words: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """What it has more than whoever starts it."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _door: socket.socket | None = None
    _process: subprocess.Popen[bytes] | None = None

    @cached_property
    def folder(self) -> Path:
        """Where its address lies: one folder a run."""
        run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"{os.getpid()}")
        return Path(tempfile.gettempdir()) / f"shiftbook-{self.module.removeprefix('tests.')}-{os.geteuid()}-{run}"

    @property
    def address(self) -> Path:
        """Where it listens. It does so from here on."""
        with self._lock:
            self._door = self._door or self._open()
        return self.folder / "door"

    def fork(self, request: Mapping[str, object], files: Sequence[int]) -> tuple[int, int]:
        """Starts a process; returns its pid, and the file that its exit code comes by."""
        with self._lock:
            self._door = self._door or self._open()
            return _ask(self._door, request, files)

    def _open(self) -> socket.socket:
        atexit.register(self.close)
        door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with self._turn():
            try:
                door.connect(str(self.folder / "door"))
            except (FileNotFoundError, ConnectionRefusedError):  # nobody began, or it has died
                self._begin(door)
        return door

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Nobody else begins a server meanwhile, and none that runs takes the folder away."""
        while True:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            with suppress(FileNotFoundError), (self.folder / "turn").open("w") as turn:
                fcntl.flock(turn, fcntl.LOCK_EX)
                if os.fstat(turn.fileno()).st_nlink:  # else a server that ended took it away
                    yield
                    return

    def _begin(self, door: socket.socket) -> None:
        """The server is born with whoever began it at its door: it waits for nobody where that process dies."""
        (self.folder / "door").unlink(missing_ok=True)
        root = Path(__file__).resolve().parents[1]
        env = os.environ | self.environment
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(self.folder / "door"))
            listener.listen()
            door.connect(str(self.folder / "door"))
            words = [sys.executable, "-m", self.module, f"{listener.fileno()}", f"{self.folder / 'turn'}", *self.words]
            more: dict[str, Any] = {"pass_fds": [listener.fileno()], "cwd": root, "stdin": subprocess.DEVNULL}
            self._process = subprocess.Popen(words, env=env, **more)

    def close(self) -> None:
        """Leaves the server. Whoever started it waits until the others have left, too, and it has ended."""
        if self._door:
            self._door.close()
        if self._process:
            self._process.wait(timeout=PATIENCE)


def _ask(door: socket.socket, request: Mapping[str, object], files: Sequence[int]) -> tuple[int, int]:
    answer, theirs = os.pipe()
    socket.send_fds(door, [json.dumps(request).encode()], [theirs, *files])
    os.close(theirs)
    pid = os.read(answer, 4)
    assert pid, "the fork server has died"
    return int.from_bytes(pid, "little"), answer


SERVER = ForkServer("tests.fork_server", [NAME], WARNINGS)


def start(
    *words: str,
    env: Mapping[str, str],
    cwd: Path,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
    session: bool = False,
    pass_fds: Sequence[int] = (),
    inside: Sequence[str] = (),
    fresh: bool = False,
) -> Process:
    """Starts `shiftbook WORDS` with exactly this environment, and warnings told.

    The streams are open files. `inside` is a command that starts what stands behind it, in a namespace of its own.
    """
    env = WARNINGS | dict(env)
    if fresh or inside or _at_start(env) != _at_start(os.environ | WARNINGS):
        asked = ["-c", *words[1:]] if words[:1] == (SCRIPT,) else ["-m", "orchestrator", *words]
        return subprocess.Popen(
            [*inside, sys.executable, *asked],
            cwd=cwd,
            env=env,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=session,
            pass_fds=pass_fds,
        )
    request = {"words": words, "environment": env, "folder": str(cwd), "session": session, "keeps": pass_fds}
    with open(os.devnull, "r+b") as nothing:  # noqa: PTH123 - a device
        streams = [nothing if each == subprocess.DEVNULL else each for each in (stdin, stdout, stderr)]
        numbers = [each if isinstance(each, int) else each.fileno() for each in streams]
        pid, answer = SERVER.fork(request, [*numbers, *pass_fds])
    return Forked(["shiftbook", *words], pid, answer)


def start_script(script: str, *words: str, stderr: int | IO[bytes] = subprocess.DEVNULL) -> Process:
    """Starts what `python -c SCRIPT WORDS` would, with the program's modules imported already."""
    return start(SCRIPT, script, *words, env=dict(os.environ), cwd=Path.cwd(), stderr=stderr)


def run_script(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs a script to its end, whatever comes of it."""
    return run(SCRIPT, script, *words, env=dict(os.environ), cwd=Path.cwd())


def begin_web_by(address: Path) -> BeginWeb:
    """How a node that the fork server at this address has started begins its web server: it comes from there, too."""

    def begin(pipe: int, said: IO[bytes]) -> Forked:
        words, environment, folder = serve_words(pipe), dict(os.environ), str(Path.cwd())
        request = {"words": words, "environment": environment, "folder": folder, "session": True, "keeps": [pipe]}
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door, open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a device
            door.connect(str(address))
            pid, answer = _ask(door, request, [nothing.fileno(), said.fileno(), said.fileno(), pipe])
        return Forked(["shiftbook", *words], pid, answer)

    return begin


def launched(*words: str) -> list[str]:
    """The command by which a program that starts others starts `shiftbook WORDS` from the fork server."""
    return [*LAUNCHER, str(SERVER.address), *words]


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in env.items() if key.startswith(AT_START)}


def run(
    *words: str,
    env: Mapping[str, str],
    cwd: Path,
    given: str = "",
    timeout: float = PATIENCE,
    inside: Sequence[str] = (),
    fresh: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Runs `shiftbook WORDS` to its end, whatever comes of it; `given` is its standard input."""
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        stdin.write(given.encode())
        stdin.seek(0)
        process = start(*words, env=env, cwd=cwd, stdin=stdin, stdout=out, stderr=err, inside=inside, fresh=fresh)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            error.add_note(f"it had started: {started_by(process.pid)}")
            abort(process)
            error.add_note(f"it said:\n{_text(out)[-3000:]}\n{_text(err)[-9000:]}")
            raise
        said = [_text(each) for each in (out, err)]
    return subprocess.CompletedProcess(["shiftbook", *words], code, *said)


def abort(process: Process) -> None:
    """Ends a process that hangs, which tells its standard error where each of its threads stands."""
    process.send_signal(signal.SIGABRT)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def started_by(pid: int) -> list[str]:
    """The command lines of what a process has started that still runs, with all that those have started."""
    found: list[str] = []
    with suppress(OSError):  # what ends meanwhile must not hide why this was asked
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in task.read_text(encoding="ascii").split():
                words = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ")
                found += [f"{child} {words.decode(errors='replace')[:300]}", *started_by(int(child))]
    return found


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
