"""From one version to the next: what does not work never stays, and nothing is lost on the way."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from filelock import FileLock

from orchestrator.app import wiring
from orchestrator.app.updates import plug_ins
from orchestrator.app.updates.going_back import go_back
from orchestrator.app.updates.updater import UpdateFailed
from orchestrator.app.updates.version_dirs import Trial
from orchestrator.core.errors import Refused
from tests.orchestrator.app.updates.machines import ONE, THREE, TWO, WORKS, FakeNode, Machine, install, newer_schema
from tests.waiting import PATIENCE


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
    assert node.process.wait(timeout=PATIENCE) == -signal.SIGKILL, "its supervisor starts the version that is current"


def test_where_start_has_gone_back_the_updater_says_so_and_does_not_go_further(
    machine: Machine, node: FakeNode
) -> None:
    machine.source.known[TWO.tag] = WORKS
    updater = machine.updater()

    def start_goes_back(_seconds: float) -> None:
        (machine.dirs.prefix / "trial/starts").write_text("started\n" * 3)
        go_back(machine.dirs, machine.settings, only_trial=True, starting=True)

    updater.sleep = start_goes_back
    with pytest.raises(UpdateFailed, match=r"v1\.2\.0 did no round in 3 starts; v1\.1\.0 is current again"):
        updater.update(TWO)
    assert (machine.dirs.current, machine.dirs.before) == (ONE.tag, "")


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


@pytest.mark.parametrize(("seconds", "says"), [(0.0, "which goes back into the queue"), (40.0, "or in 40 s")])
def test_work_goes_back_into_the_queue_after_the_time_that_was_given(
    machine: Machine, node: FakeNode, seconds: float, says: str
) -> None:
    """Not before, and told once; the version that is not to wait is that one."""
    machine.source.known[TWO.tag] = WORKS
    hurried: list[bool] = []

    def sleep(_seconds: float) -> None:
        hurried.append(machine.dirs.hurried)
        if len(hurried) == 100:
            (machine.dirs.prefix / "trial/starts").write_text("started\n")
            machine.dirs.pass_trial(TWO.tag)

    updater = machine.updater()
    updater.work_seconds, updater.sleep = seconds, sleep
    updater.update(TWO)
    assert hurried == sorted(hurried)
    assert hurried.index(True) >= seconds / 2  # the test's clock goes by a second or two a look
    assert [line for line in machine.said if "goes back into the queue now" in line] == [
        "its running work goes back into the queue now"
    ]
    assert any(
        f"switched to v1.2.0: the node starts again when its running work is done, {says}" in s for s in machine.said
    )
    assert machine.dirs.current == TWO.tag


def test_without_such_a_time_it_says_how_to_have_one(machine: Machine, node: FakeNode) -> None:
    """And whoever asks then finds an update that waits."""
    machine.source.known[TWO.tag] = WORKS
    waited: list[bool] = []

    def sleep(_seconds: float) -> None:
        waited.append(machine.dirs.awaits_work)
        machine.dirs.hurry()
        (machine.dirs.prefix / "trial/starts").write_text("started\n")
        machine.dirs.pass_trial(TWO.tag)

    updater = machine.updater()
    updater.sleep = sleep
    updater.update(TWO)
    assert waited == [True]
    assert not machine.dirs.awaits_work
    assert any("`shiftbook update --now` has that go back" in line for line in machine.said)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo no module named x >&2; exit 1", "no module named x"),
        ("echo Traceback >&2; echo no module named x >&2; exit 1", "here: no module named x; v1.1.0 runs"),
        ("kill -9 $$", "here: it ended with -9"),
        ("", ""),
    ],
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


def test_a_machine_that_was_told_nothing_waits_for_a_trial_that_goes_on(machine: Machine, node: FakeNode) -> None:
    """The updater died; the old node still ends its work. Going back now would cut that off for nothing."""
    machine.source.known |= {TWO.tag: WORKS, THREE.tag: WORKS}
    machine.dirs.begin_trial(Trial(old=ONE.tag, new=TWO.tag, home=str(machine.settings.home), copy="/copy"))
    install_version(machine, TWO.tag)
    machine.dirs.switch(TWO.tag)
    waits = iter(range(1_000))

    def sleep(_seconds: float) -> None:
        if next(waits) == 50:
            (machine.dirs.prefix / "trial/starts").write_text("started\n")
            machine.dirs.pass_trial(TWO.tag)

    updater = machine.updater()
    updater.sleep = sleep
    updater.recover()
    assert machine.dirs.current == TWO.tag
    assert machine.dirs.trial is None
    assert node.process.poll() is None


def test_the_old_version_goes_back_and_not_the_one_on_trial(machine: Machine) -> None:
    """The one on trial, whose `update` was called, can read whatever it has made of the database."""
    machine.source.known |= {TWO.tag: WORKS, THREE.tag: WORKS}
    machine.go_to(TWO.tag)
    machine.go_to(THREE.tag)
    assert "v1.1.0 went back" in machine.said


def test_one_that_was_on_trial_opens_the_database_no_more_when_the_old_one_is_back(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To make the copies it would bring it to its own schema, and the old version could not read it."""
    machine.source.known |= {TWO.tag: WORKS, THREE.tag: WORKS}
    machine.go_to(TWO.tag)
    monkeypatch.setattr("orchestrator.app.updates.updater.running_version", lambda: (machine.dirs, TWO.tag))
    monkeypatch.setattr(wiring, "stores", lambda _settings: pytest.fail("the database was opened"))
    with pytest.raises(Refused, match=r"this is v1\.2\.0, and v1\.1\.0 is current: say `\S+/start update`"):
        machine.go_to(THREE.tag)
    assert machine.dirs.current == ONE.tag
    assert "v1.1.0 went back" in machine.said


def test_an_old_version_that_cannot_come_back_is_said_and_nothing_is_deleted(machine: Machine) -> None:
    machine.source.known |= {TWO.tag: WORKS}
    machine.go_to(TWO.tag)
    machine.dirs.program(ONE.tag).write_text("#!/bin/sh\necho no disk >&2; exit 1\n")
    with pytest.raises(UpdateFailed, match=r"v1\.1\.0 could not come back: no disk"):
        machine.updater().recover()
    trial = machine.dirs.trial
    assert trial is not None
    assert Path(trial.copy).is_file()
    machine.dirs.program(ONE.tag).unlink()
    with pytest.raises(UpdateFailed, match="could not come back"):
        machine.updater().recover()


def test_a_check_that_fails_leaves_the_database_that_going_back_needs(machine: Machine) -> None:
    machine.source.known |= {TWO.tag: WORKS, THREE.tag: "exit 1"}
    machine.go_to(TWO.tag)
    machine.dirs.pass_trial(TWO.tag)
    with pytest.raises(UpdateFailed):
        machine.go_to(THREE.tag)
    assert machine.dirs.database_copy(TWO.tag).is_file()
    newer_schema(machine.settings)
    go_back(machine.dirs, machine.settings)
    assert machine.dirs.current == ONE.tag
    wiring.stores(machine.settings).close()


def test_a_trial_that_passed_leaves_no_older_copies(machine: Machine) -> None:
    machine.source.known[TWO.tag] = WORKS
    old = machine.dirs.database_copy("v1.0.0")
    old.parent.mkdir(exist_ok=True)
    old.touch()
    machine.go_to(TWO.tag)
    assert old.exists()
    machine.dirs.pass_trial(TWO.tag)
    machine.updater().recover()
    assert list(old.parent.iterdir()) == [machine.dirs.database_copy(TWO.tag)]


def test_a_node_of_another_program_is_not_waited_for_for_ever(machine: Machine) -> None:
    machine.source.known[TWO.tag] = WORKS
    other = FakeNode(machine.settings, Path("/elsewhere"))
    try:
        machine.go_to(TWO.tag)
    finally:
        other.close()
    assert f"--program {machine.dirs.start}" in machine.said[-1]
    assert other.process.returncode == -signal.SIGKILL, "by this test; going back does not end it either"


def test_a_node_that_a_person_ended_instead_is_no_failure_of_the_new_version(machine: Machine, node: FakeNode) -> None:
    machine.source.known[TWO.tag] = WORKS
    updater = machine.updater()
    updater.sleep = lambda _seconds: node.close()
    updater.update(TWO)
    assert machine.dirs.current == TWO.tag
    assert machine.dirs.trial is not None
    assert "the node was ended; v1.2.0 is next to be started" in machine.said[-1]


def test_a_version_without_the_owner_s_plug_ins_is_not_switched_to(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missions of that type would die there, one after the other."""
    machine.source.known[TWO.tag] = WORKS
    monkeypatch.setattr(plug_ins, "installed", lambda: {"shiftbook.task_types": ["invoice"], "shiftbook.probes": []})
    with pytest.raises(
        UpdateFailed, match=r"v1\.2\.0 would not have task type invoice; v1\.1\.0 runs as before.*pip inst"
    ):
        machine.go_to(TWO.tag)
    assert machine.dirs.current == ONE.tag
    has = '{"plug_ins": {"shiftbook.task_types": ["invoice", "other"]}}'
    machine.dirs.program(TWO.tag).write_text(f"#!/bin/sh\necho '{has}'\n")  # its owner has installed it there
    machine.go_to(TWO.tag)
    assert machine.dirs.current == TWO.tag


@pytest.mark.parametrize("said", ["", "1.2.0", "[]", "{}", '{"plug_ins": []}', '{"plug_ins": 1}'])
def test_a_version_that_does_not_say_what_it_has_is_not_switched_to(machine: Machine, said: str) -> None:
    machine.source.known[TWO.tag] = f"echo '{said}'"
    with pytest.raises(UpdateFailed, match=r"v1\.2\.0 does not work here.*v1\.1\.0 runs as before"):
        machine.go_to(TWO.tag)
    assert machine.dirs.current == ONE.tag


def install_version(machine: Machine, tag: str) -> None:
    """As an update does it."""
    machine.source.export(machine.source.release(tag), machine.dirs.prefix)
    install(machine.dirs.prefix, machine.dirs.folder(tag))
    machine.dirs.mark_complete(tag)
