"""Is each row of a benchmark told when it is there, and what was measured not lost when somebody ends it?"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.bench import bus, claiming, growth, idle, long_life
from orchestrator.bench.testbed import make_testbed
from orchestrator.cli.bench import STOPPED
from orchestrator.cli.bench import bus as command
from orchestrator.core.errors import WrongSetting
from tests.waiting import PATIENCE

TOLD = {"name", "value", "unit", "bar", "met", "baseline", "ratio"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"only": ["idel"]}, "no row “idel”: did you mean idle?"),
        ({"only": ["join"]}, "one of eight-nodes, same-missions"),
        ({"only": ["idle"], "finished": 10}, "one of work, look, join, line, search"),
        ({"only": ["idle"], "over": "redis"}, "leave --only and --finished out"),
        ({"kept": Path("x")}, "add --finished N"),
    ],
)
def test_what_is_not_measured_is_said_before_anything_is(given: dict[str, object], says: str) -> None:
    """In one line, with what there is."""
    with pytest.raises(WrongSetting) as told:
        bus.measure(**given)  # type: ignore[arg-type]
    assert says in str(told.value)


def test_a_row_alone_is_measured_alone() -> None:
    """As JSON on standard output, with its line on standard error while the rest may still run."""
    told = CliRunner().invoke(command, ["--only", "batches", "--json"])
    assert told.exit_code in {0, 1}, told.output
    found = json.loads(told.stdout)
    (row,) = found["results"]
    assert (row.keys(), row["name"], found["stopped"]) == (TOLD, "claims in batches of 100, local", False)
    assert row["met"] == (row["value"] >= 1000) == (told.exit_code == 0)
    assert row["name"] in " ".join(told.stderr.split())


def test_what_was_measured_is_told_when_somebody_ends_it(tmp_path: Path) -> None:
    """SIGTERM between two rows: the first is in the JSON, which says that more was asked for, and nothing stays."""
    words = [
        sys.executable,
        "-P",
        "-m",
        "orchestrator",
        "bench",
        "bus",
        "--only",
        "batches",
        "--only",
        "idle",
        "--json",
    ]
    environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
    run = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert run.stderr is not None
    assert b"claims/s" in run.stderr.readline()
    run.send_signal(signal.SIGTERM)
    out, _ = run.communicate(timeout=PATIENCE)
    found = json.loads(out)
    assert (run.returncode, found["stopped"], len(found["results"])) == (STOPPED, True, 1)
    assert list(tmp_path.glob("shiftbook-bench-*")) == []


def test_a_hundred_claims_are_measured_beside_one(tmp_path: Path) -> None:
    """By `git push`, and into a repository on this disk; both have a baseline of the same run."""
    for by_git in (True, False):
        (found,) = claiming.hundred_at_once(tmp_path / str(by_git), by_git=by_git, rounds=1)
        assert found.baseline
        assert found.ratio == pytest.approx(found.value / found.baseline, rel=0.2)


def test_beats_are_counted_by_what_they_leave(tmp_path: Path) -> None:
    """A ring of blobs: a dozen beats are a dozen small objects."""
    (found,) = idle.beats_grow(tmp_path / "beats", beats=12)
    assert found.met
    assert 0 < found.value < 1


@pytest.mark.nightly
def test_an_idle_node_and_headquarters_wait_through_the_same_time(tmp_path: Path) -> None:
    """Both are real processes; what each costs is told beside its bar."""
    found = list(idle.measure(tmp_path, seconds=2.0, nodes=2, settle=0.0))
    assert [one.unit for one in found] == ["% of a core", "MiB", "% of a core", "MiB"]
    assert all(one.value >= 0 for one in found)


def test_a_ledger_that_is_kept_is_taken_and_searched(tmp_path: Path) -> None:
    """It is made once; each command is a process that finds what it looks for, and leaves nothing behind."""
    make_testbed(tmp_path / "large", missions=growth.OPEN_MISSIONS, finished=24)
    found = list(bus.measure(finished=24, kept=tmp_path, only=["work", "search"]))
    assert [one.name for one in found] == ["log search, the first time", "log search --wait, then", *long_life.READ]
    assert all(0 < one.value < 60 for one in found)
    assert sorted(path.name for path in (tmp_path / "large").iterdir()) == ["keys", "ledger.git"]


@pytest.mark.nightly
def test_joining_over_a_slow_line_is_measured(tmp_path: Path) -> None:
    """What came over it, how long it took, and what both sides needed of memory."""
    make_testbed(tmp_path / "large", missions=growth.OPEN_MISSIONS, finished=24)
    found = {one.name: one for one in bus.measure(finished=24, kept=tmp_path, only=["line"])}
    assert all(one.met for one in found.values()), found
    assert found["joining over 100 Mbit/s, brought"].value > 0
    assert found["joining over 100 Mbit/s, the server's memory"].value > 0
    assert not (tmp_path / "large" / "clone").exists()  # of a large ledger it would have a million files


@pytest.mark.nightly
def test_joining_is_measured_over_the_disk_and_over_a_line(tmp_path: Path) -> None:
    """With the server's part, and what git's thinner clones would bring."""
    make_testbed(tmp_path / "large", missions=growth.OPEN_MISSIONS, finished=24)
    found = {one.name: one for one in bus.measure(finished=24, kept=tmp_path, only=["join"])}
    assert all(one.met for one in found.values()), found
    assert found["joining from headquarters' server"].value > 0
    assert found["a bare clone without history"].value < found["a bare clone without texts"].value


def test_a_command_that_fails_is_no_measurement(tmp_path: Path) -> None:
    """Its row says so, and its bar is not met however quick it was."""
    environment = long_life._environment(tmp_path, str(tmp_path / "none.git"))
    row = long_life._took("mission list", long_life._command(environment, "mission", "list"), 1000.0)
    assert (row.met, row.name) == (False, "mission list: it failed")
