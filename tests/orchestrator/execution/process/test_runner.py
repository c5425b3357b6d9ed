"""Facts about running somebody else's command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestrator.execution.process import runner
from orchestrator.execution.process.runner import Ending
from tests.orchestrator.conftest import Shell, gone, living
from tests.waiting import PATIENCE, once, until

HEARD = "until [ -e heard ]; do sleep 0.02; done; rm heard"
"""Waits until the test has heard what was said."""


def test_output_and_code(plain: Shell) -> None:
    """Standard output and error arrive together, with the exit code and line by line while it runs."""
    ran = plain("echo one; echo two >&2; printf three; exit 7")
    assert (ran.exit_code, ran.output, ran.ending) == (7, "one\ntwo\nthree", Ending.EXIT)
    assert plain.said == ["one", "two", "three"]


def test_live(plain: Shell) -> None:
    """A line is told while the command still runs."""
    with once(lambda: plain.said == ["early"], (plain.tree / "heard").touch):
        ran = plain(f"echo early; {HEARD}; echo late")
    assert (ran.ending, ran.output) == (Ending.EXIT, "early\nlate\n")


def test_nothing_to_read(plain: Shell) -> None:
    """A command that reads its standard input gets its end at once."""
    assert plain("cat; echo done").output == "done\n"


def test_broken_text(plain: Shell) -> None:
    """Bytes that are no UTF-8 are replaced, not fatal."""
    assert plain(r"printf 'a\377b'").output == "a�b"


def test_signal_code(plain: Shell) -> None:
    """A command that a signal ended has the code that a shell would give it."""
    assert plain("kill -SEGV $$").exit_code == 128 + signal.SIGSEGV


def test_flood(plain: Shell) -> None:
    """Of 50 MB the beginning and the end are kept, the cut is counted, and the file stays small all the while."""
    ran = plain("echo first; yes 0123456 | head -c 50000000; echo last")
    assert ran.output.startswith("first\n0123456\n")
    assert ran.output.endswith("last\n")
    kept = len(ran.output.encode())
    assert 10 * 1024 * 1024 <= kept < 10 * 1024 * 1024 + 200
    assert 50_000_011 - 11 * 1024 * 1024 < ran.cut_bytes < 50_000_011 - 10 * 1024 * 1024 + 200
    assert f"{ran.cut_bytes:,} bytes of output were cut" in ran.output
    assert (plain.folder / "output.log").stat().st_size == kept


def test_all_of_a_large_result(plain: Shell) -> None:
    """301 KB that are written in one go arrive whole."""
    ran = plain(f"{sys.executable} -c 'import os; os.write(1, b\"x\" * 301_000)'")
    assert len(ran.output) == 301_000


def test_own_output_emptied(plain: Shell) -> None:
    """What was read before a command emptied its own output is kept (a file's `>/dev/stderr` does that)."""
    heard = (plain.tree / "heard").touch
    with once(lambda: "the first" in plain.said, heard), once(lambda: "two" in plain.said, heard):
        ran = plain(f"echo the first; {HEARD}; echo two >/dev/stderr; {HEARD}; echo three")
    assert ran.output == "the first\ntwo\nthree\n"


@pytest.fixture
def grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that ends by itself when it is asked to has all the time in the world for that."""
    monkeypatch.setattr(runner, "TERM_GRACE_SECONDS", PATIENCE)


@pytest.mark.usefixtures("grace")
def test_timeout(plain: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the time-out a polite command ends by SIGTERM, and says so."""
    late = [0.0]
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + late[0], sleep=time.sleep))
    with once(lambda: "up" in plain.said, lambda: late.append(late.pop() + 1000)):
        ran = plain("trap 'echo ending; exit 5' TERM; echo up; while :; do sleep 0.1; done", timeout=900)
    assert (ran.ending, ran.exit_code) == (Ending.TIMEOUT, 5)
    assert ran.output.endswith("ending\n")


@pytest.mark.parametrize("shell", ["plain", "confined"])
def test_stopped(shell: str, request: pytest.FixtureRequest) -> None:
    """A stop ends a family that ignores SIGTERM, also those that called setsid and lost their parent."""
    run: Shell = request.getfixturevalue(shell)
    name = f"stray-{uuid.uuid4().hex}"
    deaf = f'trap "" TERM; echo up; while :; do sleep 0.1; done # {name}'
    line = f"(setsid sh -c '{deaf}' &) ; sh -c '{deaf}' & {deaf}"
    with once(lambda: run.said.count("up") == 3, run.stop.set):
        ran = run(line)
    assert ran.ending is Ending.STOPPED
    assert ran.exit_code == 137
    assert gone(name)


@pytest.mark.parametrize("shell", ["plain", "confined"])
def test_survivor(shell: str, request: pytest.FixtureRequest) -> None:
    """What a command that has ended leaves running is ended, too."""
    run: Shell = request.getfixturevalue(shell)
    name = f"stray-{uuid.uuid4().hex}"
    ran = run(f"(setsid sh -c 'while :; do sleep 0.1; done # {name}' >/dev/null 2>&1 &) ; echo bye")
    assert (ran.exit_code, ran.output) == (0, "bye\n")
    assert gone(name, seconds=0)


@pytest.mark.usefixtures("grace")
def test_polite_inside(confined: Shell) -> None:
    """SIGTERM reaches the command inside the sandbox before anything is killed."""
    line = "trap 'echo ending; exit 5' TERM; echo up; while :; do sleep 0.1; done"
    with once(lambda: "up" in confined.said, confined.stop.set):
        ran = confined(line)
    assert ran.exit_code == 5
    assert ran.output.endswith("ending\n")


def test_others_live(plain: Shell) -> None:
    """Ending a run leaves processes of ours alone that are not of that run."""
    bystander = subprocess.Popen(["sleep", "30"])
    try:
        plain("sleep 30", timeout=0.2)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_no_such_program(plain: Shell, tmp_path: Path) -> None:
    """A program that is not there is the caller's error, at once."""
    from orchestrator.execution.process.runner import run

    with pytest.raises(FileNotFoundError):
        run(
            ["/no/such/program"],
            folder=tmp_path,
            environment={},
            output=tmp_path / "o",
            timeout=1,
            stop=plain.stop,
            say=print,
        )


NODE = """
    import sys, threading
    from pathlib import Path
    from orchestrator.core.ports.sandbox import Confinement
    from orchestrator.execution.process.runner import run
    from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
    from orchestrator.adapters.sandbox.none import NoSandbox
    sandbox = {"bubblewrap": Bubblewrap, "none": NoSandbox}[sys.argv[1]]()
    folder, line = Path(sys.argv[2]), sys.argv[3]
    confinement = Confinement(writable=folder, environment={"PATH": "/usr/bin:/bin"})
    command = sandbox.command(["/bin/sh", "-c", line], confinement)
    run(command, folder=folder, environment=confinement.environment, output=folder.parent / "o", timeout=60,
        stop=threading.Event(), say=print)
"""


@pytest.mark.parametrize(("sandbox", "children"), [("bubblewrap", True), ("none", False)])
def test_killed_node(sandbox: str, children: bool, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """SIGKILL of the node ends the command; in the sandbox also what has detached itself from it."""
    if sandbox == "bubblewrap":
        request.getfixturevalue("bubblewrap")
    name = f"stray-{uuid.uuid4().hex}"
    loop = f"while :; do read x < /dev/null; sleep 0.1; done # {name}"
    line = f"(setsid sh -c '{loop}' &) ; : > up ; {loop}" if children else f": > up ; {loop}"
    (tmp_path / "tree").mkdir()
    node = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(NODE), sandbox, str(tmp_path / "tree"), line.replace(name, f"{name}-in")]
    )
    try:
        until(
            (tmp_path / "tree" / "up").exists, "the command runs"
        )  # before, bubblewrap may not have tied it to itself
        assert len(living(f"{name}-in")) >= 2
        node.send_signal(signal.SIGKILL)
        node.wait()
        assert gone(f"{name}-in")
    finally:
        for pid in living(name):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
