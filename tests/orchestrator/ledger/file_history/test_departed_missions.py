"""Do the epochs of a name go on where those of the mission ended whose file a person took away?"""

from __future__ import annotations

import pytest

from missions.lease import ClaimState
from orchestrator.ledger import claims
from orchestrator.ledger.file_history.departed_missions import MAX_SEARCHED
from orchestrator.ledger.snapshot import HeldClaim
from tests.ledgers import Peer, Town, merge_in


@pytest.fixture
def town() -> Town:
    """A ledger with one mission that waits."""
    return Town({"missions/m.md": "the first"})


def parked(town: Town) -> Peer:
    """A node that has had the mission once, and it is parked."""
    node = town.peer("node")
    node.attempt("m", ClaimState.PARKED)
    node.fold()
    assert node.ledger().open["m"].mission.epoch == 1
    return node


def granted(peer: Peer, name: str = "m") -> HeldClaim:
    """The claim that a node makes of what it sees now."""
    ledger = peer.ledger()
    (held,) = claims.prepare_claims(peer.bus, [ledger.open[name]], ledger.departed_epoch)
    return held


def test_a_name_that_is_used_again_goes_on(town: Town) -> None:
    """For the node that saw it leave, and for one that starts afterwards."""
    node = parked(town)
    node.push({"missions/m.md": None})
    assert "m" not in node.ledger().open
    node.push({"missions/m.md": "another one"})
    assert granted(node).claim.epoch == 2
    assert granted(town.peer("late")).claim.epoch == 2


def test_the_second_spelling_goes_on(town: Town) -> None:
    """A file that waits in quarantine takes the name over in the very commit that takes the first one away."""
    node = parked(town)
    node.push({"missions/M.md": "the twin"})
    assert node.ledger().quarantined
    node.push({"missions/m.md": None})
    assert node.ledger().open["m"].path == "missions/M.md"
    assert granted(node).claim.epoch == 2
    assert granted(town.peer("late")).claim.epoch == 2


def test_a_file_that_is_written_anew_goes_on(town: Town) -> None:
    """A person writes a text without nodes' fields over it."""
    node = parked(town)
    node.push({"missions/m.md": "another text"})
    assert node.ledger().open["m"].mission.epoch == 0
    assert granted(node).claim.epoch == 2


def test_what_happened_between_two_looks_is_looked_for(town: Town) -> None:
    """A node saw the first before anybody had had it, and sees the second."""
    seldom = town.peer("seldom")
    assert granted(seldom).claim.epoch == 1
    node = parked(town)
    node.push({"missions/m.md": None})
    node.push({"missions/m.md": "another one"})
    assert granted(seldom).claim.epoch == 2


def test_what_left_on_a_merged_line_is_known(town: Town) -> None:
    """A person took it away beside what others pushed, and merged."""
    node = parked(town)
    tip = node.ledger().tip
    gone = node.commit({"missions/m.md": None}, onto=tip, tree=node.ledger().tree)
    node.push({"missions/other.md": "beside"})
    merge_in(node, gone, {"missions/m.md": None})
    node.push({"missions/m.md": "another one"})
    assert granted(town.peer("late")).claim.epoch == 2


@pytest.mark.parametrize("path", ["missions/m.md", "missions/M.md"])
def test_a_mission_that_goes_on_is_not_departed(town: Town, path: str) -> None:
    """A person puts it back into the queue, or spells its file otherwise: what it left is its own."""
    node = parked(town)
    text = node.text("missions/m.md")
    node.push({"missions/m.md": None})
    node.push({"missions/m.md": text})
    assert node.ledger().open["m"].mission.epoch == 1
    node.push({"missions/m.md": None} | {path: text.replace("status: parked", "status: queued")})
    ledger = node.ledger()
    assert ledger.open["m"].path == path
    assert ledger.departed_epoch(ledger.open["m"].mission) == 0
    late = town.peer("late").ledger()
    assert late.departed_epoch(late.open["m"].mission) == 0
    assert granted(node).claim.epoch == 2


def test_the_newest_of_several_counts(town: Town) -> None:
    """A name that is used a third time goes on after the second."""
    node = parked(town)
    node.push({"missions/m.md": None})
    node.push({"missions/m.md": "the second"})
    node.attempt("m", ClaimState.PARKED)
    node.fold()
    node.push({"missions/m.md": None})
    node.push({"missions/m.md": "the third"})
    assert granted(node).claim.epoch == 3
    assert granted(town.peer("late")).claim.epoch == 3


def test_a_name_that_nobody_had_begins_with_one(town: Town) -> None:
    """Also where a file of that name was there and was never claimed, or cannot be read, or is not called like one."""
    node = town.peer("node")
    node.push({"missions/m.md": None, "missions/\u2026.md": "no name", "missions/odd.md": "---\nstatus: [\n---\n"})
    node.push({"missions/m.md": "again", "missions/\u2026.md": None, "missions/odd.md": None})
    node.push({"missions/odd.md": "readable"})
    assert granted(node).claim.epoch == 1
    assert granted(node, "odd").claim.epoch == 1
    assert granted(town.peer("late"), "odd").claim.epoch == 1


def test_the_first_question_is_bounded(town: Town) -> None:
    """A long history is not walked to its beginning."""
    node = parked(town)
    node.push({"missions/m.md": None})
    for number in range(MAX_SEARCHED + 1):
        node.push({"notes.md": str(number)})
    node.push({"missions/m.md": "another one"})
    assert granted(town.peer("late")).claim.epoch == 1
    assert granted(node).claim.epoch == 2
