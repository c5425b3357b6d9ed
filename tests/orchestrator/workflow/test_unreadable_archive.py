"""What is a finished mission whose file became larger than a mission can be?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from missions.document import MAX_FILE_BYTES
from missions.mission import Status
from orchestrator.workflow.fold import FoldResult
from orchestrator.workflow.mission_view import ARCHIVED_HINT
from tests.ledgers import Peer, Town
from tests.orchestrator.workflow.test_mission_name import fleet_of


@pytest.fixture(params=["memory", "git"])
def ada(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Peer]:
    """Somebody whose mission is finished, and whose file got a long appendix by hand."""
    files = {"missions/long.md": "Do it.\n", "missions/other.md": "Do that.\n"}
    town = Town(files, folder=tmp_path / "town" if request.param == "git" else None)
    ada = town.peer("ada")
    ada.attempt("long")
    ada.fold()
    (path,) = ada.archived_paths("long")
    ada.push({path: ada.text(path) + "x" * MAX_FILE_BYTES})
    yield ada
    town.close()


def test_it_is_listed_and_shown_alike_with_the_reason_and_the_next_step(ada: Peer, tmp_path: Path) -> None:
    """It was called deleted by whoever asked for it by name."""
    fleet = fleet_of(ada, tmp_path)
    (listed,) = [view for view in fleet.missions(archived=True) if view.name == "long"]
    shown = fleet.mission("long")
    assert shown.view == listed
    assert (listed.status, listed.hint) == (Status.QUARANTINED, ARCHIVED_HINT)
    assert "a mission has at most 262,144" in listed.reason
    assert shown.text.startswith("---\n")
    assert not ada.ledger().deleted("long")
    assert ada.ledger().deleted("never")


def test_it_stops_no_fold_and_is_whole_again_once_it_is_shorter(ada: Peer, tmp_path: Path) -> None:
    """All others go on; a person's mend is all that it takes."""
    ada.attempt("other")
    assert ada.fold() == FoldResult(missions={"other": Status.DONE}, refused={})
    (path,) = ada.archived_paths("long")
    ada.push({path: ada.text(path).rstrip("x")})
    assert fleet_of(ada, tmp_path).mission("long").view.status is Status.DONE


def test_a_result_that_would_make_it_so_is_refused_with_the_reason(tmp_path: Path) -> None:
    """The fold itself never writes such a file."""
    ada = Town({"missions/big.md": "Do it.\n" + "w" * (MAX_FILE_BYTES - 1000)}).peer("ada")
    ada.attempt("big", section="said " * 1000)
    done = ada.fold()
    assert done.missions == {}
    assert "a mission has at most 262,144" in done.refused["big"]
    assert fleet_of(ada, tmp_path).mission("big").view.status is Status.RUNNING
