"""Where do the workers of a run come from? Out of one process that has collected the tests once, and forks.

Each would compile and import all modules of tests, program and libraries for itself, which takes longer than to
collect what they hold. A worker is what xdist would start, by the same few words on its standard input; it collects
for itself, too, so that its options and hooks are its own.
"""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from tests import fork_server, program


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: list[Any]) -> None:
    """Workers on this machine come from here, unless somebody wants another interpreter's."""
    asked = config.invocation_params
    server = program.ForkServer("tests.worker_server", [str(asked.dir), *map(str, asked.args)])
    for spec in specs:
        if spec.popen and not spec.python:
            spec.python = shlex.join([*program.LAUNCHER, str(server.address)])


def preload() -> None:
    """Imports all modules that hold tests, rewritten as pytest does; what fails there, the workers tell."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy would start threads, which no fork keeps
    os.chdir(sys.argv[3])
    cache = Path(sys.argv[2]).with_name("cache")  # what failed before is the run's to remember
    with Path(os.devnull).open("w", encoding="utf-8") as nothing, redirect_stdout(nothing):
        pytest.main([*sys.argv[4:], "-o", f"cache_dir={cache}", "-n", "0", "--collect-only", "-qqq"])
    if "hypothesis" in sys.modules:
        _read_constants()


def _read_constants() -> None:
    """Hypothesis takes numbers and words of the program for its examples, out of all modules, when a first test draws.
    Read here, they are every worker's."""
    from hypothesis import given, settings
    from hypothesis import strategies as st

    @settings(max_examples=20, derandomize=True, database=None, deadline=None)
    @given(st.lists(st.integers(), min_size=50, max_size=50))
    def draw(_numbers: list[int]) -> None:
        """Of so many draws one asks for a constant."""

    draw()


def work() -> None:
    """What execnet's interpreter does: the line that it is given tells all else."""
    exec(eval(sys.stdin.readline()), {"__name__": "__main__"})
    sys.exit()


if __name__ == "__main__":
    fork_server.main(preload, work)
