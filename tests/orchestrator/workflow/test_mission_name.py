"""A mission is meant by its name, or by the beginning of it if nobody else is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.core.errors import NotFound, WrongSetting
from orchestrator.ledger.node_pages import LastSeenStore
from orchestrator.workflow.fleet import Fleet
from tests.ledgers import Peer, Town

FILES = {
    "missions/limit.md": "x\n",
    "missions/limit-two.md": "x\n",
    "missions/log-in.md": "x\n",
    "missions/odd.md": "---\nagent: hal\n---\nx\n",
    "missions/archive/2026-11/lint.md": "---\nstatus: done\n---\nx\n",
    "missions/archive/2026-11/old-one.md": "---\nstatus: done\n---\nx\n",
    "missions/archive/2026-10/old-two.md": "---\nstatus: done\n---\nx\n",
}


def fleet_of(who: Peer, folder: Path) -> Fleet:
    """The fleet as a person reaches it."""
    where = LastSeenStore(folder / "seen.json")
    return Fleet(bus=who.bus, reader=who.reader, trust=who.trust, sightings=where, now=who.bus.now)


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("limit", "limit"),
        ("limit-", "limit"),
        ("limit-t", "limit-two"),
        ("Log", "log-in"),
        ("od", "odd"),
        ("lint", "lint"),
        ("lin", "lint"),
        ("old-t", "old-two"),
        ("nothing", "nothing"),
    ],
)
def test_a_beginning_is_enough(tmp_path: Path, word: str, name: str) -> None:
    """Of an open mission, of one that cannot be read, of a finished one; a whole name counts before all else."""
    fleet = fleet_of(Town(FILES).peer("ada"), tmp_path)
    assert fleet.full_name(word) == name


@pytest.mark.parametrize(("word", "listed"), [("li", "limit, limit-two"), ("old", "old-one, old-two")])
def test_several_are_listed_and_none_is_chosen(tmp_path: Path, word: str, listed: str) -> None:
    """Open ones hide finished ones, as they do in the list."""
    fleet = fleet_of(Town(FILES).peer("ada"), tmp_path)
    with pytest.raises(WrongSetting, match=f"begins {listed}: type more"):
        fleet.full_name(word)


@pytest.mark.parametrize(
    ("body", "name", "made"),
    [("# Grüße in ß\n", "", "grusse-in-ss"), ("x\n", "Grüße.md", "grusse"), ("---\ntitle: Smør\n---\nx\n", "", "smor")],
)
def test_a_mission_is_called_by_all_letters(tmp_path: Path, body: str, name: str, made: str) -> None:
    """Of its title, or of the name that it shall have."""
    assert fleet_of(Town(FILES).peer("ada"), tmp_path).new(body, {}, name=name) == made


def test_a_mission_that_was_filed_meanwhile_comes_before_the_beginning_of_another(tmp_path: Path) -> None:
    """`fix` is not fix-the-login, which this machine knows, once somebody else has filed a `fix`."""
    town = Town({"missions/fix-the-login.md": "x\n"})
    ada, bob = town.peer("ada"), town.peer("bob")
    fleet = fleet_of(ada, tmp_path)
    assert fleet.full_name("fix") == "fix-the-login"
    bob.push({"missions/fix.md": "x\n"})
    assert fleet.full_name("fix") == "fix"


def test_a_name_that_is_known_asks_nobody(tmp_path: Path) -> None:
    """The remote may be away."""
    ada = Town(FILES).peer("ada")
    fleet = fleet_of(ada, tmp_path)
    fleet.ledger()
    ada.line.cut = True
    assert fleet.full_name("limit") == "limit"


def test_an_unknown_name_names_those_that_are_near(tmp_path: Path) -> None:
    """By a part or by its spelling."""
    fleet = fleet_of(Town(FILES).peer("ada"), tmp_path)
    with pytest.raises(NotFound, match="did you mean log-in"):
        fleet.mission("the-log-in")
    with pytest.raises(NotFound, match="did you mean limit"):
        fleet.mission("limti")


def test_a_finished_mission_is_near_where_no_open_one_is(tmp_path: Path) -> None:
    """The newest ones are compared."""
    ada = Town(FILES).peer("ada")
    ada.attempt("limit")
    ada.fold()
    with pytest.raises(NotFound, match="no mission 'limti'; did you mean limit"):
        fleet_of(ada, tmp_path).mission("limti")


def test_who_deleted_a_mission_is_told_beside_those_that_are_near(tmp_path: Path) -> None:
    """A name that is like another one's hides nothing."""
    ada = Town(FILES).peer("ada")
    ada.push({"missions/limit-2.md": "x\n"})
    gone = ada.push({"missions/limit-2.md": None})
    with pytest.raises(NotFound, match=rf"ada deleted it in commit {gone[:10]}.*; did you mean limit"):
        fleet_of(ada, tmp_path).mission("limit-2")


@pytest.mark.parametrize("steer", [Fleet.cancel, Fleet.pause, Fleet.retry, Fleet.resume, Fleet.endorse])
def test_who_steers_a_mission_that_is_over_is_told_so(tmp_path: Path, steer: Callable[[Fleet, str], object]) -> None:
    """With its state and where its result is; a name that never was is told with where the names are."""
    fleet = fleet_of(Town(FILES).peer("ada"), tmp_path)
    with pytest.raises(NotFound, match=r"^lint is over \(done\): `shiftbook mission show lint` has its result$"):
        steer(fleet, "lint")
    with pytest.raises(NotFound, match=r"^no mission 'xyz': `shiftbook mission list --all` names them$"):
        steer(fleet, "xyz")
    with pytest.raises(NotFound, match=r"^missions/odd.md cannot be read \(.*hal.*\): mend it or delete it$"):
        steer(fleet, "odd")


def test_a_mission_whose_file_was_deleted_while_it_runs_is_told_as_that(tmp_path: Path) -> None:
    """Its claim is there until its node has stopped."""
    ada = Town(FILES).peer("ada")
    ada.claim("limit")
    ada.push({"missions/limit.md": None})
    with pytest.raises(NotFound, match=r"^the file of limit was deleted: ada stops its work$"):
        fleet_of(ada, tmp_path).cancel("limit")


def test_a_made_name_is_short(tmp_path: Path) -> None:
    """Five words of the text or the title; a name that was given stays."""
    fleet = fleet_of(Town().peer("ada"), tmp_path)
    assert fleet.new("A parcel of exactly 1000 g must cost 4.99", {}) == "a-parcel-of-exactly-1000"
    assert fleet.new("A parcel of exactly 1000 g must cost 9.99", {}) == "a-parcel-of-exactly-1000-2"
    assert fleet.new("x", {}, name="one two three four five six") == "one-two-three-four-five-six"


def test_a_text_in_any_script_is_filed(tmp_path: Path) -> None:
    """No name can be made of most scripts' letters; a name that somebody gave is theirs to mend."""
    fleet = fleet_of(Town().peer("ada"), tmp_path)
    assert fleet.new("日本語のテストを追加する", {}) == "mission"
    assert fleet.new("Исправь ошибку", {}) == "mission-2"
    assert fleet.new("Исправь login", {}) == "login"
    with pytest.raises(WrongSetting, match="leaves no letter"):
        fleet.new("x", {}, name="ошибка")
