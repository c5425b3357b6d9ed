"""A node's part of a roll: what it tells of the version that comes up, and that it leaves nothing half done."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from missions import document
from missions.mission import Mission
from orchestrator.app.updates import update_agent
from orchestrator.app.updates.update_agent import LOG, LOOK_SECONDS, NOTE, UpdateAgent, build_update_agent
from orchestrator.app.updates.version_dirs import Trial, VersionDirs
from orchestrator.core.ports.agent import AgentJob, Outcome
from orchestrator.core.settings import Settings
from orchestrator.workflow.update_roll import render_step
from sync import files
from sync.errors import RemoteUnreachable
from tests.waiting import PATIENCE, once, until

SWITCHES = 'ln -sfn versions/$2 "${0%/versions/*}/current"; sleep 0.1'
FAILS = "echo 'shiftbook: v1.2.0 does not work here: no such module; v1.1.0 runs as before' >&2; exit 1"


@dataclass
class Place:
    """A machine with one version, whose program is a script of the shell."""

    dirs: VersionDirs
    home: Path
    waits: list[str] = field(default_factory=list)
    """What keeps it from beginning, look by look."""
    told: list[str] = field(default_factory=list)
    away: bool = False
    """Whether the ledger's server is."""
    looks: int = 0

    def agent(self, version: str = "v1.1.0", patience: float = PATIENCE) -> UpdateAgent:
        def waits_for(_mission: Mission) -> str:
            self.looks += 1
            if self.away:
                raise RemoteUnreachable("git.example", "no route to it")
            return self.waits.pop(0) if self.waits else ""

        return UpdateAgent(
            node="desk",
            version=version,
            dirs=self.dirs,
            home=self.home,
            waits_for=waits_for,
            patience=patience,
            look_seconds=0.02,
        )

    def program(self, script: str) -> None:
        path = self.dirs.program("v1.1.0")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\necho "$@" >>{self.home}/called\n{script}\n')
        path.chmod(0o755)

    def job(self, text: str = "", attempt: int = 1) -> AgentJob:
        mission = document.read("missions/m.md", (text or render_step("desk", "v1.2.0", "", "1 of 1")).encode())
        assert isinstance(mission, Mission)
        return AgentJob(
            mission=mission, attempt=attempt, project=None, context="", folder=self.home, say=self.told.append
        )

    def run(self, agent: UpdateAgent | None = None, stop: threading.Event | None = None, attempt: int = 1) -> Outcome:
        return (agent or self.agent()).run(self.job(attempt=attempt), stop or threading.Event())

    @property
    def called(self) -> list[str]:
        path = self.home / "called"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(dirs=VersionDirs(tmp_path / "program"), home=tmp_path / "home")
    made.home.mkdir()
    made.dirs.prepare()
    made.program(SWITCHES)
    made.dirs.switch("v1.1.0")
    return made


def test_the_mission_goes_back_as_soon_as_the_next_version_is_current(place: Place) -> None:
    """The node ends its work then and starts anew; what came of it the next version is to say."""
    found = place.run()
    assert (found.released, found.ok, found.error) == (True, False, "")
    assert place.called == ["update v1.2.0 --json"]
    assert json.loads((place.home / NOTE).read_bytes()) == {"mission": "m", "attempt": 1, "release": "v1.2.0"}


def test_the_new_version_says_that_it_is_there_once_it_has_done_a_round(place: Place) -> None:
    """Before that its node may still go back."""
    place.run()
    trial = Trial(old="v1.1.0", new="v1.2.0", home=str(place.home), copy="")
    files.point(place.dirs.prefix / "before", Path("versions/v1.1.0"))
    place.dirs.begin_trial(trial)
    with once(lambda: place.told, lambda: place.dirs.pass_trial("v1.2.0")):
        place.told.append("go")
        found = place.run(place.agent("v1.2.0"))
    assert found.ok
    assert found.summary == "desk runs v1.2.0 now, before it v1.1.0."
    assert not (place.home / NOTE).exists()


def test_a_new_version_that_does_no_round_is_told_as_such(place: Place) -> None:
    """It answers, but its loop does not come round: nobody waits for it for ever."""
    place.dirs.begin_trial(Trial(old="v1.1.0", new="v1.2.0", home=str(place.home), copy=""))
    found = place.run(place.agent("v1.2.0", patience=0.3))
    assert "done no round in 0.3 s" in found.error


def test_the_old_version_says_that_it_is_back_and_why(place: Place) -> None:
    """It does not begin again: the roll ends here, with the updater's last words."""
    place.run()
    place.dirs.switch("v1.1.0")
    (place.home / LOG).write_text("shiftbook: v1.2.0 did no round in 3 starts; v1.1.0 is current again\n")
    found = place.run()
    assert not found.ok
    assert not found.released
    assert found.error == (
        "v1.2.0 did not stay on desk: v1.1.0 runs again (v1.2.0 did no round in 3 starts; v1.1.0 is current again)"
    )
    assert len(place.called) == 1


def test_a_persons_order_to_try_again_is_another_try(place: Place) -> None:
    """`mission retry` gives it another attempt, which is begun as the first one was."""
    place.run()
    place.dirs.switch("v1.1.0")
    assert not place.run().released
    assert place.run(attempt=2).released
    assert len(place.called) == 2


def test_what_fails_before_the_switch_changes_nothing_and_is_told(place: Place) -> None:
    """The updater's own words, of the last line that is for people."""
    place.program(FAILS)
    found = place.run()
    assert found.error == "v1.2.0 does not work here: no such module; v1.1.0 runs as before"
    assert place.dirs.current == "v1.1.0"
    assert not (place.home / NOTE).exists()
    place.program("exit 3")
    assert place.run().error == "the update ended with 3"


def test_it_waits_for_its_turn_and_parks_when_it_does_not_come(place: Place) -> None:
    """The node before may still be about to say its version; what does not pass is a person's to look at."""
    place.waits = ["vps is under way"] * 3
    assert place.run().released
    place.waits = ["vps, which was updated before, says that it runs v1.0.0"] * 1000
    found = place.run(place.agent(patience=0.3), attempt=2)
    assert found.parked == "vps, which was updated before, says that it runs v1.0.0"
    assert len(place.called) == 1


def test_a_ledger_that_is_away_for_a_moment_ends_no_roll(place: Place) -> None:
    """It is waited for; if it does not come back the mission parks, which a person can resume, and is not dead."""
    place.away = True
    with once(lambda: place.looks > 2, lambda: setattr(place, "away", False)):
        assert place.run().released
    place.away = True
    found = place.run(place.agent(patience=0.1), attempt=2)
    assert (found.parked, found.error) == ("the ledger is away: cannot reach git.example: no route to it", "")


def test_a_look_at_the_ledger_is_no_storm_of_fetches(place: Place) -> None:
    """Each is one: seconds apart, and a stop ends the wait between two at once."""
    stop = threading.Event()
    place.waits = ["vps is under way"] * 1000
    patient = replace(place.agent(patience=60), look_seconds=30)
    with once(lambda: place.looks, stop.set):
        assert place.run(patient, stop=stop).cancelled
    assert place.looks <= 2
    assert LOOK_SECONDS >= 2


def test_an_updater_that_switches_in_its_last_moment_has_switched(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told to end, and was faster: the node goes over, so nobody may say that nothing was changed."""
    late = 'ln -sfn versions/v1.2.0 "${0%/versions/*}/current"; exit 0'
    place.program(f"trap '{late}' TERM; touch {place.home}/ready; while :; do sleep 0.05; done")
    monkeypatch.setattr(update_agent, "END_SECONDS", PATIENCE)  # it ends of its own accord
    stop = threading.Event()
    with once(lambda: (place.home / "ready").exists(), stop.set):
        found = place.run(stop=stop)
    assert (found.released, found.cancelled, found.error) == (True, False, "")
    assert (place.home / NOTE).exists()


def test_what_is_said_of_other_releases_is_not_why_this_one_failed(place: Place) -> None:
    """Every update names the tags that do not count, before it does anything."""
    line = "shiftbook: v0.9.0 does not count: it is not signed"
    place.program(f"echo '{line}' >&2; exit 3")
    assert place.run().error == "the update ended with 3"


@pytest.mark.parametrize("to", ["[LOCAL_WORKER]", "[gpu]", "[vps]"])
def test_an_order_is_for_one_node_by_its_name(place: Place, to: str) -> None:
    """A role or a capability would mean several, at once."""
    job = place.job(render_step("desk", "v1.2.0", "", "").replace("[desk]", to))
    assert "not for desk by its name" in place.agent().run(job, threading.Event()).error
    assert place.called == []


def test_a_stop_ends_the_updater_and_all_that_it_started(place: Place) -> None:
    """Called off, or the node is told to end: nothing was switched, nothing is left, and it can begin again."""
    place.program(f"sleep 300 & echo $! >{place.home}/child; wait")
    stop = threading.Event()
    with once(lambda: (place.home / "child").exists() and (place.home / "child").read_text(), stop.set):
        found = place.run(stop=stop)
    assert found.cancelled
    child = int((place.home / "child").read_text())
    until(lambda: not Path(f"/proc/{child}/cmdline").exists() or not Path(f"/proc/{child}/cmdline").read_bytes())
    assert not (place.home / NOTE).exists()
    place.program(SWITCHES)
    assert place.run().released


def test_an_update_that_does_not_end_is_ended(place: Place) -> None:
    """After the mission's own time; nothing was changed."""
    place.program("sleep 300")
    job = place.job(render_step("desk", "v1.2.0", "", "").replace("timeout_seconds: 3600", "timeout_seconds: 1"))
    found = place.agent().run(job, threading.Event())
    assert found.error == "no end after 1 s; nothing was changed"


def test_a_broken_note_is_none(place: Place) -> None:
    """Half written by a power cut: it begins again, which does nothing twice."""
    (place.home / NOTE).write_text('{"mission": "m"')
    assert place.run().released


def test_a_program_that_was_installed_otherwise_has_no_such_agent(tmp_path: Path) -> None:
    """These tests' own, for example."""
    assert build_update_agent(Settings(home=tmp_path), None) is None  # type: ignore[arg-type]  # it is not asked
