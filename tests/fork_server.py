"""Which process starts the program's processes for the tests? One that has imported all of it once, and forks.

A child is what `python -m orchestrator` would be: a process of its own with its pid, environment, folder, streams,
signals and exit code, ended as the interpreter ends. What it is spared is the import, which takes longer than most
commands. `tests/program.py` asks; a request is a line of JSON with its open files, the answers are the pid and,
when it has ended, the code that it ended with. One server serves all test processes of a run, and ends with the last.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import random
import runpy
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, NoReturn

import orchestrator
from orchestrator.cli import cli
from tests.authorities import believe_nobody
from tests.program import NAME, SCRIPT, begin_web_by

WHEN_USED = (
    *("alembic.autogenerate", "alembic.command", "alembic.runtime.migration", "apprise", "gunicorn.workers.gthread"),
    *("mcp.server.stdio", "psycopg", "sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.sqlite"),
)
"""What the program imports inside of its functions, and needs in most of its processes."""
LEFT_OUT = (
    *("orchestrator.__main__", "orchestrator.adapters.database.migrations"),
    *("orchestrator.continuity.report", "orchestrator.continuity.html_report"),
    *("orchestrator.continuity.statistics.", "orchestrator.continuity.verdicts"),
)
"""What nobody imports as a module, and what loads numpy, which starts threads."""
REQUEST_BYTES = 1 << 20
MOST_FILES = 64
HUGE = 2 << 20
"""Bytes of a huge page of memory."""
COLLAPSE = 25
"""madvise(2)'s MADV_COLLAPSE, of Linux 6.1."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be started. `keeps` are numbers of files that it inherits beside its streams."""

    words: list[str]
    environment: dict[str, str]
    folder: str
    session: bool
    keeps: list[int]


def preload() -> None:
    """Imports every module of the program, which works out what it needs once. Of a model's or of statistics' library
    none is imported: those start threads."""
    for module in pkgutil.walk_packages(orchestrator.__path__, "orchestrator."):
        if not module.name.startswith(LEFT_OUT):
            importlib.import_module(module.name)
    for name in WHEN_USED:
        importlib.import_module(name)
    believe_nobody()
    from tests.warming import warm  # it imports most of the program

    warm()
    assert not {"xllamacpp", "llama_cpp", "numpy"} & sys.modules.keys()


def serve(listener: socket.socket, turn: IO[str]) -> tuple[Request, list[int]] | None:
    """Forks for each request until nobody is left who could ask. Returns the request in the child, None at the end.

    `turn` is an open file beside the address: who has locked it connects, or, if that is the server, lets nobody in.
    """
    ended, wake = socket.socketpair()
    for end in (ended, wake, listener):
        end.setblocking(False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests; a child hears it
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno())
    running: dict[int, int] = {}
    doors: set[socket.socket] = set()
    while True:
        ready, _, _ = select.select([listener, ended, *doors], [], [])
        if ended in ready:
            ended.recv(4096)
            _tell_ended(running)
        if listener in ready:
            doors.add(listener.accept()[0])
        for door in doors & set(ready):
            line, files, _, _ = socket.recv_fds(door, REQUEST_BYTES, MOST_FILES)
            if line and (pid := os.fork()) == 0:
                signal.set_wakeup_fd(-1)
                _leave(ended, wake, listener, *doors)
                return Request(**json.loads(line)), files[1:]
            if line:
                running[pid] = files[0]
                _tell_begun(pid, files)
                continue
            doors.discard(door)
            door.close()
            if not doors and _nobody_comes(listener, turn):
                _leave(ended, wake, listener)
                return None


def _leave(*sockets: socket.socket) -> None:
    """What is left open would warn: `become`, or the end of the process, closes it."""
    for each in sockets:
        each.detach()


def _tell_begun(pid: int, files: list[int]) -> None:
    try:
        os.write(files[0], pid.to_bytes(4, "little"))
    except BrokenPipeError:  # who asked was killed meanwhile: nobody would end what was begun
        os.kill(pid, signal.SIGKILL)
    for each in files[1:]:
        os.close(each)


def _nobody_comes(listener: socket.socket, turn: IO[str]) -> bool:
    """Whether nobody is about to connect. If so the address is gone, and who comes later begins anew."""
    try:
        fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    if select.select([listener], [], [], 0)[0]:
        fcntl.flock(turn, fcntl.LOCK_UN)
        return False
    shutil.rmtree(Path(turn.name).parent)
    return True


def _tell_ended(running: dict[int, int]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        answer = running.pop(pid)
        with contextlib.suppress(BrokenPipeError):  # nobody waits for it any more
            os.write(answer, os.waitstatus_to_exitcode(status).to_bytes(4, "little", signed=True))
        os.close(answer)


def become(request: Request, files: list[int]) -> None:
    """Makes this process the one that was asked for."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if request.session:
        os.setsid()
    _take(files, [0, 1, 2, *request.keeps])
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    os.chdir(request.folder)
    tempfile.tempdir = None
    random.seed()
    sys.argv[1:] = request.words
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=stream is sys.stderr or stream.isatty())  # type: ignore[union-attr]


def _take(files: list[int], numbers: list[int]) -> None:
    """Gives the files their numbers, and closes every other."""
    above = max([*numbers, *files]) + 1
    moved = [fcntl.fcntl(each, fcntl.F_DUPFD, above) for each in files]
    for each, number in zip(moved, numbers, strict=True):
        os.dup2(each, number)
    for number in [int(name) for name in os.listdir("/proc/self/fd")]:  # noqa: PTH208 - these are numbers
        if number not in numbers:
            with contextlib.suppress(OSError):  # the listing's own is closed
                os.close(number)


def run(program: Callable[[], object]) -> NoReturn:
    """A program, and what the interpreter does at its end but one: its modules are left whole.

    Taking them apart would copy the memory that is shared with the server, which takes ten times as long as the fork.
    """
    code: object = None
    try:
        program()
    except SystemExit as ended:
        code = ended.code
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as the interpreter does
    atexit._run_exitfuncs()
    gc.collect()  # what was left open is told
    with contextlib.suppress(OSError):  # the interpreter's own end says it
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


def command(address: Path) -> None:
    """The program, whose nodes have their web servers forked from here as well; or a script that was asked for."""
    if sys.argv[1:2] == [SCRIPT]:
        script, sys.argv[:] = sys.argv[2], ["-c", *sys.argv[3:]]
        exec(compile(script, "<script>", "exec"), {"__name__": "__main__"})
        return
    cli.context_settings["obj"] = begin_web_by(address)
    runpy.run_module("orchestrator", run_name="__main__", alter_sys=True)


def in_huge_pages() -> int:
    """Puts this process's own memory into huge pages, so far as the system has them. Returns the bytes in some.

    A fork copies an entry for each page, and its end takes each back: as much work as all that a short command does.
    """
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    found = 0
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        place, kind, _, _, _, *name = line.split()
        begin, end = (int(each, 16) for each in place.split("-"))
        begin, end = -(-begin // HUGE) * HUGE, end // HUGE * HUGE
        if kind == "rw-p" and name in ([], ["[heap]"]) and begin < end and advise(begin, end - begin, COLLAPSE) == 0:
            found += end - begin
    return found


def main(preload: Callable[[], object], program: Callable[[], object]) -> None:
    """Is the server that the command line tells of, `NUMBER TURN`, and in each child the program."""
    gc.disable()  # importing makes no garbage: looking for some takes a fifth of it
    preload()
    tasks = list(Path("/proc/self/task").iterdir())
    assert threading.active_count() == len(tasks) == 1, "a thread does not survive a fork"
    gc.collect()
    gc.freeze()
    gc.enable()
    in_huge_pages()
    with Path(sys.argv[2]).open("w") as turn:  # an opening of its own: a lock belongs to one
        asked = serve(socket.socket(fileno=int(sys.argv[1])), turn)
    if asked is not None:
        become(*asked)
        run(program)


if __name__ == "__main__":  # one without the name is for tests of how servers begin and end
    main(preload if NAME in sys.argv else lambda: None, partial(command, Path(sys.argv[2]).with_name("door")))
