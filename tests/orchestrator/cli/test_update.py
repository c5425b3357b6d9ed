"""`shiftbook update` and what one version asks of another."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner
from filelock import FileLock

from orchestrator import __version__
from orchestrator.app import wiring
from orchestrator.app.kept_revocations import KeptRevocations, revocations_from
from orchestrator.app.updates import plug_ins
from orchestrator.app.updates.going_back import write_pid
from orchestrator.app.updates.version_dirs import Trial, VersionDirs
from orchestrator.cli.machine import update as commands
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import NotFound, OrchestratorError, Refused


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def dirs(tmp_path: Path) -> VersionDirs:
    made = VersionDirs(tmp_path / "program")
    made.prepare()
    return made


def test_a_version_says_that_it_can_open_the_database_and_which_plug_ins_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def entry_points(*, group: str) -> list[EntryPoint]:
        return [EntryPoint(name="invoice", value="x:y", group=group)] if group == "shiftbook.task_types" else []

    monkeypatch.setattr(plug_ins, "entry_points", entry_points)
    done = CliRunner().invoke(commands.update_check, catch_exceptions=False)
    assert json.loads(done.stdout)["version"] == __version__
    assert plug_ins.read_plug_ins(done.stdout) == {"shiftbook.task_types": ["invoice"], "shiftbook.probes": []}
    assert plug_ins.lacking(plug_ins.installed(), plug_ins.read_plug_ins(done.stdout)) == []


def test_a_version_says_whom_its_database_shuts_out(home: Path) -> None:
    settings = load_settings()
    assert settings.home == home
    stores = wiring.stores(settings)
    stores.tokens.add("lost", "digest-lost", ["look"])
    stores.tokens.revoke("lost")
    stores.close()
    done = CliRunner().invoke(commands.update_revoked, catch_exceptions=False)
    assert revocations_from(json.loads(done.stdout)) == KeptRevocations(tokens=frozenset({"digest-lost"}), known=True)


def test_what_the_other_version_lacks_is_named_by_its_kind() -> None:
    ours = {"shiftbook.task_types": ["a", "b"], "shiftbook.probes": ["p"]}
    assert plug_ins.lacking(ours, {"shiftbook.task_types": ["b"]}) == ["task type a", "probe p"]
    assert plug_ins.lacking({}, ours) == []


def test_a_start_that_is_late_goes_back_no_further(dirs: VersionDirs) -> None:
    dirs.switch("v1.0.0")
    dirs.switch("v1.1.0")
    done = CliRunner().invoke(commands.update_back, ["--trial", str(dirs.prefix)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "v1.1.0 is current already" in done.stderr
    assert dirs.current == "v1.1.0"


@pytest.mark.parametrize("words", [["--check"], ["--back"], []])
def test_nothing_is_run_from_a_folder_that_others_may_write_to(
    dirs: VersionDirs, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """Root, who says `update`, would run what the service's user can change."""
    monkeypatch.setattr("orchestrator.app.updates.version_dirs.running_version", lambda: (dirs, "v1.0.0"))
    dirs.prefix.chmod(0o757)
    with pytest.raises(Refused, match="others may write to"):
        CliRunner().invoke(commands.update, words, catch_exceptions=False)


def test_a_folder_that_others_may_write_to_is_not_begun_in(tmp_path: Path) -> None:
    prefix = tmp_path / "open"
    prefix.mkdir()
    prefix.chmod(0o777)
    words = ["--into", str(prefix), "--from", "x", "--signers", str(tmp_path / "signers")]
    with pytest.raises(OrchestratorError, match="others may write to"):
        CliRunner().invoke(commands.update, words, catch_exceptions=False)
    assert list(prefix.iterdir()) == []


def test_there_is_no_going_back_before_the_first(dirs: VersionDirs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.app.updates.version_dirs.running_version", lambda: (dirs, "v1.0.0"))
    dirs.switch("v1.0.0")
    with pytest.raises(NotFound, match=r"no version before v1\.0\.0"):
        CliRunner().invoke(commands.update, ["--back"], catch_exceptions=False)


GOES_BACK = 'echo "v1.0.0 is current again" >&2'
GOING_BACK = [
    (GOES_BACK, "", "v1.0.0 is current again"),
    ("echo 'shiftbook: it runs' >&2; exit 4", r"v1\.0\.0 did not go back: it runs", ""),
    ("exec sleep 600", r"v1\.0\.0 was ended: it did not go back within 0\.5 s", ""),
]


@pytest.mark.parametrize(("script", "refused", "did"), GOING_BACK)
def test_going_back_says_what_became_of_it(
    dirs: VersionDirs, monkeypatch: pytest.MonkeyPatch, script: str, refused: str, did: str
) -> None:
    """As JSON where that is asked for; a version that fails or hangs is an error in one line."""
    monkeypatch.setattr("orchestrator.app.updates.version_dirs.running_version", lambda: (dirs, "v1.1.0"))
    monkeypatch.setattr("orchestrator.app.updates.updater.BACK_SECONDS", 0.5 if "sleep" in script else 60.0)
    for version in ("v1.0.0", "v1.1.0"):
        dirs.switch(version)
    old = dirs.program("v1.0.0")
    old.parent.mkdir(parents=True)
    old.write_text(f"#!/bin/sh\n{script}\n")
    old.chmod(0o755)
    if refused:
        with pytest.raises(Refused, match=refused):
            CliRunner().invoke(commands.update, ["--back", "--json"], catch_exceptions=False)
    else:
        done = CliRunner().invoke(commands.update, ["--back", "--json"], catch_exceptions=False)
        assert json.loads(done.stdout)["did"] == [did]


def waiting(dirs: VersionDirs, monkeypatch: pytest.MonkeyPatch) -> None:
    """v1.1.0 was switched to, and v1.0.0 goes on."""
    monkeypatch.setattr("orchestrator.app.updates.version_dirs.running_version", lambda: (dirs, "v1.0.0"))
    dirs.switch("v1.0.0")
    dirs.begin_trial(Trial(old="v1.0.0", new="v1.1.0", home="", copy=""))
    dirs.switch("v1.1.0")


@pytest.mark.parametrize("words", [["--now"], ["--now", "--json"]])
def test_an_update_that_waits_for_work_is_hurried(
    dirs: VersionDirs, home: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """Nothing is fetched for it, and whoever carries it out goes on."""
    waiting(dirs, monkeypatch)
    with dirs.alone(), FileLock(home / "node.lock"):
        write_pid(home, dirs)
        done = CliRunner().invoke(commands.update, words, catch_exceptions=False)
    assert dirs.hurried
    said = "v1.1.0 waits no longer: the node's running work goes back into the queue"
    if "--json" in words:
        assert json.loads(done.stdout) == {"current": "v1.1.0", "newest": "v1.1.0", "did": [said]}
    else:
        assert done.stdout == f"{said}\n"


def test_who_only_looks_hurries_nothing(dirs: VersionDirs, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--check` goes first: here it does not get as far as the source."""
    waiting(dirs, monkeypatch)
    write_pid(home, dirs)
    with FileLock(home / "node.lock"), pytest.raises(OrchestratorError, match="where its releases come from"):
        CliRunner().invoke(commands.update, ["--check", "--now"], catch_exceptions=False)
    assert not dirs.hurried


def test_where_no_node_runs_there_is_nothing_to_hurry(dirs: VersionDirs, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said what comes next, and what waits is not taken back."""
    waiting(dirs, monkeypatch)
    done = CliRunner().invoke(commands.update, ["--now"], catch_exceptions=False)
    assert done.stdout == "no node of these versions runs here: v1.1.0 is next to be started\n"
    assert (dirs.hurried, dirs.awaits_work) == (False, True)


@pytest.mark.parametrize("words", [["--fleet", "--now"], ["--fleet", "--within", "5"]])
def test_a_whole_fleet_is_not_hurried(words: list[str]) -> None:
    with pytest.raises(OrchestratorError, match="nothing else does"):
        CliRunner().invoke(commands.update, words, catch_exceptions=False)


def test_there_is_no_time_before_now() -> None:
    done = CliRunner().invoke(commands.update, ["--within", "-1"])
    assert done.exit_code == 2
    assert "x>=0" in done.stderr
