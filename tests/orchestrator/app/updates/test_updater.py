"""From one version to the next: what does not work never stays, and nothing is lost on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from filelock import FileLock

from orchestrator.app import wiring
from orchestrator.app.updates.releases import Release
from orchestrator.app.updates.updater import UpdateFailed, Updater, go_back, node_runs
from orchestrator.app.updates.version_dirs import Trial, VersionDirs
from orchestrator.core.errors import NotFound, Refused
from orchestrator.core.settings import Settings
from tests.waiting import until

ONE, TWO, THREE = (Release(tag=f"v1.{n}.0", commit="0" * 40, signer="releaser") for n in (1, 2, 3))
WORKS = 'test "$1" = update-check && exit 0; echo "$0" "$@"'


@dataclass
class Source:
    """A repository of releases, in memory."""

    known: dict[str, str] = field(default_factory=dict)
    """Tag → the script that is its program."""
    fetched: int = 0

    def fetch(self) -> None:
        self.fetched += 1

    def releases(self) -> list[Release]:
        return [Release(tag=tag, commit="0" * 40, signer="releaser") for tag in sorted(self.known, reverse=True)]

    def release(self, tag: str) -> Release:
        found = [each for each in self.releases() if each.tag == tag]
        if not found:
            raise NotFound(tag)
        return found[0]

    def export(self, release: Release, folder: Path) -> None:
        (folder / "program").write_text(f"#!/bin/sh\n{self.known[release.tag]}\n")


def install(source: Path, folder: Path) -> None:
    program = folder / "bin/shiftbook"
    program.parent.mkdir(parents=True)
    program.write_text((source / "program").read_text())
    program.chmod(0o755)


@dataclass
class Machine:
    """A machine with versions and a node's home."""

    dirs: VersionDirs
    settings: Settings
    source: Source
    said: list[str] = field(default_factory=list)
    moments: Iterator[float] = field(default_factory=lambda: iter(range(1_000_000)))

    def updater(self, install_: object = install) -> Updater:
        return Updater(
            dirs=self.dirs,
            source=self.source,  # type: ignore[arg-type]
            settings=self.settings,
            install=install_,  # type: ignore[arg-type]
            say=self.said.append,
            trial_seconds=20,
            clock=lambda: float(next(self.moments)),
            sleep=lambda _seconds: None,
        )

    def go_to(self, tag: str) -> None:
        updater = self.updater()
        wanted = updater.wanted(tag)
        assert wanted is not None
        updater.update(wanted)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    settings = Settings(home=tmp_path / "home", node_id="desk")
    settings.home.mkdir()
    wiring.stores(settings).close()
    made = Machine(dirs=VersionDirs(tmp_path / "program"), settings=settings, source=Source())
    made.source.known = {ONE.tag: WORKS}
    made.dirs.prepare()
    made.go_to(ONE.tag)
    return made


class FakeNode:
    """Holds the home's lock as a node does, in a process of its own, until it is killed."""

    def __init__(self, settings: Settings) -> None:
        script = (
            "import sys, os, time; from filelock import FileLock; lock = FileLock(sys.argv[1]); lock.acquire(); "
            "open(sys.argv[2], 'w').write(str(os.getpid())); time.sleep(300)"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, str(settings.home / "node.lock"), str(settings.home / "node.pid")]
        )
        until(lambda: (settings.home / "node.pid").is_file() and node_runs(settings), "the node holds its home")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def node(machine: Machine) -> Iterator[FakeNode]:
    made = FakeNode(machine.settings)
    yield made
    made.close()


def test_the_first_version_is_just_current(machine: Machine) -> None:
    assert machine.dirs.current == ONE.tag
    assert machine.dirs.trial is None
    assert any(str(machine.dirs.start) in line for line in machine.said)


def test_there_is_nothing_to_do_where_the_newest_runs_or_only_older_ones_are_there(machine: Machine) -> None:
    assert machine.updater().wanted() is None
    machine.source.known["v1.0.0"] = WORKS
    del machine.source.known[ONE.tag]
    assert machine.updater().wanted() is None
    assert machine.source.fetched == 3
    with pytest.raises(Refused, match=r"v1\.0\.0 is older than v1\.1\.0.*--back"):
        machine.updater().wanted("v1.0.0")


def test_without_a_node_the_next_start_is_the_trial(machine: Machine) -> None:
    machine.source.known[TWO.tag] = WORKS
    machine.go_to(TWO.tag)
    assert (machine.dirs.current, machine.dirs.before) == (TWO.tag, ONE.tag)
    trial = machine.dirs.trial
    assert trial is not None
    assert (trial.old, trial.new) == (ONE.tag, TWO.tag)
    assert Path(trial.copy).is_file()
    assert "comes back by itself" in machine.said[-1]


def test_a_node_that_does_a_round_with_it_keeps_it(machine: Machine, node: FakeNode) -> None:
    machine.source.known[TWO.tag] = WORKS

    def does_a_round(_seconds: float) -> None:
        if machine.dirs.starts:
            machine.dirs.pass_trial(TWO.tag)
        else:
            with (machine.dirs.prefix / "trial/starts").open("a") as file:
                file.write("started\n")

    updater = machine.updater()
    updater.sleep = does_a_round
    updater.update(TWO)
    assert machine.dirs.current == TWO.tag
    assert machine.dirs.trial is None
    assert machine.said[-1] == "v1.2.0 runs, and has done a round"
    assert node.process.poll() is None


def test_a_node_that_does_none_is_ended_and_the_old_version_is_back(machine: Machine, node: FakeNode) -> None:
    machine.source.known[TWO.tag] = WORKS
    updater = machine.updater()

    def starts(_seconds: float) -> None:
        with (machine.dirs.prefix / "trial/starts").open("a") as file:
            file.write("started\n")

    updater.sleep = starts
    with pytest.raises(UpdateFailed, match=r"v1\.2\.0 did no round in 20 s; v1\.1\.0 is current again"):
        updater.update(TWO)
    assert machine.dirs.current == ONE.tag
    assert machine.dirs.trial is None
    assert node.process.wait(timeout=30) == -signal.SIGKILL, "its supervisor starts the version that is current"


def test_the_old_version_s_work_is_not_cut_off_for_an_update(machine: Machine, node: FakeNode) -> None:
    """The time of the trial begins when the node starts anew, however long the running work takes."""
    machine.source.known[TWO.tag] = WORKS
    waits = iter(range(1_000))

    def sleep(_seconds: float) -> None:
        if next(waits) == 500:
            (machine.dirs.prefix / "trial/starts").write_text("started\n")
            machine.dirs.pass_trial(TWO.tag)

    updater = machine.updater()
    updater.sleep = sleep
    updater.update(TWO)
    assert machine.dirs.current == TWO.tag


@pytest.mark.parametrize(
    ("script", "says"),
    [("echo no module named x >&2; exit 1", "no module named x"), ("kill -9 $$", "does not work here"), ("", "")],
)
def test_a_version_that_cannot_open_the_database_is_never_switched_to(machine: Machine, script: str, says: str) -> None:
    machine.source.known[TWO.tag] = script
    if not script:  # no program at all
        with pytest.raises(UpdateFailed, match="does not start"):
            machine.updater(lambda source, folder: folder.mkdir(parents=True)).update(TWO)
    else:
        with pytest.raises(UpdateFailed, match=says):
            machine.go_to(TWO.tag)
    assert machine.dirs.current == ONE.tag
    assert machine.dirs.trial is None
    assert not list((machine.dirs.prefix / "copies").glob("tried*"))


def test_the_new_version_is_shown_a_copy_and_never_the_database(machine: Machine) -> None:
    machine.source.known[TWO.tag] = 'test "$1" = update-check && echo "$SHIFTBOOK_DATABASE_URL" >&2; exit 1'
    with pytest.raises(UpdateFailed, match=r"copies/tried\.db"):
        machine.go_to(TWO.tag)
    assert str(machine.settings.home / "shiftbook.db") not in machine.said[-1]


def test_an_installation_that_was_broken_off_is_done_anew(machine: Machine) -> None:
    machine.source.known[TWO.tag] = WORKS
    half = machine.dirs.folder(TWO.tag)
    half.mkdir()
    (half / "rest").touch()
    machine.go_to(TWO.tag)
    assert machine.dirs.is_complete(TWO.tag)
    assert not (half / "rest").exists()


def test_one_that_is_complete_is_not_installed_again(machine: Machine) -> None:
    machine.source.known[TWO.tag] = WORKS
    machine.go_to(TWO.tag)
    machine.dirs.pass_trial(TWO.tag)
    machine.updater().recover()
    go_back(machine.dirs, machine.settings)

    def never(_source: Path, _folder: Path) -> None:
        pytest.fail("installed again")

    machine.updater(never).update(TWO)
    assert machine.dirs.current == TWO.tag


def test_an_updater_that_died_is_made_up_for_by_the_next(machine: Machine) -> None:
    machine.source.known |= {TWO.tag: WORKS, THREE.tag: WORKS}
    machine.go_to(TWO.tag)  # nobody starts it: as if the updater and the node had been killed
    machine.go_to(THREE.tag)
    assert (machine.dirs.current, machine.dirs.before) == (THREE.tag, ONE.tag)
    assert "v1.2.0 never did a round: going back to v1.1.0" in machine.said


def test_one_that_was_well_when_its_updater_died_stays(machine: Machine) -> None:
    machine.source.known |= {TWO.tag: WORKS}
    machine.go_to(TWO.tag)
    machine.dirs.pass_trial(TWO.tag)
    machine.updater().recover()
    assert machine.dirs.current == TWO.tag
    assert machine.dirs.trial is None


def test_going_back_keeps_the_database_where_the_old_version_reads_it(machine: Machine) -> None:
    machine.source.known[TWO.tag] = WORKS
    machine.go_to(TWO.tag)
    before = (machine.settings.home / "shiftbook.db").stat().st_ino
    assert go_back(machine.dirs, machine.settings) == "v1.1.0 is current again"
    assert (machine.settings.home / "shiftbook.db").stat().st_ino == before


def test_a_database_that_the_old_version_cannot_read_is_put_back_and_the_other_kept(machine: Machine) -> None:
    machine.source.known[TWO.tag] = WORKS
    machine.go_to(TWO.tag)
    newer_schema(machine.settings)
    line = go_back(machine.dirs, machine.settings)
    wiring.stores(machine.settings).close()  # which raises where it cannot be read
    kept = list(machine.settings.home.glob("shiftbook.db.*.before"))
    assert len(kept) == 1
    assert str(kept[0]) in line


def test_the_last_step_back_is_said_where_there_is_none(machine: Machine) -> None:
    with pytest.raises(Refused, match="no version before"):
        go_back(machine.dirs, machine.settings)


def test_a_process_that_took_the_number_of_a_node_is_not_ended(machine: Machine) -> None:
    """After a power cut the file names whoever has that number now; only a home that is held has a node."""
    machine.source.known[TWO.tag] = WORKS
    machine.go_to(TWO.tag)
    (machine.settings.home / "node.pid").write_text(str(os.getpid()))
    go_back(machine.dirs, machine.settings)
    assert not node_runs(machine.settings)


def test_a_second_update_waits_for_nobody(machine: Machine) -> None:
    machine.source.known[TWO.tag] = WORKS
    with FileLock(machine.dirs.prefix / "update.lock"), pytest.raises(Refused, match="another update"):
        machine.go_to(TWO.tag)
    assert machine.dirs.current == ONE.tag


def test_a_trial_s_home_is_the_node_s(machine: Machine) -> None:
    machine.source.known[TWO.tag] = WORKS
    machine.go_to(TWO.tag)
    assert machine.dirs.trial == Trial(
        old=ONE.tag, new=TWO.tag, home=str(machine.settings.home), copy=str(machine.dirs.database_copy(TWO.tag))
    )


def newer_schema(settings: Settings) -> None:
    """What a later version's migration leaves, as far as this one can tell."""
    import sqlite3

    with sqlite3.connect(settings.home / "shiftbook.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
