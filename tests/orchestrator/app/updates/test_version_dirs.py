"""Versions beside each other: which is started, which is on trial, and what `start` does when it keeps ending."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.app.updates import version_dirs
from orchestrator.app.updates.version_dirs import (
    KEPT,
    STARTS,
    Trial,
    TrialFailed,
    VersionDirs,
    running_version,
    started_again,
    versions_of,
)
from orchestrator.core.errors import Refused, WrongSetting

TRIAL = Trial(old="v1.0.0", new="v1.1.0", home="/home/of/node", copy="/copy.db")


def program(dirs: VersionDirs, version: str, script: str) -> None:
    """A version whose `shiftbook` is a script of the shell."""
    path = dirs.program(version)
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    dirs.mark_complete(version)


@pytest.fixture
def dirs(tmp_path: Path) -> VersionDirs:
    made = VersionDirs(tmp_path / "program")
    made.prepare()
    return made


def start(dirs: VersionDirs, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([dirs.start, *words], capture_output=True, text=True, check=False, timeout=60)


def test_what_is_switched_to_is_current_and_what_was_is_the_one_before(dirs: VersionDirs) -> None:
    assert (dirs.current, dirs.before) == ("", "")
    dirs.switch("v1.0.0")
    assert (dirs.current, dirs.before) == ("v1.0.0", "")
    dirs.switch("v1.1.0")
    dirs.switch("v1.1.0")
    assert (dirs.current, dirs.before) == ("v1.1.0", "v1.0.0")
    assert (dirs.prefix / "current").readlink() == Path("versions/v1.1.0")


def test_start_runs_the_current_version_with_its_words(dirs: VersionDirs) -> None:
    program(dirs, "v1.0.0", 'echo "one: $*"; exit 3')
    dirs.switch("v1.0.0")
    done = start(dirs, "node", "run", "a b")
    assert (done.stdout, done.returncode) == ("one: node run a b\n", 3)
    assert dirs.starts == 0, "nothing is counted where nothing is on trial"


def test_a_version_on_trial_that_keeps_ending_is_taken_back_by_the_one_before(dirs: VersionDirs) -> None:
    here = dirs.prefix
    back = f'rm -r "{here}/trial"; ln -sfn versions/v1.0.0 "{here}/current"'
    program(
        dirs, "v1.0.0", f'if [ "$1" = update-back ]; then test "$2 $3" = "--trial {here}" && {back}; else echo one; fi'
    )
    program(dirs, "v1.1.0", "echo broken; exit 1")
    dirs.switch("v1.0.0")
    dirs.begin_trial(TRIAL)
    dirs.switch("v1.1.0")
    for count in range(1, STARTS + 1):
        assert start(dirs, "node", "run").stdout == "broken\n"
        assert dirs.starts == count
    assert start(dirs, "node", "run").stdout == "one\n"
    assert dirs.trial is None


def test_a_version_that_is_well_is_not_taken_back_however_often_it_is_started(dirs: VersionDirs) -> None:
    program(dirs, "v1.0.0", "echo one")
    program(dirs, "v1.1.0", "echo two")
    dirs.switch("v1.0.0")
    dirs.begin_trial(TRIAL)
    dirs.switch("v1.1.0")
    start(dirs, "node", "run")
    assert dirs.pass_trial("v1.1.0")
    assert [start(dirs, "node", "run").stdout for _ in range(STARTS + 2)] == ["two\n"] * (STARTS + 2)
    assert dirs.starts == 1


def test_when_going_back_fails_the_current_version_is_still_started(dirs: VersionDirs) -> None:
    program(dirs, "v1.0.0", "exit 7")
    program(dirs, "v1.1.0", "echo two")
    dirs.switch("v1.0.0")
    dirs.begin_trial(TRIAL)
    dirs.switch("v1.1.0")
    for _ in range(STARTS):
        start(dirs, "node", "run")
    assert start(dirs, "node", "run").stdout == "two\n"


@pytest.mark.parametrize("words", [("backup", "to", "x"), ("fleet",), ("node", "drain"), ("run", "node"), ()])
def test_only_a_start_of_the_node_counts_as_one(dirs: VersionDirs, words: tuple[str, ...]) -> None:
    """The time of a trial runs from the first: a backup at night must not begin it while the old node still works."""
    program(dirs, "v1.0.0", "echo one")
    program(dirs, "v1.1.0", "echo two")
    dirs.switch("v1.0.0")
    dirs.begin_trial(TRIAL)
    dirs.switch("v1.1.0")
    for _ in range(STARTS + 1):
        assert start(dirs, *words).stdout == "two\n"
    assert dirs.starts == 0


def test_the_version_that_comes_back_is_the_trial_s_and_not_whatever_was_before_meanwhile(dirs: VersionDirs) -> None:
    for version in ("v0.9.0", "v1.0.0", "v1.1.0"):
        program(dirs, version, f'test "$1" = update-back && echo {version} >>"{dirs.prefix}/back"')
    dirs.switch("v1.0.0")
    dirs.begin_trial(TRIAL)
    dirs.switch("v1.1.0")
    dirs.switch_back("v1.1.0", "v0.9.0")
    (dirs.prefix / "trial/starts").write_text("started\n" * STARTS)
    start(dirs, "node", "run")
    assert (dirs.prefix / "back").read_text() == "v1.0.0\n"


def test_a_crash_between_the_two_links_leaves_no_version_that_is_before_itself(dirs: VersionDirs) -> None:
    dirs.switch("v1.0.0")
    dirs.switch("v1.1.0")
    (dirs.prefix / "current").unlink()
    (dirs.prefix / "current").symlink_to("versions/v1.0.0")
    assert (dirs.current, dirs.before) == ("v1.0.0", "")
    dirs.switch_back("v1.0.0", "")
    assert not os.path.lexists(dirs.prefix / "before")


def test_what_others_may_write_to_or_own_is_no_program_of_ours(
    dirs: VersionDirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    dirs.check_owner()
    dirs.prefix.chmod(0o775)
    with pytest.raises(Refused, match="chmod go-w"):
        dirs.check_owner()
    dirs.prefix.chmod(0o755)
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with pytest.raises(Refused, match="sudo -u USER -H"):
        dirs.check_owner()


def test_a_folder_of_versions_is_its_owner_s_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o002)
    try:
        made = VersionDirs(tmp_path / "far/away")
        made.prepare()
    finally:
        os.umask(before)
    made.check_owner()


def test_only_the_database_from_before_the_current_version_is_kept(dirs: VersionDirs) -> None:
    dirs.drop_copies()
    dirs.switch("v1.1.0")
    for version in ("v1.0.0", "v1.1.0"):
        path = dirs.database_copy(version)
        path.parent.mkdir(exist_ok=True)
        path.touch()
    dirs.drop_copies()
    assert list((dirs.prefix / "copies").iterdir()) == [dirs.database_copy("v1.1.0")]


@pytest.mark.parametrize(("version", "raised"), [("v1.0.0", TrialFailed), ("v0.9.0", WrongSetting)])
def test_so_does_the_old_one_whose_database_is_not_put_back_yet(
    dirs: VersionDirs, monkeypatch: pytest.MonkeyPatch, version: str, raised: type[Exception]
) -> None:
    dirs.begin_trial(TRIAL)
    monkeypatch.setattr(version_dirs, "running_version", lambda: (dirs, version))
    with pytest.raises(raised), started_again():
        raise WrongSetting("X", "a newer schema")


@pytest.mark.parametrize(
    ("error", "well", "raised"),
    [
        (WrongSetting("X", "no"), False, TrialFailed),  # exit code 2: its service would give up
        (WrongSetting("X", "no"), True, WrongSetting),
        (Refused("no"), False, Refused),
    ],
)
def test_settings_that_only_the_version_on_trial_refuses_end_it_so_that_it_is_started_again(
    dirs: VersionDirs, monkeypatch: pytest.MonkeyPatch, error: Exception, well: bool, raised: type[Exception]
) -> None:
    dirs.begin_trial(TRIAL)
    if well:
        dirs.pass_trial("v1.1.0")
    monkeypatch.setattr(version_dirs, "running_version", lambda: (dirs, "v1.1.0"))
    with pytest.raises(raised) as caught, started_again():
        raise error
    assert type(caught.value) is raised


def test_wrong_settings_of_any_other_version_are_wrong_settings(
    dirs: VersionDirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version_dirs, "running_version", lambda: (dirs, "v1.1.0"))
    with pytest.raises(WrongSetting), started_again():
        raise WrongSetting("X", "no")


def test_only_the_version_on_trial_passes_it_and_once(dirs: VersionDirs) -> None:
    assert not dirs.pass_trial("v1.1.0"), "nothing is on trial"
    dirs.begin_trial(TRIAL)
    assert not dirs.pass_trial("v1.0.0")
    assert not dirs.well
    assert dirs.pass_trial("v1.1.0")
    assert dirs.well
    assert not dirs.pass_trial("v1.1.0")


def test_a_trial_is_kept_whole_and_a_new_one_begins_anew(dirs: VersionDirs) -> None:
    dirs.begin_trial(TRIAL)
    dirs.pass_trial("v1.1.0")
    assert dirs.trial == TRIAL
    dirs.begin_trial(TRIAL)
    assert not dirs.well
    assert dirs.starts == 0
    dirs.end_trial()
    assert dirs.trial is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"old": "v1.0.0"}', '"x"', "\xff"])
def test_a_record_that_cannot_be_read_is_one_clear_line(dirs: VersionDirs, text: str) -> None:
    dirs.begin_trial(TRIAL)
    (dirs.prefix / "trial/trial.json").write_text(text, encoding="latin-1")
    with pytest.raises(WrongSetting, match=r"trial\.json"):
        _ = dirs.trial


def test_old_versions_go_but_never_the_current_one_nor_the_one_before(dirs: VersionDirs) -> None:
    for number in range(KEPT + 3):
        program(dirs, f"v1.{number}.0", "true")
        os.utime(dirs.folder(f"v1.{number}.0"), (number, number))
    dirs.switch("v1.0.0")
    dirs.switch("v1.1.0")
    half = dirs.folder("v9.0.0")
    half.mkdir()
    gone = dirs.prune()
    left = sorted(path.name for path in half.parent.iterdir())
    assert left == ["v1.0.0", "v1.1.0", f"v1.{KEPT + 2}.0"]
    assert "v9.0.0" in gone, "what was not installed to the end is no version"


def test_updates_never_stack(dirs: VersionDirs) -> None:
    with dirs.alone(), pytest.raises(Refused, match="never stack"), VersionDirs(dirs.prefix).alone():
        pytest.fail("the second update began")


def test_a_program_finds_itself_among_the_versions(dirs: VersionDirs) -> None:
    program(dirs, "v1.0.0", "true")
    found = running_version(dirs.folder("v1.0.0"))
    assert found is not None
    assert (found[0].prefix, found[1]) == (dirs.prefix, "v1.0.0")
    dirs.switch("v1.0.0")
    through_link = running_version(dirs.prefix / "current")
    assert through_link is not None
    assert through_link[1] == "v1.0.0"
    assert running_version(Path(sys.prefix)) is None, "the tests' own environment is none of them"


def test_start_is_written_anew_where_it_differs_and_is_executable(dirs: VersionDirs) -> None:
    dirs.start.write_text("old")
    dirs.prepare()
    assert dirs.start.read_text().startswith("#!/bin/sh")
    assert stat.S_IMODE(dirs.start.stat().st_mode) == 0o755


def test_only_the_version_that_was_meant_does_not_wait(tmp_path: Path) -> None:
    """What was said of one before counts for no later one, nor does what is no version."""
    dirs = VersionDirs(tmp_path)
    dirs.prepare()
    dirs.switch("v1.1.0")
    assert not dirs.hurried
    dirs.hurry()
    assert dirs.hurried
    dirs.switch("v1.2.0")
    assert not dirs.hurried
    dirs.hurry()
    dirs.begin_trial(Trial(old="v1.1.0", new="v1.2.0", home="", copy=""))
    assert not dirs.hurried
    (dirs.prefix / "hurry").write_bytes(b"\xff" * 200)
    assert not dirs.hurried


def test_an_update_waits_for_work_until_its_version_is_started(tmp_path: Path) -> None:
    """And not where nothing is on trial, or what is on trial is not current any more."""
    dirs = VersionDirs(tmp_path)
    dirs.prepare()
    dirs.switch("v1.1.0")
    assert not dirs.awaits_work
    dirs.begin_trial(Trial(old="v1.1.0", new="v1.2.0", home="", copy=""))
    assert not dirs.awaits_work
    dirs.switch("v1.2.0")
    assert dirs.awaits_work
    (dirs.prefix / "trial/starts").write_text("started\n")
    assert not dirs.awaits_work


def test_which_programs_are_the_start_of_versions(tmp_path: Path) -> None:
    """The one that `update` has made, and no other file that is called like it."""
    dirs = VersionDirs(tmp_path / "program")
    dirs.prepare()
    (tmp_path / "start").write_text("#!/bin/sh\n")
    assert versions_of(dirs.start) == dirs.prefix
    assert versions_of(tmp_path / "start") is None
    assert versions_of(dirs.prefix / "current/bin/shiftbook") is None
