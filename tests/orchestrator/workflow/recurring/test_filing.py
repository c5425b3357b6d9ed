"""Do nodes file what templates ask for once, also after a person's deletion, an outage, and a race?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.core import tracing
from orchestrator.core.roles import Role
from orchestrator.node.maintenance import TEMPLATE_CHECK_SECONDS
from tests.journals import upkeep
from tests.ledgers import FLEET, Keys, Peer, Town

PATH = "missions/templates/daily.md"
DAILY = '---\nevery: "0 7 * * *"\n---\nLook at the shop, {{date}}.\n'
DAY = timedelta(days=1)


@pytest.fixture
def town(keys: Keys) -> Town:
    """anna signed the template on the day before, n1 and n2 work."""
    signers = keys.signers(anna=("admin", "author"), n1=("node",), n2=("node",))
    town = Town({"fleet.toml": FLEET.format(trust="signed"), "allowed_signers": signers})
    at, town.clock.at = town.clock.at, town.clock.at - DAY
    town.peer("anna", key=keys["anna"]).push({PATH: DAILY})
    town.clock.at = at
    return town


class Shift:
    """One node's upkeep, round after round."""

    def __init__(self, peer: Peer, folder: Path, role: Role = Role.HEADQUARTERS) -> None:
        self.peer, self.told = peer, list[tuple[str, str]]()
        self.upkeep = upkeep(peer, folder, self.told, role=role)

    def rounds(self, town: Town, number: int = 3) -> list[str]:
        """Looks a few times; returns the open missions."""
        for _ in range(number):
            self.upkeep.step(self.peer.ledger())
            town.clock.forward(TEMPLATE_CHECK_SECONDS + 1)
        return sorted(self.peer.ledger().open)


@pytest.fixture
def shift(town: Town, keys: Keys, tmp_path: Path) -> Shift:
    """n1's."""
    return Shift(town.peer("n1", key=keys["n1"]), tmp_path)


def test_a_mission_comes_when_its_template_is_due(town: Town, shift: Shift) -> None:
    """Once, trusted on the word of who signed the template, and told."""
    assert shift.rounds(town) == ["daily-20261121-0700"]
    ledger = shift.peer.ledger()
    filed = ledger.open["daily-20261121-0700"]
    assert filed.mission.body == "Look at the shop, 2026-11-21."
    assert shift.peer.trust.authorize(ledger, filed).who == "anna"
    assert shift.told == [("filed", f"daily-20261121-0700: due by {PATH}")]


def test_the_next_one_waits_for_the_last_one_to_be_done(town: Town, shift: Shift) -> None:
    """One at a time; what waits for a person's approval is done as far as nodes are concerned."""
    shift.rounds(town)
    town.clock.at += DAY
    assert shift.rounds(town) == ["daily-20261121-0700"]
    shift.peer.attempt("daily-20261121-0700")
    shift.peer.fold()
    assert shift.rounds(town) == ["daily-20261122-0700"]


def test_what_a_person_deleted_does_not_come_back(town: Town, shift: Shift, keys: Keys) -> None:
    """The branch's history remembers that it was there, also for a node that starts anew."""
    shift.rounds(town)
    town.peer("anna", key=keys["anna"]).push({"missions/daily-20261121-0700.md": None})
    assert shift.rounds(town) == []
    fresh = Shift(town.peer("n2", key=keys["n2"]), Path(shift.upkeep.custody.path).parent)
    assert fresh.rounds(town) == []


def test_after_an_outage_the_last_one_is_made_up_for_and_the_others_are_told(town: Town, shift: Shift) -> None:
    """Once, in a line."""
    shift.rounds(town)
    shift.peer.attempt("daily-20261121-0700")
    shift.peer.fold()
    town.clock.at += 4 * DAY
    assert shift.rounds(town) == ["daily-20261125-0700"]
    missed = [words for event, words in shift.told if event == "missed"]
    assert len(missed) == 1
    assert "3 runs were missed" in missed[0]


def test_two_nodes_at_once_file_it_once(town: Town, shift: Shift, keys: Keys, tmp_path: Path) -> None:
    """The slower one finds it done."""
    other = Shift(town.peer("n2", key=keys["n2"]), tmp_path)
    shift.peer.line.before_push.append(lambda: other.upkeep.step(other.peer.ledger()))
    assert shift.rounds(town) == ["daily-20261121-0700"]
    assert [event for event, _ in [*shift.told, *other.told]].count("filed") == 1


def test_what_another_node_filed_is_waited_for_no_more(
    town: Town, shift: Shift, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn of something that is over would keep a node looking at everything each round, for good."""
    worker = Shift(town.peer("n2", key=keys["n2"]), tmp_path, Role.LOCAL_WORKER)
    tidied = list[int]()
    worker.upkeep.tidy = lambda: tidied.append(1)
    monkeypatch.setattr(worker.upkeep.precedence, "wait", lambda _ledger, _what: 100_000.0)
    for day in range(3):
        worker.rounds(town, 2)
        assert worker.upkeep._turns
        assert shift.rounds(town) == [f"daily-2026112{day + 1}-0700"]
        worker.rounds(town, 1)
        assert not worker.upkeep._turns
        shift.peer.attempt(f"daily-2026112{day + 1}-0700")
        shift.peer.fold()
        town.clock.at += DAY - timedelta(minutes=10)
    worker.rounds(town, 1)
    tidied.clear()
    shift.rounds(town)
    worker.rounds(town, 1)
    tidied.clear()
    worker.rounds(town, 20)
    assert len(tidied) <= 1
    assert [event for event, _ in worker.told] == []


def test_what_is_told_is_what_was_filed(town: Town, shift: Shift, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the template was changed since the first look; and each mission has a span that others hang below."""
    spans = list[str]()
    monkeypatch.setattr(tracing, "record", lambda name, _began, *, mission: spans.append(f"{name} {mission}"))
    anna, late = town.peer("anna", key=keys["anna"]), DAILY.replace("daily", "late")
    stamp, town.clock.at = town.clock.at, town.clock.at - DAY
    anna.push({"missions/templates/late.md": late})
    town.clock.at = stamp
    shift.peer.line.before_push.append(lambda: anna.push({"missions/templates/late.md": None}) and None)
    assert shift.rounds(town) == ["daily-20261121-0700"]
    assert [words.split(":")[0] for event, words in shift.told if event == "filed"] == ["daily-20261121-0700"]
    assert spans == ["mission.file daily-20261121-0700"]


@pytest.mark.parametrize("name", ["daily-29991231-0000", "daily-20261120-0700"])
def test_a_strangers_file_of_such_a_name_stops_no_template(town: Town, shift: Shift, name: str) -> None:
    """What may not run is not waited for, and is told once."""
    town.peer("eve").push({f"missions/{name}.md": "x\n"})
    assert "daily-20261121-0700" in shift.rounds(town)
    told = [words for event, words in shift.told if event == "template"]
    assert len(told) == 1
    assert f"missions/{name}.md is called like a mission of a template and may not run (commit" in told[0]


def test_a_name_that_was_taken_is_told(town: Town, shift: Shift) -> None:
    """The run is left out, and a person hears why; many of them are no flood."""
    town.peer("eve").push({f"missions/daily-2026112{day}-0700.md": "x\n" for day in range(1, 8)})
    assert len(shift.rounds(town)) == 7
    told = [words for event, words in shift.told if event == "template"]
    assert ["missions/daily-20261121-0700.md is called" in told[0], len(told)] == [True, 4]
    assert told[-1].startswith("4 more missions like")


def test_what_nobody_would_run_is_not_filed(town: Town, shift: Shift, keys: Keys) -> None:
    """A clock far ahead signed a commit: each mission would be refused for it. Why is told; it goes on by itself."""
    town.clock.forward(86_400)
    town.peer("n2", key=keys["n2"]).push({"a.txt": "from tomorrow"})
    town.clock.forward(-86_400)
    assert shift.rounds(town) == []
    (words,) = {words for event, words in shift.told if event == "template"}
    assert f"{PATH} is due, and nothing is filed: its commit states an earlier time than commit" in words
    town.clock.forward(86_400)
    assert shift.rounds(town) == ["daily-20261122-0700"]
    filed = shift.peer.ledger().open["daily-20261122-0700"]
    assert shift.peer.trust.authorize(shift.peer.ledger(), filed).trusted


def test_a_template_of_a_project_that_there_is_not_files_nothing(town: Town, shift: Shift, keys: Keys) -> None:
    """Each of its missions would be in quarantine."""
    at, town.clock.at = town.clock.at, town.clock.at - DAY
    town.peer("anna", key=keys["anna"]).push({PATH: DAILY.replace("every", "project: shpo\nevery")})
    town.clock.at = at
    assert shift.rounds(town) == []
    assert [words.split(":")[1] for _, words in shift.told] == [" unknown project “shpo”"]


def test_whom_a_template_counts_for_is_asked_anew_when_trust_changes(town: Town, shift: Shift, keys: Keys) -> None:
    """`[trust] missions` says whose word is needed."""
    at, town.clock.at = town.clock.at, town.clock.at - DAY
    town.peer("eve").push({PATH: DAILY.replace("Look", "Stare")})
    town.clock.at = at
    assert shift.rounds(town) == []
    town.peer("anna", key=keys["anna"]).push({"fleet.toml": FLEET.format(trust="remote")})
    assert shift.rounds(town) == ["daily-20261121-0700"]


def test_what_never_was_is_asked_for_once_a_commit(
    town: Town, shift: Shift, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a node leaves a mission to those before it, it looks each round; and a history is long."""
    worker = Shift(town.peer("n2", key=keys["n2"]), tmp_path, Role.LOCAL_WORKER)
    monkeypatch.setattr(worker.upkeep.precedence, "wait", lambda _ledger, _what: 100_000.0)
    asked, store = list[tuple[str, str | None]](), worker.peer.bus.store
    history = store.history

    def counted(tip: str, path: str, *, since: str | None = None) -> object:
        asked.append((path, since))
        return history(tip, path, since=since)

    worker.rounds(town, 1)
    store.history = counted  # type: ignore[method-assign,assignment]
    worker.rounds(town, 5)
    assert asked == []
    seen = worker.peer.ledger().tip
    town.peer("eve").push({"a.txt": "a"})
    worker.rounds(town, 5)
    assert [since for path, since in asked if path == "missions/daily-20261121-0700.md"] == [seen]


@pytest.mark.parametrize(
    ("text", "by", "why"),
    [
        (DAILY, "n1", "was not signed by anybody who may file missions"),
        ("---\nevery: never\n---\nx\n", "anna", "has 1 fields, not five"),
        ("---\ncatch_up: x\n---\nx\n", "anna", "“catch_up” is latest"),
    ],
)
def test_what_is_not_followed_is_told_once(town: Town, shift: Shift, keys: Keys, text: str, by: str, why: str) -> None:
    """And keeps no other template from being followed."""
    at, town.clock.at = town.clock.at, town.clock.at - DAY
    town.peer(by, key=keys[by]).push({"missions/templates/odd.md": text})
    town.clock.at = at
    assert shift.rounds(town) == ["daily-20261121-0700"]
    assert len([words for event, words in shift.told if event == "template" and why in words]) == 1


def test_a_template_is_no_mission(town: Town, shift: Shift) -> None:
    """Nobody claims it, and nothing is said to be wrong with its folder."""
    ledger = shift.peer.ledger()
    assert (dict(ledger.open), ledger.quarantined) == ({}, ())


def test_a_hundred_rounds_ask_the_history_for_nothing(town: Town, shift: Shift) -> None:
    """What is filed is known; an idle fleet with templates costs no more than one without."""
    shift.rounds(town)
    store = shift.peer.bus.store
    asked, history = list[str](), store.history

    def counted(tip: str, path: str, *, since: str | None = None) -> object:
        asked.append(path)
        return history(tip, path, since=since)

    store.history = counted  # type: ignore[method-assign,assignment]
    shift.rounds(town, 100)
    assert asked == []
    assert shift.peer.ledger().open["daily-20261121-0700"].mission.not_before == datetime(2026, 11, 21, 7, tzinfo=UTC)
