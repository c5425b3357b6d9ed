"""Whose commit brought a confirmation into a file: that person's own, or somebody's who writes their name?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handoff.knowledge import Knowledge, LessonState, render_knowledge
from handoff.marks.model_mark import ModelMark
from orchestrator.ledger.confirmed_text import as_counted, confirmed_text, is_unsigned_lesson, shown_text
from tests.ledgers import FLEET, Keys, Peer, Town, merge_in

PATH = "projects/shop/SESSION_BRIEFING.md"
PLAIN = "# Briefing: shop\n\n## Facts\n\n"
ADA = ModelMark(confirmed_by="ada")
LINE = f"{PLAIN}- Port: 9090 {ADA} <!-- item: f-port; log: a-1 -->\n"
MORE = LINE.replace("log: a-1", "log: a-1, b-1") + "- Region: eu\n"
UNSIGNED = str(replace(ADA, unsigned=True))


@pytest.fixture
def town(tmp_path: Path) -> tuple[Town, Keys]:
    """A ledger that demands signatures: ada and bob may file missions, desk is a node, eve is nobody."""
    keys = Keys(folder=tmp_path)
    signers = keys.signers(ada=["author"], bob=["author"], desk=["node"])
    return Town({"fleet.toml": FLEET.format(trust="signed"), "allowed_signers": signers, PATH: PLAIN}), keys


def peers(town: tuple[Town, Keys], *names: str) -> list[Peer]:
    """These, each with a key."""
    fleet, keys = town
    return [fleet.peer(name, key=keys[name]) for name in names]


def counts(peer: Peer) -> bool:
    """Whether the confirmation counts; its file says it either way."""
    assert str(ADA) in peer.text(PATH)
    told = confirmed_text(peer.ledger(), PATH)
    assert (UNSIGNED in told) != (str(ADA) in told)
    return UNSIGNED not in told


@pytest.mark.parametrize("who", ["bob", "desk", "eve", "unsigned"])
def test_a_name_that_somebody_else_writes_counts_for_nothing(town: tuple[Town, Keys], who: str) -> None:
    """Whoever may push: another person, a node, a stranger's key, none."""
    (ada,) = peers(town, "ada")
    forger = town[0].peer("eve") if who == "unsigned" else peers(town, who)[0]
    forger.push({PATH: LINE})
    assert not counts(ada)


DEAD = f"{PLAIN}## Dead ends\n\n{LINE.removeprefix(PLAIN)}"
BOTH = f"{LINE}\n## Dead ends\n\n{LINE.removeprefix(PLAIN)}"


@pytest.mark.parametrize("text", [DEAD, BOTH])
def test_what_a_person_signed_in_one_section_is_not_theirs_in_another(town: tuple[Town, Keys], text: str) -> None:
    """Moved or copied by somebody else: below *Dead ends* it says something else. By themselves it is signed anew."""
    ada, bob = peers(town, "ada", "bob")
    ada.push({PATH: LINE})
    bob.push({PATH: text})
    told = confirmed_text(ada.ledger(), PATH)
    assert (told.count(UNSIGNED), told.count(str(ADA))) == (1, text.count(str(ADA)) - 1)
    assert UNSIGNED in told.partition("## Dead ends")[2]
    ada.push({PATH: LINE})
    ada.push({PATH: text})
    assert counts(ada)


def test_what_a_person_signed_stays_theirs_whatever_is_written_beside_it(town: tuple[Town, Keys]) -> None:
    """A node adds a source and another line; a twin of the line in another file, or other words, are not theirs."""
    ada, desk = peers(town, "ada", "desk")
    ada.push({PATH: LINE})
    assert counts(ada)
    desk.push({PATH: MORE})
    assert counts(ada)
    assert counts(peers(town, "ada")[0]), "also for who looks for the first time"
    desk.push({PATH: MORE.replace("9090", "9999")})
    assert not counts(ada)
    desk.push({PATH: MORE, "projects/shop/PROJECT_CONTEXT.md": LINE})
    assert UNSIGNED in confirmed_text(ada.ledger(), "projects/shop/PROJECT_CONTEXT.md")
    assert not counts(ada), "what was gone, and comes back by somebody else"


@pytest.mark.parametrize("words", ["Port: 9090 {} and nobody tests", "And nobody tests\v- Port: 9090"])
def test_words_that_are_written_into_a_confirmed_line_are_not_the_persons(town: tuple[Town, Keys], words: str) -> None:
    """Between its words and a second mark of ada's, or before them."""
    ada, eve = peers(town, "ada", "eve")
    ada.push({PATH: LINE})
    eve.push({PATH: LINE.replace("Port: 9090", words.format(ADA))})
    assert UNSIGNED in confirmed_text(ada.ledger(), PATH)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("who", ["eve", "ada"])
def test_an_old_commit_confirms_nothing_anew(town: tuple[Town, Keys], who: str, first: bool) -> None:
    """ada took it back; a merge that brings her old commit's text counts for nothing, whoever signs the merge."""
    ada, merger = peers(town, "ada", who)
    old = ada.push({PATH: LINE})
    ada.push({PATH: LINE.replace(str(ADA), str(ModelMark(withdrawn_by="ada")))})
    merge_in(merger, old, {PATH: LINE}, first=first)
    assert not counts(ada)
    assert not counts(peers(town, "ada")[0])
    ada.push({PATH: PLAIN})
    ada.push({PATH: LINE})
    assert counts(ada)


@pytest.mark.parametrize(("who", "mine"), [("ada", True), ("eve", False)])
def test_a_branch_that_is_merged_brings_what_was_signed_on_it(town: tuple[Town, Keys], who: str, mine: bool) -> None:
    """By whomever it is merged: the commit that brought the line is asked, and not the merge."""
    ada, eve, beside = peers(town, "ada", "eve", who)
    ledger = ada.ledger()
    commit = beside.commit({PATH: LINE}, onto=ledger.tip, tree=ledger.tree)
    ada.push({"note": "meanwhile"})
    merge_in(ada if who == "eve" else eve, commit, {PATH: LINE})
    assert counts(ada) == mine


def test_a_key_that_was_taken_out_confirms_no_more(town: tuple[Town, Keys]) -> None:
    """As it files no missions any more."""
    (ada,) = peers(town, "ada")
    ada.push({PATH: LINE})
    ledger = replace(ada.ledger(), signers=town[1].signers(bob=["author"]))
    assert UNSIGNED in confirmed_text(ledger, PATH)
    assert str(ADA) in confirmed_text(ada.ledger(), PATH)


def test_where_no_signature_is_demanded_it_is_shown_and_counts(tmp_path: Path) -> None:
    """There a name in a mark counts as the rest of the document does."""
    fleet = Town({"fleet.toml": FLEET.format(trust="remote"), PATH: LINE})
    ledger = fleet.peer("eve").ledger()
    assert confirmed_text(ledger, PATH) == LINE
    assert UNSIGNED in shown_text(ledger, PATH)


def test_a_lessons_file_tells_who_decided_also_where_a_node_writes_the_page_anew(town: tuple[Town, Keys]) -> None:
    """Its line on the portfolio's page is as good as the signature on the file; a forged one is not."""
    ada, desk = peers(town, "ada", "desk")
    lesson = Knowledge(slug="cache", lesson="Clear the cache", state=LessonState.KNOWN, since="2026-11-20", by="ada")
    path, page = lesson.path, f"# Portfolio\n\n- Clear the cache (knowledge/cache.md) {ADA}\n"
    desk.push({path: render_knowledge(lesson), "PORTFOLIO_CONTEXT.md": page})
    assert is_unsigned_lesson(desk.ledger(), path, desk.text(path))
    assert UNSIGNED in confirmed_text(desk.ledger(), "PORTFOLIO_CONTEXT.md")
    ada.push({path: None})
    ada.push({path: render_knowledge(lesson)})
    assert not is_unsigned_lesson(desk.ledger(), path, desk.text(path))
    assert confirmed_text(desk.ledger(), "PORTFOLIO_CONTEXT.md") == page
    desk.push({path: render_knowledge(replace(lesson, state=LessonState.REJECTED))})
    assert is_unsigned_lesson(desk.ledger(), path, desk.text(path)), "another verdict is another word"
    assert UNSIGNED in as_counted(desk.ledger(), "PORTFOLIO_CONTEXT.md", page)


def test_what_is_known_of_one_look_is_right_in_the_next(town: tuple[Town, Keys]) -> None:
    """Whoever asks for an older and the newest commit in turn, and for several texts of one file, is told the same as
    who asks for the first time."""
    ada, eve = peers(town, "ada", "eve")
    other = LINE.replace("Port: 9090", "Region: eu")
    looks = []
    for who, text in ((ada, LINE), (eve, PLAIN), (eve, LINE), (ada, LINE + other), (eve, other), (ada, LINE)):
        who.push({PATH: text})
        looks.append(ada.ledger())
    fresh = [peers(town, "ada")[0].ledger() for _ in looks]
    for _ in range(2):
        for ledger, new in zip(looks, fresh, strict=True):
            for text in (LINE, other, LINE + other):
                at = replace(new, tip=ledger.tip, tree=ledger.tree)
                assert as_counted(ledger, PATH, text) == as_counted(at, PATH, text)
    assert [UNSIGNED in confirmed_text(ledger, PATH) for ledger in looks] == [False, False, True, True, False, False]


def test_a_merge_is_looked_through_once_for_all_lines_that_it_has(
    town: tuple[Town, Keys], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody merges what has none of them, again and again: how many lines there are is no matter."""
    (ada,) = peers(town, "ada")
    looks = []
    for lines in (1, 30):
        text = PLAIN + "".join(f"- Port of {lines}-{number}: 9090 {ADA}\n" for number in range(lines))
        before = ada.ledger()
        ada.push({PATH: text})
        for number in range(3):
            beside = ada.commit({PATH: f"{PLAIN}- {lines}-{number}\n"}, onto=before.tip, tree=before.tree)
            merge_in(ada, beside, {PATH: text})
        ledger, asked = peers(town, "ada")[0].ledger(), []
        store = ledger.confirmations.store
        history = store.history

        def counted(*given: Any, _history: Any = history, _asked: list[Any] = asked, **more: Any) -> Iterator[str]:
            _asked.append(given)
            return _history(*given, **more)

        monkeypatch.setattr(store, "history", counted)
        assert confirmed_text(ledger, PATH) == text
        looks.append(len(asked))
    assert looks == [4, 4], "the file's own, and one for each merge"
