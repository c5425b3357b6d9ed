"""A person's own repository becomes a project: looked at, tried in the sandbox, changed with the rest left alone."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from tests import program
from tests.acceptance.fleets import Fleet
from tests.orchestrator.repositories import git
from tests.orchestrator.workflow.projects.test_discovery import repository
from tests.waiting import PATIENCE, until


def test_a_work_tree_becomes_a_project(tmp_path: Path, bubblewrap: Bubblewrap) -> None:
    """Its traps are told, its tests tried, and what does not pass is not written; options for a known project count;
    the bare repository beside it is another one; nothing is pushed into either."""
    fleet = Fleet(tmp_path).found("desk")
    tree = repository(tmp_path / "code/parcel", files={"Makefile": "test:\n\tcat needed\n"})
    git(tmp_path / "code", "clone", "--quiet", "--bare", str(tree), "parcel.git")
    said = fleet.shiftbook("project", "add", str(tree), "--yes", node="desk")
    assert "a work tree without a remote, main checked out" in said
    assert "parcel is a project" in said
    assert "its tests do not run here yet: `make test` ended with exit code 2" in said
    assert f"approved branches are yours to merge: git -C {tree} merge shiftbook/MISSION/1" in said
    assert "--update-instead" in said
    other = repository(tmp_path / "code/other", files={"Makefile": "test:\n\ttrue\n"})
    allowed = fleet.shiftbook("project", "add", str(other), "--yes", "--no-try", "--update-instead", node="desk")
    assert "git refuses a merge" not in allowed
    assert "on approval: approved branches are merged into main" in allowed
    fleet.shiftbook("project", "remove", "other", "--yes", node="desk")
    changed = fleet.shiftbook("project", "add", str(tree), "--test", "true", "--on-approval", "merge", node="desk")
    assert changed.endswith("is the project parcel already; changed: test, on_approval\n")
    (added,) = json.loads(
        fleet.shiftbook("project", "add", f"{tree}.git", "--name=bare", "--test=true", "--yes", "--json", node="desk")
    )
    assert (added["url"], added["on_approval"], added["trial"]["passed"]) == (f"{tree}.git", "merge", True)
    shown = json.loads(fleet.shiftbook("project", "show", "parcel", "--json", node="desk"))
    assert (shown["test"], shown["on_approval"], shown["missions"]) == ("true", "merge", [])
    fleet.shiftbook("mission", "new", "Weigh it", "--project", "parcel", "--name", "weigh", node="desk")
    refused = fleet.run("project", "remove", "parcel", node="desk")
    assert (refused.returncode, "1 open mission (weigh) would fail" in refused.stderr) == (4, True)
    fleet.shiftbook("project", "remove", "parcel", "--yes", node="desk")
    assert [one["name"] for one in json.loads(fleet.shiftbook("project", "list", "--json", node="desk"))] == ["bare"]
    assert git(tree, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert "denyCurrentBranch" not in (tree / ".git/config").read_text()


def test_on_a_terminal_it_asks_before_anything_is_changed(tmp_path: Path, bubblewrap: Bubblewrap) -> None:
    """Try it? may a merge bring the work tree along? what on approval? add it? The owner's word sets the setting."""
    fleet = Fleet(tmp_path).found("desk")
    tree = repository(tmp_path / "code/parcel", files={"Makefile": "test:\n\tgrep -q PRICE Makefile # PRICE\n"})
    words = (sys.executable, "-P", "-m", "orchestrator", "project", "add", str(tree))
    master, slave = pty.openpty()
    os.write(master, b"y\ny\n\ny\n")
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(words, stdin=slave, stdout=said, stderr=said, env=fleet.environment("desk"))
        assert process.wait(timeout=PATIENCE) == 0
    os.close(slave)
    os.close(master)
    text = (tmp_path / "said").read_text()
    asked = (
        "try its set-up and tests here now?",
        "may approved work be merged into main",
        "on approval?",
        "add parcel",
    )
    assert [word in text for word in asked] == [True] * len(asked)
    assert "its tests passed here" in text
    assert git(tree, "config", "receive.denyCurrentBranch") == "updateInstead"
    shown = json.loads(fleet.shiftbook("project", "show", "parcel", "--json", node="desk"))
    assert (shown["test"], shown["on_approval"]) == ("make test", "merge")


def test_what_takes_long_shows_a_sign_of_life(tmp_path: Path, bubblewrap: Bubblewrap) -> None:
    """Tests that end only once the line that ticks was seen: so it was there while nothing else was said."""
    fleet = Fleet(tmp_path).found("desk")
    gate = tmp_path / "gate"
    gate.mkdir()
    wait = f"test:\n\twhile [ ! -e {gate}/go ]; do sleep 0.1; done\n"
    tree = repository(tmp_path / "code/parcel", files={"Makefile": wait})
    words = ("project", "add", str(tree), "--yes", f"--tool={gate}")
    master, slave = pty.openpty()
    env = fleet.environment("desk") | {"TERM": "xterm"}
    process = program.start(*words, env=env, cwd=tmp_path, stdin=slave, stderr=slave)
    os.close(slave)
    shown = b""

    def ticks() -> bool:
        nonlocal shown
        shown += os.read(master, 4096) if select.select([master], [], [], 0)[0] else b""
        return re.search(rb"\r +working [0-9]+ s\x1b\[K", shown) is not None

    try:
        until(ticks, "a sign of life")
        (gate / "go").touch()
        assert process.wait(timeout=PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)


@pytest.fixture(scope="module")
def bubblewrap() -> Bubblewrap:
    """A sandbox that works here."""
    from tests.conftest import lacking

    if why := Bubblewrap().missing():
        lacking(why)
    return Bubblewrap()
