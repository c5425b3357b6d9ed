"""The version before comes back with a database that it can read, and nothing is lost or cut off on the way."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from missions import document
from missions.mission import Mission
from orchestrator.app import wiring
from orchestrator.app.updates import going_back
from orchestrator.app.updates.going_back import go_back, node_runs, write_pid
from orchestrator.app.updates.update_agent import LOG, NOTE, UpdateAgent
from orchestrator.app.updates.version_dirs import Trial, VersionDirs
from orchestrator.core.errors import Refused
from orchestrator.core.ports.agent import AgentJob
from orchestrator.core.settings import Settings
from orchestrator.workflow.update_roll import render_step
from tests.orchestrator.app.updates.machines import ONE, THREE, TWO, WORKS, FakeNode, Machine, newer_schema
from tests.waiting import PATIENCE


def test_going_back_keeps_the_database_where_the_old_version_reads_it(machine: Machine) -> None:
    machine.source.known[TWO.tag] = WORKS
    machine.go_to(TWO.tag)
    before = (machine.settings.home / "shiftbook.db").stat().st_ino
    assert go_back(machine.dirs, machine.settings, starting=True) == "v1.1.0 is current again"
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


def test_where_no_node_runs_afterwards_it_is_said_how_to_start_one(machine: Machine) -> None:
    machine.source.known[TWO.tag] = WORKS
    machine.go_to(TWO.tag)
    assert "systemctl start shiftbook" in go_back(machine.dirs, machine.settings)


def test_where_one_was_ended_its_service_starts_it(machine: Machine, node: FakeNode) -> None:
    fake_update(machine)
    assert go_back(machine.dirs, machine.settings) == "v1.1.0 is current again"
    assert node.process.wait(timeout=PATIENCE) == -signal.SIGKILL


class EndedWithTheNode(BaseException):
    """What a service with `KillMode=mixed` does to all that the node has started."""


def test_who_goes_back_may_be_ended_with_the_node_and_the_reason_stands(
    machine: Machine, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old version tells it, ends the trial, and begins nothing again by itself."""
    fake_update(machine)

    def ended(*_: object) -> None:
        raise EndedWithTheNode

    monkeypatch.setattr(going_back, "end_node", ended)
    with pytest.raises(EndedWithTheNode):
        go_back(machine.dirs, machine.settings, only_trial=True, why="v1.2.0 did no round in 300 s")
    assert machine.dirs.trial is not None
    home = machine.settings.home
    (home / LOG).write_text("shiftbook: v0.9.0 does not count: it is not signed\n")
    (home / NOTE).write_text(json.dumps({"mission": "m", "attempt": 1, "release": TWO.tag}))
    agent = UpdateAgent(node="desk", version=ONE.tag, dirs=machine.dirs, home=home, waits_for=lambda _: "")
    mission = document.read("missions/m.md", render_step("desk", TWO.tag, "", "1 of 1").encode())
    assert isinstance(mission, Mission)
    job = AgentJob(mission=mission, attempt=1, project=None, context="", folder=home, say=print)
    with machine.dirs.alone():  # another update goes on: the trial may be its own
        assert "runs again" in agent.run(job, threading.Event()).error
        assert machine.dirs.trial is not None
    (home / NOTE).write_text(json.dumps({"mission": "m", "attempt": 1, "release": TWO.tag}))
    found = agent.run(job, threading.Event())
    assert found.error == "v1.2.0 did not stay on desk: v1.1.0 runs again (v1.2.0 did no round in 300 s)"
    assert machine.dirs.trial is None
    assert not (home / NOTE).exists()
    machine.dirs.begin_trial(Trial(old=ONE.tag, new=THREE.tag, home=str(home), copy=""))
    assert machine.dirs.reason == ""  # it is about the one before


def test_a_second_one_who_is_late_changes_nothing(machine: Machine) -> None:
    """`start` and the updater may both want it: the second must not go to the version that has just failed."""
    machine.source.known[TWO.tag] = WORKS
    machine.go_to(TWO.tag)
    go_back(machine.dirs, machine.settings, only_trial=True)
    assert go_back(machine.dirs, machine.settings, only_trial=True) == "v1.1.0 is current already"
    assert machine.dirs.current == ONE.tag
    with pytest.raises(Refused, match="no version before"):
        go_back(machine.dirs, machine.settings)


def test_the_version_that_comes_back_has_the_one_before_it_again(machine: Machine) -> None:
    machine.source.known |= {TWO.tag: WORKS, THREE.tag: WORKS}
    machine.go_to(TWO.tag)
    machine.dirs.pass_trial(TWO.tag)
    machine.go_to(THREE.tag)
    assert machine.dirs.before == TWO.tag
    go_back(machine.dirs, machine.settings)
    assert (machine.dirs.current, machine.dirs.before) == (TWO.tag, ONE.tag)


def test_one_that_was_ended_in_the_middle_is_made_up_for(machine: Machine) -> None:
    """The links are as they were before, the database is not."""
    machine.source.known[TWO.tag] = WORKS
    machine.go_to(TWO.tag)
    newer_schema(machine.settings)
    machine.dirs.switch_back(ONE.tag, "")
    go_back(machine.dirs, machine.settings, only_trial=True)
    wiring.stores(machine.settings).close()
    assert machine.dirs.trial is None


def test_a_trial_whose_switch_never_came_ends_no_node(machine: Machine, node: FakeNode) -> None:
    fake_update(machine)
    machine.dirs.switch_back(ONE.tag, "")
    go_back(machine.dirs, machine.settings, only_trial=True)
    assert node.process.poll() is None
    assert machine.dirs.trial is None


def test_nothing_is_changed_where_the_old_version_would_have_no_database(machine: Machine, node: FakeNode) -> None:
    fake_update(machine)
    newer_schema(machine.settings)
    with pytest.raises(Refused, match="nothing was changed"):
        go_back(machine.dirs, machine.settings)
    assert machine.dirs.current == TWO.tag
    assert machine.dirs.trial is not None
    assert node.process.poll() is None


def test_the_rows_of_a_database_server_are_its_owner_s_to_put_back(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_update(machine)
    monkeypatch.setattr(going_back, "_is_readable", lambda _settings: False)
    served = machine.settings.model_copy(update={"database_url": "postgresql://127.0.0.1/none"})
    with pytest.raises(Refused, match="restore it from /no/copy"):
        go_back(machine.dirs, served)
    assert machine.dirs.current == TWO.tag


def test_the_database_is_put_back_whole_private_and_with_its_log_aside(machine: Machine) -> None:
    machine.source.known[TWO.tag] = WORKS
    machine.go_to(TWO.tag)
    path = machine.settings.home / "shiftbook.db"
    newer_schema(machine.settings)
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("CREATE TABLE meanwhile (word TEXT)")
    writer.execute("INSERT INTO meanwhile VALUES ('kept')")
    writer.commit()  # in the log only, as a killed node leaves it
    line = go_back(machine.dirs, machine.settings)
    assert "`shiftbook device list` and `shiftbook token list`" in line
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not list(machine.settings.home.glob("*.new"))
    (aside,) = machine.settings.home.glob("shiftbook.db.*.before")
    with sqlite3.connect(aside) as kept:
        assert kept.execute("SELECT word FROM meanwhile").fetchall() == [("kept",)]
    with sqlite3.connect(path) as back:
        assert not back.execute("SELECT 1 FROM sqlite_master WHERE name = 'meanwhile'").fetchall()
    writer.close()


def test_who_was_revoked_meanwhile_is_let_in_by_no_old_database(machine: Machine) -> None:
    """Only the version that goes can read its database; it is asked."""
    stores = wiring.stores(machine.settings)
    stores.tokens.add("lost", "digest-lost", ["look"])
    stores.tokens.add("kept", "digest-kept", ["look"])
    stores.close()
    revoked = '{"devices": [], "scopes": {}, "tokens": ["digest-lost"], "known": true}'
    machine.source.known[TWO.tag] = f"test $1 = update-revoked && echo '{revoked}' && exit 0\n{WORKS}"
    machine.go_to(TWO.tag)
    newer_schema(machine.settings)
    line = go_back(machine.dirs, machine.settings)
    assert "the token 'lost' stays revoked" in line
    assert "device list" not in line
    stores = wiring.stores(machine.settings)
    assert stores.tokens.find("digest-lost") is None
    assert stores.tokens.find("digest-kept") is not None
    stores.close()
    assert not list(machine.settings.home.glob("*.new*"))


@pytest.mark.parametrize("does", ["exit 1", "echo no", "echo '[]'", "exec sleep 5"])
def test_where_the_version_that_goes_cannot_say_who_was_revoked_a_person_is_told_to_look(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    monkeypatch.setattr(going_back, "ASK_SECONDS", 0.3)
    machine.source.known[TWO.tag] = f"test $1 = update-revoked && {does}\n{WORKS}"
    machine.go_to(TWO.tag)
    newer_schema(machine.settings)
    line = go_back(machine.dirs, machine.settings)
    assert "let in again: see `shiftbook device list` and `shiftbook token list`" in line
    wiring.stores(machine.settings).close()


@pytest.mark.parametrize("step", ["shutil.copyfile", "os.link", "files.move_into_place"])
def test_a_crash_while_it_is_put_back_leaves_a_database_and_the_next_try_ends_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    machine.source.known[TWO.tag] = WORKS
    machine.go_to(TWO.tag)
    newer_schema(machine.settings)

    def crash(*_words: object, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(f"orchestrator.app.updates.going_back.{step}", crash)
        with pytest.raises(KeyboardInterrupt):
            go_back(machine.dirs, machine.settings)
    assert (machine.settings.home / "shiftbook.db").stat().st_size
    assert machine.dirs.trial is not None
    go_back(machine.dirs, machine.settings, only_trial=True)
    wiring.stores(machine.settings).close()


def test_a_person_s_step_back_that_was_ended_in_the_middle_is_made_up_for(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was on trial any more: yet `start` finds what is to be done."""
    machine.source.known[TWO.tag] = WORKS
    machine.go_to(TWO.tag)
    machine.dirs.end_trial()
    newer_schema(machine.settings)

    def crash(*_words: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(going_back, "_put_back", crash)
        with pytest.raises(KeyboardInterrupt):
            go_back(machine.dirs, machine.settings)
    assert machine.dirs.current == ONE.tag
    go_back(machine.dirs, machine.settings, only_trial=True, starting=True)
    wiring.stores(machine.settings).close()
    assert machine.dirs.trial is None


def test_no_node_starts_while_the_database_is_put_back(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.source.known[TWO.tag] = WORKS
    machine.go_to(TWO.tag)
    newer_schema(machine.settings)
    held: list[bool] = []
    real = going_back._put_back

    def put_back(path: Path, copy: Path) -> Path:
        held.append(node_runs(machine.settings))
        return real(path, copy)

    monkeypatch.setattr(going_back, "_put_back", put_back)
    go_back(machine.dirs, machine.settings)
    assert held == [True]
    assert not node_runs(machine.settings)


def test_a_node_that_cannot_be_ended_keeps_its_database(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.source.known[TWO.tag] = WORKS
    machine.go_to(TWO.tag)
    newer_schema(machine.settings)
    monkeypatch.setattr(going_back, "END_SECONDS", 0.1)
    other = FakeNode(machine.settings, Path("/elsewhere"))
    try:
        with pytest.raises(Refused, match="a node still holds"):
            go_back(machine.dirs, machine.settings)
        assert other.process.poll() is None, "it is none of these versions"
    finally:
        other.close()
    go_back(machine.dirs, machine.settings)
    wiring.stores(machine.settings).close()


@pytest.mark.parametrize("text", ["", "x\n", "12", "\n/prefix\n"])
def test_a_note_of_a_process_that_says_too_little_names_nobody(tmp_path: Path, text: str) -> None:
    settings = Settings(home=tmp_path, node_id="desk")
    (tmp_path / "node.pid").write_text(text)
    assert not going_back.node_follows(settings, VersionDirs(Path("/prefix")))


def test_a_node_notes_whose_version_it_is(tmp_path: Path) -> None:
    write_pid(tmp_path, None)
    assert (tmp_path / "node.pid").read_text() == f"{os.getpid()}\n\n"
    write_pid(tmp_path, VersionDirs(Path("/prefix")))
    assert (tmp_path / "node.pid").read_text() == f"{os.getpid()}\n/prefix\n"


def fake_update(machine: Machine) -> None:
    """A trial of the second version, whose copy of the database is gone."""
    program = machine.dirs.program(TWO.tag)
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    machine.dirs.mark_complete(TWO.tag)
    trial = Trial(old=ONE.tag, new=TWO.tag, home=str(machine.settings.home), copy="/no/copy")
    machine.dirs.begin_trial(trial)
    machine.dirs.switch(TWO.tag)
