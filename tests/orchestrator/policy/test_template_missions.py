"""Does a mission of a template run only where a signed template asks for just that, at a time of its own?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from missions.recurring.template import Template, mission_name, read_template
from orchestrator.policy import due_missions
from orchestrator.policy.authorization import TrustDecision
from sync.objects import load_commit
from sync.remote import Oid
from tests.ledgers import FLEET, Keys, Peer, Town, merge_in

SIGNED = FLEET.format(trust="signed")
PATH = "missions/templates/daily.md"
DAILY = '---\nevery: "0 7 * * *"\nbudget_usd: 1\n---\nLook at the shop, {{date}}.\n'
SEVEN = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def town(keys: Keys) -> Town:
    """anna signed the template two days ago; n1 works."""
    signers = keys.signers(anna=("admin", "author"), n1=("node",), bob=("viewer",))
    town = Town({"fleet.toml": SIGNED, "allowed_signers": signers})
    sign(town, keys, DAILY)
    return town


def sign(town: Town, keys: Keys, text: str | None, by: str = "anna", ago: timedelta = 2 * DAY) -> None:
    """Somebody writes the template, some time ago."""
    at, town.clock.at = town.clock.at, town.clock.at - ago
    town.peer(by, key=keys[by]).push({PATH: text})
    town.clock.at = at


def filed(town: Town, slot: datetime, text: str = DAILY) -> tuple[str, str]:
    """The path and the text of its mission."""
    read = read_template(PATH, text.encode())
    assert isinstance(read, Template)
    return f"missions/{mission_name('daily', slot)}.md", read.scheduled_text(slot)


def word(peer: Peer, path: str) -> TrustDecision:
    """What a node thinks of a mission."""
    ledger = peer.ledger()
    return peer.trust.authorize(ledger, ledger.open[path.removeprefix("missions/").removesuffix(".md")])


def test_what_a_signed_template_asks_for_runs_on_its_signers_word(town: Town, keys: Keys) -> None:
    """Filed by a node when it was due."""
    n1 = town.peer("n1", key=keys["n1"])
    path, text = filed(town, SEVEN)
    n1.push({path: text})
    found = word(n1, path)
    assert (found.trusted, found.who) == (True, "anna")
    assert found.why == f"{PATH} asks for it, which anna signed; n1 filed it when it was due"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Look at", "Empty"),
        ("budget_usd: 1", "budget_usd: 100"),
        ("budget_usd: 1\n", "budget_usd: 1\nrun: curl evil\nagent: command\n"),
        ("budget_usd: 1\n", "budget_usd: 1\napprove: auto\n"),
        ("2026-11-21.", "2026-11-20."),
        ('not_before: "2026-11-21T07:00:00Z"\n', ""),
    ],
)
def test_a_node_files_nothing_else_in_its_name(town: Town, keys: Keys, old: str, new: str) -> None:
    """Whatever of the text it changes, the mission is shown and not run."""
    n1 = town.peer("n1", key=keys["n1"])
    path, text = filed(town, SEVEN)
    assert old in text
    n1.push({path: text.replace(old, new)})
    assert (word(n1, path).trusted, "asks for something else" in word(n1, path).why) == (False, True)


@pytest.mark.parametrize(
    ("slot", "why"),
    [
        (SEVEN + timedelta(minutes=1), "was not due"),
        (SEVEN + DAY, "still to come"),
        (SEVEN - DAY, "due again since"),
        (SEVEN - 3 * DAY, "before missions/templates/daily.md was signed"),
        (SEVEN.replace(year=1999), "was not due"),
    ],
)
def test_no_other_time(town: Town, keys: Keys, slot: datetime, why: str) -> None:
    """Neither one that is none of its, nor one to come, nor one long past, nor one from before its time."""
    n1 = town.peer("n1", key=keys["n1"])
    path, text = filed(town, slot)
    n1.push({path: text})
    assert (word(n1, path).trusted, why in word(n1, path).why) == (False, True)


def test_all_that_were_missed_may_be_filed_where_the_template_says_so(town: Town, keys: Keys) -> None:
    """`catch_up: all` reaches back over what passed since it was signed."""
    n1, text = town.peer("n1", key=keys["n1"]), DAILY.replace("budget_usd", "catch_up: all\nbudget_usd")
    sign(town, keys, text)
    for slot in (SEVEN - DAY, SEVEN):
        n1.push(dict([filed(town, slot, text)]))
        assert word(n1, filed(town, slot, text)[0]).trusted


@pytest.mark.parametrize(("hour", "trusted"), [(10, True), (11, False)])
def test_what_has_none_made_up_for_is_filed_on_time_or_never(town: Town, keys: Keys, hour: int, trusted: bool) -> None:
    """`catch_up: none` is a quarter of an hour, and what a node takes to push."""
    text = DAILY.replace("budget_usd", "catch_up: none\nbudget_usd")
    sign(town, keys, text)
    town.clock.at = SEVEN.replace(hour=hour)
    n1, (path, said) = town.peer("n1", key=keys["n1"]), filed(town, SEVEN, text)
    n1.push({path: said})
    assert (word(n1, path).trusted, "none made up for" in word(n1, path).why) == (trusted, not trusted)


def test_a_template_of_nobody_who_may_files_nothing(town: Town, keys: Keys) -> None:
    """Neither a node's own one, nor one that somebody changed since who may not, nor in the same commit."""
    n1 = town.peer("n1", key=keys["n1"])
    worse = DAILY.replace("Look at", "Empty")
    sign(town, keys, worse, by="bob", ago=DAY)
    path, text = filed(town, SEVEN, worse)
    n1.push({path: text})
    assert "nobody who may file missions has signed" in word(n1, path).why
    n1.push({path: None, PATH: None})
    n1.push({path: text, PATH: worse})
    assert "asked for nothing at any time then" in word(n1, path).why
    n1.push({path: None})
    n1.push({path: text})
    assert "nobody who may file missions has signed" in word(n1, path).why


def test_what_was_filed_stays_filed_when_the_template_goes(town: Town, keys: Keys) -> None:
    """What was asked for then is what counts."""
    n1 = town.peer("n1", key=keys["n1"])
    path, text = filed(town, SEVEN)
    n1.push({path: text})
    town.peer("anna", key=keys["anna"]).push({PATH: None})
    assert word(n1, path).trusted


def test_a_commit_that_states_an_earlier_time_files_nothing(town: Town, keys: Keys) -> None:
    """A node writes its commits' times itself."""
    n1 = town.peer("n1", key=keys["n1"])
    town.peer("anna", key=keys["anna"]).push({"a.txt": "at noon"})
    path, text = filed(town, SEVEN - DAY)
    town.clock.at -= DAY
    n1.push({path: text})
    assert "states an earlier time" in word(n1, path).why


def on_an_old_commit(town: Town, peer: Peer, old: Oid, slot: datetime, text: str = DAILY) -> tuple[str, str, Oid]:
    """A node's commit on an old one, that states a time at which its mission was due: path, text and commit."""
    path, text = filed(town, slot, text)
    at, town.clock.at = town.clock.at, slot + timedelta(minutes=1)
    commit = peer.commit({path: text}, onto=old, tree=load_commit(peer.bus.store, old).tree)
    town.clock.at = at
    return path, text, commit


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("gone", [None, DAILY.replace("Look at", "Count"), DAILY.replace("0 7", "30 7")])
def test_a_template_that_was_withdrawn_is_not_followed_beside_the_branch(
    town: Town, keys: Keys, gone: str | None, first: bool
) -> None:
    """A node hangs its commit onto an old one and merges it, as either parent: what was said since then counts."""
    anna, n1 = town.peer("anna", key=keys["anna"]), town.peer("n1", key=keys["n1"])
    old = anna.ledger().tip
    anna.push({PATH: gone})
    path, text, beside = on_an_old_commit(town, n1, old, SEVEN)
    merge_in(n1, beside, {path: text}, first=first)
    anna.push({"a.txt": "later on"})
    assert word(n1, path).why == f"{PATH} was changed beside commit {beside[:10]}, which does not know of it"


def test_an_old_time_is_not_filed_for_beside_the_branch(town: Town, keys: Keys) -> None:
    """Nor where the template is the same: the branch has been further on for long."""
    anna, n1 = town.peer("anna", key=keys["anna"]), town.peer("n1", key=keys["n1"])
    old = anna.ledger().tip
    anna.push({"a.txt": "at noon"})
    path, text, beside = on_an_old_commit(town, n1, old, SEVEN - DAY)
    merge_in(n1, beside, {path: text})
    assert "merged beside others that are later" in word(n1, path).why


def test_nor_beside_more_than_anybody_looks_through(town: Town, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits of nobody say nothing, but a crowd of them hides none that does."""
    monkeypatch.setattr(due_missions, "MAX_EARLIER", 3)
    eve, n1 = town.peer("eve"), town.peer("n1", key=keys["n1"])
    old = eve.ledger().tip
    for number in range(3):
        eve.push({"a.txt": str(number)})
    path, text, beside = on_an_old_commit(town, n1, old, SEVEN - DAY)
    merge_in(n1, beside, {path: text})
    assert word(n1, path).trusted
    town.peer("eve").push({path: None})
    eve.push({"a.txt": "one more"})
    path, text, beside = on_an_old_commit(town, n1, old, SEVEN)
    merge_in(n1, beside, {path: text})
    assert "merged beside others that are later" in word(n1, path).why


def test_it_is_the_same_in_a_real_repository(keys: Keys, tmp_path: Path) -> None:
    """What git says of merges, and what memory does, decide alike."""
    signers = keys.signers(anna=("admin", "author"), n1=("node",))
    town = Town({"fleet.toml": SIGNED, "allowed_signers": signers}, folder=tmp_path / "town")
    try:
        sign(town, keys, DAILY)
        anna, n1 = town.peer("anna", key=keys["anna"]), town.peer("n1", key=keys["n1"])
        old = n1.ledger().tip
        path, text = filed(town, SEVEN)
        n1.push({path: text})
        assert word(n1, path).trusted
        offline = anna.commit({"b.txt": "b"}, onto=anna.ledger().tip, tree=anna.ledger().tree)
        merge_in(anna, offline, {"b.txt": "b"})
        assert word(n1, path).trusted
        anna.push({path: None, PATH: None})
        path, text, beside = on_an_old_commit(town, n1, old, SEVEN - timedelta(0))
        merge_in(n1, beside, {path: text})
        assert not word(n1, path).trusted
    finally:
        town.close()


def test_a_person_who_worked_offline_keeps_no_mission_from_running(town: Town, keys: Keys) -> None:
    """Their merge is their word, whatever was said on their side; anybody's merge of something else is no harm."""
    anna, n1 = town.peer("anna", key=keys["anna"]), town.peer("n1", key=keys["n1"])
    old = anna.ledger().tip
    tree = load_commit(anna.bus.store, old).tree
    notes = town.peer("eve").commit({"b.txt": "b"}, onto=old, tree=tree)
    path, text = filed(town, SEVEN)
    n1.push({path: text})
    merge_in(town.peer("eve"), notes, {"b.txt": "b"})
    assert word(n1, path).trusted
    town.clock.at += timedelta(hours=5)
    mine = anna.commit({PATH: None}, onto=old, tree=tree)
    merge_in(anna, mine, {PATH: None}, first=False)
    assert word(n1, path).trusted


def test_what_a_person_called_off_is_not_filed_again(town: Town, keys: Keys) -> None:
    """Deleting the mission's file is enough; nor is it filed again beside the branch."""
    anna, n1 = town.peer("anna", key=keys["anna"]), town.peer("n1", key=keys["n1"])
    old = anna.ledger().tip
    path, text = filed(town, SEVEN)
    n1.push({path: text})
    assert word(n1, path).trusted
    anna.push({path: None})
    n1.push({path: text})
    assert word(n1, path).why == f"{path} was there before: what was filed, or called off, once is not filed again"
    anna.push({path: None})
    _, _, beside = on_an_old_commit(town, n1, old, SEVEN)
    merge_in(n1, beside, {path: text})
    assert not word(n1, path).trusted


def test_a_persons_own_mission_of_such_a_name_is_a_persons(town: Town, keys: Keys) -> None:
    """Whoever may file missions may call one so."""
    anna = town.peer("anna", key=keys["anna"])
    anna.push({"missions/other-20300101-0000.md": "Do it.\n"})
    assert word(anna, "missions/other-20300101-0000.md").trusted


def test_a_template_that_cannot_be_read_asks_for_nothing(town: Town, keys: Keys) -> None:
    """Nor one without times, nor in a time zone that there is not."""
    n1 = town.peer("n1", key=keys["n1"])
    path, text = filed(town, SEVEN)
    for broken in ("---\nevery: soon\n---\nx\n", "x\n", DAILY.replace("budget", "timezone: Mars/Base\nbudget"), None):
        sign(town, keys, broken)
        n1.push({path: text})
        assert "asked for nothing at any time then" in word(n1, path).why
        n1.push({path: None})
