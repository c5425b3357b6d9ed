"""Are forked workers what xdist's own would be?"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.waiting import until

ROOT = Path(__file__).resolve().parents[1]
WHERE = """
import os, random, sys, threading
import pytest
IMPORTED_BY = os.getpid()

@pytest.mark.parametrize("number", range(20))
def test_where(number, worker_id, tmp_path, capsys):
    told = worker_id, os.getpid(), IMPORTED_BY, os.environ["PYTEST_XDIST_WORKER"], random.random()
    with capsys.disabled():
        sys.stderr.write(f"worker<{' '.join(map(str, told))}>")
    assert os.getcwd() == os.path.dirname(__file__) and tmp_path.is_dir() and f"popen-{worker_id}" in str(tmp_path)
    assert threading.current_thread() is threading.main_thread()
"""
STARTS_A_THREAD = "import threading\nthreading.Thread(target=threading.Event().wait, args=[99], daemon=True).start()\n"
FILES = {
    "pytest.ini": "[pytest]\n",
    "conftest.py": "from tests.worker_server import pytest_xdist_setupnodes as pytest_xdist_setupnodes\n",
    "test_broken.py": "import no_such_module\n",
    "test_dies.py": "import os\ndef test_dies():\n    os._exit(3)\ndef test_after():\n    pass\n",
    "test_fails.py": "def test_fails():\n    wanted = {'a': 1}\n    assert wanted == {'a': 2}\n",
    "test_where.py": WHERE,
    "starts_a_thread.py": STARTS_A_THREAD,
}


class Worker(NamedTuple):
    """What a test knows of the process that ran it."""

    name: str
    pid: str
    imported_by: str
    in_environment: str
    chance: str


def run(*words: str, tidy: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs somebody's tests by two workers, near the root: the address of a socket may have a hundred characters."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        project = Path(folder)
        for name, text in FILES.items():
            (project / name).write_text(text)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
        env = kept | {"PYTHONPATH": str(ROOT), "TMPDIR": folder, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        command = [sys.executable, "-m", "pytest", "-p", "xdist", *words]
        done = subprocess.run(command, env=env, cwd=project, capture_output=True, text=True, timeout=240, check=False)
        if tidy:
            until(lambda: not list(project.glob("shiftbook-worker_server-*")), "the server has ended")
    return done


def told(done: subprocess.CompletedProcess[str]) -> list[Worker]:
    """What each of the tests in `test_where.py` said of its worker."""
    return [Worker(*each.split()) for each in re.findall("worker<(.*?)>", done.stdout + done.stderr)]


@pytest.fixture(scope="module")
def forked() -> subprocess.CompletedProcess[str]:
    """A run with all that may happen in one."""
    return run("-n", "2", "--dist", "worksteal", "--continue-on-collection-errors")


def test_workers_share_what_was_imported_and_nothing_else(forked: subprocess.CompletedProcess[str]) -> None:
    """One process has imported the tests; each worker has its own pid, name, folder, environment and chance."""
    workers = told(forked)
    assert len(workers) == 20, forked.stdout + forked.stderr
    assert {each.name for each in workers} <= {"gw0", "gw1", "gw2"}
    assert all(each.name == each.in_environment for each in workers)
    assert len({each.pid for each in workers}) == len({each.name for each in workers})
    (server,) = {each.imported_by for each in workers}
    assert server not in {each.pid for each in workers}
    assert len({each.chance for each in workers}) == 20


def test_what_fails_is_told_as_ever(forked: subprocess.CompletedProcess[str]) -> None:
    """With the values of an assertion, and the name of what cannot be imported; the exit code is pytest's."""
    assert forked.returncode == 1
    assert "{'a': 1} == {'a': 2}" in forked.stdout
    assert "No module named 'no_such_module'" in forked.stdout


def test_a_worker_that_died_is_replaced(forked: subprocess.CompletedProcess[str]) -> None:
    """Its test has failed, and the others are run by whoever is left or comes new."""
    assert "crashed while running 'test_dies.py::test_dies'" in forked.stdout
    assert "2 failed, 21 passed, 1 error" in forked.stdout


def test_another_interpreter_is_left_to_xdist() -> None:
    """A worker whose interpreter was named is started by it."""
    done = run("--tx", f"2*popen//python={sys.executable}", "--dist", "load", "test_where.py")
    assert [each.pid == each.imported_by for each in told(done)] == [True] * 20, done.stdout + done.stderr


def test_a_server_that_cannot_fork_ends_the_run_and_says_why() -> None:
    """Nobody waits for workers that never come: a module of tests that starts a thread is found at once."""
    done = run("-n", "1", "starts_a_thread.py", tidy=False)
    assert done.returncode not in (0, 1)
    assert "a thread does not survive a fork" in done.stderr
