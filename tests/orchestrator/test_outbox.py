"""Does a result that is ready survive until the ledger has it, whatever happens to the process or the line?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from missions.lease import Claim, Hold
from missions.mission import Status
from orchestrator.delivery import Delivery
from orchestrator.ledger import Held
from orchestrator.outbox import Letter, Outbox
from sync.errors import RemoteUnreachable
from tests.ledgers import Town, record, working

CLAIM = Claim(mission="m", blob="a" * 40, node="n1", boot="b", epoch=1, attempt=1, nonce="x")


def letter(mission: str = "m", epoch: int = 1) -> Letter:
    """A result that is ready."""
    held = Held(claim=replace(CLAIM, mission=mission, epoch=epoch), oid="b" * 40)
    kept = record(held, section="Ä “quoted”\n", fields={"cost_usd": 0.5, "branch": None}, artifacts={"diff": "+\n"})
    return Letter(held=held, state=Hold.FAILED, record=kept, reason="stopped")


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    """An outbox whose folder is not there yet."""
    return Outbox(tmp_path / "deep/outbox")


def test_an_outbox_that_was_never_used_is_empty(outbox: Outbox) -> None:
    """No folder, no letters, no error."""
    assert list(outbox) == []
    assert outbox.unreadable() == []


def test_a_letter_reads_back_as_it_was_put(outbox: Outbox) -> None:
    """By another process as well: claim, state, reason and the whole record."""
    outbox.put(letter())
    assert list(Outbox(outbox.folder)) == [letter()]


def test_letters_of_several_attempts_stand_side_by_side(outbox: Outbox) -> None:
    """One file per mission and epoch; names that look alike do not collide."""
    letters = [letter("a", 1), letter("a", 2), letter("a-1", 1), letter("a-1", 2)]
    for each in letters:
        outbox.put(each)
    assert sorted(outbox, key=str) == sorted(letters, key=str)


def test_putting_a_letter_again_replaces_it(outbox: Outbox) -> None:
    """There is one letter for one attempt."""
    outbox.put(letter())
    newer = replace(letter(), reason="newer")
    outbox.put(newer)
    assert list(outbox) == [newer]


def test_what_was_taken_out_is_gone(outbox: Outbox) -> None:
    """Taking it out twice is no error; the others stay."""
    outbox.put(letter("a"))
    outbox.put(letter("b"))
    outbox.remove(letter("a"))
    outbox.remove(letter("a"))
    assert [each.record.mission for each in outbox] == ["b"]


def test_a_write_that_was_cut_off_is_no_letter(outbox: Outbox) -> None:
    """A process killed while it wrote leaves a half file beside the letters, which nobody reads."""
    outbox.put(letter())
    (outbox.folder / "half-1.new").write_text('{"claim": ')
    assert list(outbox) == [letter()]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"claim": {}}', "\0\0", json.dumps({"claim": 1, "record": {"new": "field"}})]
)
def test_a_letter_that_cannot_be_read_does_not_hold_up_the_others(outbox: Outbox, text: str) -> None:
    """It stays on disk for a person, and it is said."""
    outbox.put(letter())
    odd = outbox.folder / "a-1.json"
    odd.write_text(text)
    assert list(outbox) == [letter()]
    assert outbox.unreadable() == [odd]
    told: list[str] = []
    town = Town({"missions/m.md": "x"})
    delivery = Delivery(bus=town.peer("n1").bus, outbox=outbox, tell=lambda _event, words, **_facts: told.append(words))
    delivery.reload()
    assert delivery.missions == {"m"}
    assert str(odd) in told[0]
    assert odd.exists()


def test_a_killed_node_hands_back_after_its_restart(tmp_path: Path) -> None:
    """The work was done, the line was cut, the process died: the next run delivers it, and nobody works again."""
    town = Town({"missions/m.md": "do it\n"})
    first = working(town.peer("n1", boot="one"), tmp_path)
    first.step()
    first.peer.line.cut = True
    first.step()
    second = working(town.peer("n1", boot="two"), tmp_path)
    second.node._resume()
    second.settle()
    done = second.peer.ledger().archived("m")
    assert done is not None
    assert (done.mission.status, done.mission.attempt) == (Status.DONE, 1)
    assert second.agent.jobs == []
    assert list(second.node.delivery.outbox) == []


def test_a_result_that_arrived_before_the_kill_is_not_delivered_twice(tmp_path: Path) -> None:
    """The push went through, the process died before it could take the letter out."""
    town = Town({"missions/m.md": "do it\n"})
    first = working(town.peer("n1", boot="one"), tmp_path)
    first.step()
    kept = next(iter(first.node.delivery.outbox))
    first.settle()
    first.node.delivery.outbox.put(kept)
    second = working(town.peer("n1", boot="two"), tmp_path)
    second.node._resume()
    second.settle()
    assert second.peer.ledger().late == {}
    assert list(second.node.delivery.outbox) == []
    assert second.peer.text("SESSION_LOG.md").count("<!-- entry: m-1 -->") == 1


def test_work_finished_offline_after_a_takeover_is_kept(tmp_path: Path) -> None:
    """Another node has taken the mission over meanwhile: the letter becomes late work, and leaves the outbox."""
    from orchestrator.claim import take_over

    town = Town({"missions/m.md": "do it\n"})
    first = working(town.peer("n1"), tmp_path)
    first.step()
    other = town.peer("n2")
    held = other.ledger().claims["m"]
    assert take_over(other.bus, held, blob=held.claim.blob)
    first.step()
    assert set(other.ledger().late) == {"m-1-n1"}
    assert list(first.node.delivery.outbox) == []
    assert first.node.jobs == {}


def test_a_full_disk_keeps_the_result_in_memory(tmp_path: Path) -> None:
    """It is said, and handed back all the same."""
    town = Town({"missions/m.md": "do it\n"})
    node = working(town.peer("n1"), tmp_path)
    (tmp_path / "outbox").write_text("a file where the folder should be")
    node.step()
    assert any(event == "disk" for event, _ in node.told)
    node.settle()
    assert node.peer.ledger().archived("m") is not None


def test_a_cut_line_is_told_to_whoever_hands_back(tmp_path: Path) -> None:
    """RemoteUnreachable, and the letter is still ready."""
    town = Town({"missions/m.md": "do it\n"})
    node = working(town.peer("n1"), tmp_path)
    node.step()
    node.peer.line.cut = True
    with pytest.raises(RemoteUnreachable):
        node.node.delivery.hand_back()
    assert node.node.delivery.waiting
