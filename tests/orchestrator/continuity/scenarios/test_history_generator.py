"""Made-up projects: the same on every machine, true to their own words, readable by the product."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handoff.entry import parse_log
from handoff.secrets.redact import redact
from handoff.statements import FACT, WITHDRAWAL, key_of, statements
from orchestrator.continuity.scenarios.history_generator import GENERATOR_VERSION, generate_history
from orchestrator.continuity.scenarios.project_history import ProjectHistory

NUMBERS = st.integers(0, 40)
SEEDS = st.integers(0, 2**31)


def test_a_seed_is_the_same_project_for_ever() -> None:
    """Whoever has a plan has its projects: a change of their words is another version of the generator."""
    text = "".join(generate_history(1, number).journal for number in range(3))
    known = {"1": "7b60a699a31abcf1"}
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == known[GENERATOR_VERSION]


@settings(max_examples=15)
@given(seed=SEEDS, number=NUMBERS, sessions=st.integers(4, 30))
def test_the_journal_is_in_the_products_own_form(seed: int, number: int, sessions: int) -> None:
    """It reads back entry for entry, in the order of time, and holds nothing that would be taken for a secret."""
    history = generate_history(seed, number, sessions)
    read = parse_log(history.journal)
    assert read.entries == history.entries
    assert read.chronological == history.entries
    assert len(read.entries) == sessions
    assert redact(history.journal).found == ()


@settings(max_examples=15)
@given(seed=SEEDS, number=NUMBERS)
def test_the_truth_is_what_the_entries_say(seed: int, number: int) -> None:
    """The last word on a setting is its value, and it stands in the entries that are cited for it."""
    history = generate_history(seed, number)
    said = [one for entry in history.entries for one in statements(entry)]
    for setting in history.settings:
        mine = [one for one in said if one.kind in {FACT, WITHDRAWAL} and one.key == key_of(setting.name)]
        assert [one.value for one in mine if one.kind == FACT] == list(setting.values)
        assert [one.entry_id for one in mine] == list(setting.cites)
        assert bool(mine and mine[-1].kind == WITHDRAWAL) == setting.withdrawn


@settings(max_examples=10)
@given(seed=SEEDS, number=NUMBERS)
def test_every_fate_is_there_once(seed: int, number: int) -> None:
    """One setting is kept, one changed, one changed twice, one withdrawn, one never decided."""
    history = generate_history(seed, number)
    shapes = [(len(one.values), one.withdrawn) for one in history.settings]
    assert shapes == [(1, False), (2, False), (3, False), (1, True), (0, False)]
    assert [bool(one.current) for one in history.settings] == [True, True, True, False, False]
    assert [len(one.superseded) for one in history.settings] == [0, 1, 2, 1, 0]


@settings(max_examples=10)
@given(seed=SEEDS, number=NUMBERS)
def test_a_trap_is_met_again(seed: int, number: int) -> None:
    """Two ways of building fail, one of them in two sessions, word for word; what works is in their lessons."""
    history = generate_history(seed, number)
    traps = history.traps
    assert len(set(traps.modes)) == 3
    told = {line: history.journal.count(line) for _, line in traps.errors}
    assert sorted(told.values()) == [1, 2]
    assert history.journal.count(f"--mode {traps.works}`, because") == len(traps.cites) == 3


def test_the_review_keeps_what_counts_in_each_generation() -> None:
    """After any number of reviews the briefing has the values that count now, and none that was withdrawn."""
    for number in range(4):
        history = generate_history(5, number)
        for generation in (1, 3, 6):
            briefing = history.briefing(generation)
            for setting in history.settings:
                assert (f"- {setting.name}: {setting.current} <" in briefing) == bool(setting.current)


def test_before_the_first_review_there_is_no_briefing() -> None:
    """And more reviews than entries are as many as there are entries."""
    history = generate_history(5, 0)
    assert history.briefing(0) == ""
    assert history.briefing(500) == history.briefing(12)


@pytest.mark.parametrize("number", [0, 11, 12, 30])
def test_projects_have_names_of_their_own(number: int) -> None:
    """Also where there are more projects than names; a name is the beginning of its entries' ids."""
    history: ProjectHistory = generate_history(1, number)
    others = {generate_history(1, other).name for other in range(40) if other != number}
    assert history.name not in others
    assert all(entry.entry_id.startswith(f"{history.name}-") for entry in history.entries)
