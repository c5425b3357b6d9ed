"""A dead letter goes back on the bus only where the ledger does not have its mission; else the next step is told."""

from __future__ import annotations

import json

import pytest

from missions.mission import Status
from orchestrator.core.errors import NotFound, Refused
from orchestrator.core.ports.mission_bus import GivenUp, ReceivedResult
from orchestrator.workflow.delegation.dead_letter_desk import DeadLetterDesk, is_letter_id, letter_json
from sync.objects import load_commit
from sync.remote import RefUpdate
from tests.buses import Marks, envelope, recorder, result, work_off, worker
from tests.ledgers import Ticks, Town
from tests.memory_bus import MemoryBus
from tests.orchestrator.node.mission_bus.test_refused_pushes import RefusingRemote


class Scene:
    """A ledger, its headquarters and a bus."""

    def __init__(self) -> None:
        town = Town()
        self.person, self.hq = town.peer("ann"), town.peer("hq")
        self.bus = MemoryBus(Ticks())
        self.recorder = recorder(self.bus, self.person, self.hq, Marks())
        self.desk = DeadLetterDesk(box=self.bus, ledger=self.hq.ledger)

    def letter(self) -> str:
        """The one that is there."""
        (found,) = self.bus.letters(5)
        return found.id


@pytest.fixture
def scene() -> Scene:
    """An empty one."""
    return Scene()


def refuse_b(scene: Scene) -> None:
    """The server has a hook that takes everything but b."""
    line = scene.person.line

    def refuses(update: RefUpdate) -> str:
        message = load_commit(scene.person.bus.store, update.new or "").message
        return "not on Sundays" if "Delegated: b " in message else ""

    line.remote = RefusingRemote(line.remote, refuses)


def test_what_could_not_be_filed_is_filed_once_it_can(scene: Scene) -> None:
    """The server's hook refused it and no longer does: put back, the mission is filed, done and recorded once."""
    free = scene.person.line.remote
    refuse_b(scene)
    for job in ("a", "b"):
        scene.bus.publish(envelope(job), 1)
    scene.recorder.step()
    assert sorted(scene.hq.ledger().open) == ["a"]
    scene.person.line.remote = free
    assert scene.desk.put_back(scene.letter()).job_id == "b"
    scene.recorder.step()
    assert sorted(scene.hq.ledger().open) == ["a", "b"]
    work_off(worker(scene.bus, "w", {"probe": lambda _job: {"found": "gold"}}, clock=Ticks()))
    scene.recorder.step()
    assert set(scene.hq.fold().missions) == {"a", "b"}
    assert scene.hq.archived("b").count('"found": "gold"') == 1
    assert scene.bus.letters(5) == []


def test_a_success_after_a_retry_is_what_counts(scene: Scene) -> None:
    """Headquarters was away for all of it: the first word, that it failed, is not what it records."""
    scene.bus.publish(envelope("a", max_retries=1), 1)
    (held,) = scene.bus.claim("w", 1)
    scene.bus.give_up(held, GivenUp.RETRY, "no paper")
    scene.desk.put_back(scene.letter())
    work_off(worker(scene.bus, "w", {"probe": lambda _job: {"found": "gold"}}, clock=Ticks()))
    scene.recorder.step()
    assert scene.hq.fold().missions == {"a": Status.DONE}
    assert '"found": "gold"' in scene.hq.archived("a")


def test_a_retry_before_its_refusal_is_settled_is_done(scene: Scene) -> None:
    """Headquarters has read its own word that it refuses b, when a person puts b back: b is queued all the same."""
    free = scene.person.line.remote
    refuse_b(scene)
    for job in ("a", "b"):
        scene.bus.publish(envelope(job), 1)
    read = scene.bus.results

    def read_and_put_back(count: int) -> list[ReceivedResult]:
        found = read(count)
        for letter in scene.bus.letters(5):
            scene.person.line.remote = free
            scene.desk.put_back(letter.id)
        return found

    scene.bus.results = read_and_put_back  # type: ignore[method-assign]
    scene.recorder.step()
    assert scene.person.line.remote is free, "it was put back"
    scene.recorder.step()
    work_off(worker(scene.bus, "w", {"probe": lambda _job: {}}, clock=Ticks()))
    scene.recorder.step()
    assert scene.hq.fold().missions == {"a": Status.DONE, "b": Status.DONE}


def test_what_the_ledger_has_goes_on_there(scene: Scene) -> None:
    """Its next step is a command of the ledger's, and nothing is put beside it."""
    scene.bus.publish(envelope("a", max_retries=1), 1)
    scene.recorder.step()
    (held,) = scene.bus.claim("w", 1)
    scene.bus.give_up(held, GivenUp.RETRY, "boom")
    with pytest.raises(Refused, match="`shiftbook mission retry a`, then `shiftbook bus dead drop"):
        scene.desk.put_back(scene.letter())
    assert scene.bus.claim("w", 5) == []


def test_what_is_over_in_the_ledger_is_not_begun_anew(scene: Scene) -> None:
    """A letter that is older than its mission's end."""
    scene.bus.publish(envelope("a"), 1)
    scene.recorder.step()
    work_off(worker(scene.bus, "w", {"probe": lambda _job: {}}, clock=Ticks()))
    scene.recorder.step()
    scene.hq.fold()
    assert scene.bus.letters(1) == []
    scene.bus._put_letter(envelope("a"), "an old copy")
    with pytest.raises(Refused, match="is over in the ledger"):
        scene.desk.put_back(scene.letter())


def test_what_was_filed_and_deleted_is_not_begun_anew(scene: Scene) -> None:
    """Headquarters would file nothing under its key: workers would take it and give it back without end."""
    scene.bus.publish(envelope("a", key="k"), 1)
    scene.recorder.step()
    (held,) = scene.bus.claim("w", 1)
    scene.bus.give_up(held, GivenUp.FINAL, "boom")
    scene.person.push({"missions/a.md": None})
    with pytest.raises(
        Refused, match="was filed, and is deleted in the ledger: send it again under another job_id and"
    ):
        scene.desk.put_back(scene.letter())
    assert scene.bus.claim("w", 5) == []


def test_a_deleted_mission_of_that_name_hinders_no_other(scene: Scene) -> None:
    """A person's own was there once: what came under another key is filed."""
    scene.person.push({"missions/a.md": "A person's own.\n"})
    scene.person.push({"missions/a.md": None})
    scene.bus.publish(envelope("a", key="k"), 1)
    (held,) = scene.bus.claim("w", 1)
    scene.bus.give_up(held, GivenUp.FINAL, "boom")
    scene.desk.put_back(scene.letter())
    scene.recorder.step()
    assert list(scene.hq.ledger().open) == ["a"]


def test_a_result_is_no_mission(scene: Scene) -> None:
    """It says where its mission is to be looked at."""
    scene.bus._put_letter(result("a"), "a secret was found")
    with pytest.raises(Refused, match="`shiftbook mission show a`"):
        scene.desk.put_back(scene.letter())


def test_what_no_envelope_is_can_only_be_dropped(scene: Scene) -> None:
    """What is wrong is named first."""
    scene.bus._put_letter('{"job_id": "a", "payload": {"task": "nothing"}}', "odd")
    with pytest.raises(Refused, match=r"payload.task.*bus dead drop"):
        scene.desk.put_back(scene.letter())
    scene.desk.drop(scene.letter())
    assert scene.bus.letters(5) == []


@pytest.mark.parametrize("name", ["", "-", "1", "1-", "+", "-inf", "1-2-3", "1-x", "٣-١", "9" * 30 + "-0", "(1-0"])
def test_what_is_no_letter_is_found_by_nobody(scene: Scene, name: str) -> None:
    """No pattern and no range gets through to the server."""
    assert not is_letter_id(name)
    for ask in (scene.desk.find, scene.desk.put_back, scene.desk.drop):
        with pytest.raises(NotFound, match="bus dead list"):
            ask(name)


def test_a_letter_that_is_gone_is_told_once(scene: Scene) -> None:
    """Also one whose name was right a moment ago."""
    scene.bus._put_letter(envelope("a"), "no")
    gone = scene.letter()
    scene.desk.drop(gone)
    for ask in (scene.desk.find, scene.desk.put_back, scene.desk.drop):
        with pytest.raises(NotFound):
            ask(gone)


def test_no_secret_is_shown(scene: Scene) -> None:
    """Neither of an envelope nor of a reason; a listing has no envelope at all."""
    token = "ghp_" + "a1B2" * 9
    scene.bus._put_letter(envelope("a", f"probe:use {token}"), f"{token} is wrong")
    (row,) = scene.bus.letters(1)
    whole = letter_json(scene.desk.find(row.id))
    assert token not in json.dumps(letter_json(row)) + json.dumps(whole)
    assert "envelope" not in letter_json(row)
    assert json.loads(whole["envelope"])["job_id"] == "a"
