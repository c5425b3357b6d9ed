"""Is a project's set-up tried before it is written down, and is what it lacks told in one line?"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.core.ports.agent import Project
from orchestrator.execution.project_setup import ProjectSetups
from orchestrator.execution.project_trial import ProjectTrial, TrialResult, explain
from orchestrator.execution.workspace.clone import Workspaces
from tests.orchestrator.repositories import Server


def trial(server: Server, sandbox: Bubblewrap, tmp: Path, number: int, **fields: str) -> TrialResult:
    """One trial."""
    folder = tmp / f"trial-{number}"
    folder.mkdir()
    spaces = Workspaces(cache=tmp / "cache")
    setups = ProjectSetups(sandbox=sandbox, workspaces=spaces, private=tmp / "node", home=tmp / "home", environ={})
    project = Project(name="shop", url=str(server.folder), **fields)  # type: ignore[arg-type]
    made = ProjectTrial(sandbox=sandbox, workspaces=spaces, setups=setups, folder=folder, say=lambda line: None)
    return made.run(project, made.check_out(project, threading.Event()))


def test_a_trial(server: Server, bubblewrap: Bubblewrap, tmp_path: Path) -> None:
    """Passed, failed with what is missing, and a set-up that fails; nothing is pushed."""
    before = server.refs()
    assert trial(server, bubblewrap, tmp_path, 1, test="grep hello README.md").passed
    failed = trial(server, bubblewrap, tmp_path, 2, test="absent-program --all")
    assert (failed.passed, failed.hint) == (False, "absent-program is not seen: `tools` must show it")
    assert failed.wrong.startswith("`absent-program --all` ended with exit code 127: ")
    unset = trial(server, bubblewrap, tmp_path, 3, setup="exit 3", test="true")
    assert (unset.passed, "ended with exit code 3" in unset.wrong) == (False, True)
    assert server.refs() == before


def test_without_a_sandbox_nothing_is_known(server: Server, tmp_path: Path) -> None:
    """Neither that it passes nor that it fails: nothing is run."""
    absent = Bubblewrap(program="no-such-bwrap")
    found = trial(server, absent, tmp_path, 1, test="true")
    assert (found.passed, found.untried) == (False, True)
    assert "bubblewrap is not installed" in found.wrong


@pytest.mark.parametrize(
    ("output", "hint"),
    [
        ("/usr/bin/python3: No module named pytest", "pytest is not installed: `setup` must install it"),
        ("E   ModuleNotFoundError: No module named 'flask'", "flask is not installed: `setup` must install it"),
        ("Error: Cannot find module 'express'", "express is not installed: `setup` must install it"),
        ("/bin/sh: 1: uv: not found", "uv is not seen: `tools` must show it"),
        ("bash: line 1: uv: command not found", "uv is not seen: `tools` must show it"),
        ("make: pytest: No such file or directory", "pytest is not seen: `tools` must show it"),
        ("fatal: Could not resolve host: x.invalid", "they want the network"),
        ("cannot touch 'node_modules/x': Read-only file system", "they write to"),
        ("1 failed, 2 passed", ""),
    ],
)
def test_what_a_failure_lacks(output: str, hint: str) -> None:
    """Told from what it printed; a plain failure is none of it."""
    assert explain(output).startswith(hint)
    assert bool(explain(output)) == bool(hint)
