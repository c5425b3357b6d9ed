"""Does a log that is kept by days lose no entry, and do open items come and go as the entries say?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.briefing import Add, BriefingItem, Delta, Resolve, Update, parse
from handoff.entry import Entry, parse_log, render_entry
from handoff.log import PREAMBLE, append_many, rotate_days
from handoff.open_items import (
    RECENT_ENTRIES,
    UNTAKEN_AFTER_ENTRIES,
    blocker_changes,
    decision_changes,
    of_kind,
    step_changes,
)
from handoff.proposal import describe_delta
from handoff.statements import BLOCKER, DECISION, DONE, STEP, Statement


def entry(number: int, day: int) -> Entry:
    """An entry of a day in November; day 0: nobody knows when."""
    when = f"2026-11-{day:02}T08:00:{number % 60:02}Z" if day else ""
    return Entry(entry_id=f"e{number}", when=when, node="desk", sections=(("Work Accomplished", f"Did {number}."),))


def log(*days: int) -> str:
    """A log with an entry of each of these days."""
    return PREAMBLE + "\n".join(render_entry(entry(number, day)) for number, day in enumerate(days))


def ids(text: str) -> list[str]:
    """The entries of a log."""
    return [one.entry_id for one in parse_log(text).entries]


def test_the_last_entries_stay_and_the_others_go_by_their_day() -> None:
    """As logs of their own, which a file of that day takes in."""
    kept, days = rotate_days(log(1, 1, 2, 3, 3), keep=2)
    assert ids(kept) == ["e3", "e4"]
    assert kept.startswith(PREAMBLE)
    assert {day: ids(text) for day, text in days.items()} == {"2026-11-01": ["e0", "e1"], "2026-11-02": ["e2"]}
    whole = append_many(log(1), parse_log(days["2026-11-01"]).entries)
    assert ids(whole) == ["e0", "e1"], "what is there already is not there twice"


@pytest.mark.parametrize("keep", [5, 6, 100])
def test_a_short_log_stays_as_it_is(keep: int) -> None:
    """Byte for byte."""
    text = log(1, 1, 2, 3, 3)
    assert rotate_days(text, keep=keep) == (text, {})


@given(st.lists(st.integers(0, 5), max_size=9), st.integers(0, 10))
def test_no_entry_is_lost_or_twice(days: list[int], keep: int) -> None:
    """Whatever their days, undated ones included, which stay."""
    text = log(*sorted(days))
    kept, files = rotate_days(text, keep=keep)
    moved = [one for file in files.values() for one in ids(file)]
    assert sorted(ids(kept) + moved) == sorted(ids(text))
    assert all(one.when[:10] == day for day, file in files.items() for one in parse_log(file).entries)
    assert ids(kept)[-keep:] == ids(text)[-keep:] or not keep
    again, nothing = rotate_days(kept, keep=max(keep, len(ids(kept))))
    assert (again, nothing) == (kept, {})


def word(kind: str, text: str, at: int) -> tuple[int, Statement]:
    """What the entry at a place in time says."""
    return at, Statement(kind=kind, text=text, entry_id=f"e{at}")


def briefing(*lines: str) -> tuple[BriefingItem, ...]:
    """The items of a briefing with these points; each has an id and a source."""
    points = "".join(f"- {line} <!-- item: i{at}; log: e0 -->\n" for at, line in enumerate(lines))
    return tuple(item for item in parse(f"# B\n\n## Open\n\n{points}") if item.item_id)


def told(deltas: list[Delta]) -> list[tuple[str, str]]:
    """What changes, in a word and in the item's."""
    return [(type(one).__name__, one.text if isinstance(one, Add | Update) else one.was) for one in deltas]


def test_a_blocker_is_open_until_somebody_settles_it() -> None:
    """In whatever words; two who hit it make it one that keeps coming back."""
    hit = word(BLOCKER, "The staging database rejects our certificate", 1)
    again = word(BLOCKER, "our certificate: the staging database rejects it", 2)
    deltas, repeated = blocker_changes([hit, again], (), "Blockers")
    assert told(deltas) == [("Add", "The staging database rejects our certificate")]
    assert [(one.text, one.cites) for one in repeated] == [(hit[1].text, ("e1", "e2"))]
    done = word(DONE, "Fixed the certificate that the staging database rejects", 3)
    assert blocker_changes([hit, again, done], (), "Blockers")[0] == []
    early = word(DONE, "Fixed the certificate that the staging database rejects", 0)
    assert told(blocker_changes([early, hit], (), "Blockers")[0]) == [("Add", hit[1].text)]
    unrelated = word(DONE, "Looked at the certificate of the staging database", 3)
    assert told(blocker_changes([hit, unrelated], (), "Blockers")[0]) == [("Add", hit[1].text)]


def test_a_blocker_of_the_briefing_is_settled_or_said_again() -> None:
    """Settled, it goes, by the entry that says so; said again, it gets one more source; else nothing happens."""
    items = briefing("The staging database rejects our certificate")
    done = word(DONE, "Resolved: the staging database rejects our certificate", 4)
    (gone,), _ = blocker_changes([done], items, "Blockers")
    assert isinstance(gone, Resolve)
    assert gone.cites == ("e4",)
    (more,), repeated = blocker_changes([word(BLOCKER, items[0].text, 5)], items, "Blockers")
    assert isinstance(more, Update)
    assert (more.text, more.cites) == (items[0].text, ("e0", "e5"))
    assert len(repeated) == 1
    assert blocker_changes([], items, "Blockers") == ([], [])


def test_a_step_that_nobody_takes_is_told() -> None:
    """After so many entries; the newest ones' steps are worth a line, older ones' no more."""
    count = 8
    old = word(STEP, "Rotate the signing keys of the shop", 1)
    new = word(STEP, "Write the migration for orders", count - RECENT_ENTRIES)
    deltas, untaken = step_changes([old, new], (), "Next", count)
    assert told(deltas) == [("Add", "Write the migration for orders")]
    assert [one.text for one in untaken] == [
        old[1].text,
        *([new[1].text] if RECENT_ENTRIES > UNTAKEN_AFTER_ENTRIES else []),
    ]
    taken = word(DONE, "Rotated the signing keys of the shop", 2)
    assert old[1].text not in [one.text for one in step_changes([old, taken, new], (), "Next", count)[1]]
    items = briefing("Rotate the signing keys of the shop")
    (gone,), _ = step_changes([taken], items, "Next", count)
    assert isinstance(gone, Resolve)
    assert gone.cites == ("e2",)


def test_a_decision_stands_until_one_takes_it_back() -> None:
    """The later one stands; what it took back goes out of the briefing, by its sources."""
    first = word(DECISION, "Use PostgreSQL for the queue", 1)
    back = word(DECISION, "Drop PostgreSQL for the queue", 5)
    deltas, reversals = decision_changes([first, back], (), "Decisions")
    assert told(deltas) == [("Add", back[1].text)]
    assert [(one.before, one.after, one.before_cites, one.after_cites) for one in reversals] == [
        (first[1].text, back[1].text, ("e1",), ("e5",))
    ]
    instead = word(DECISION, "Use Redis instead of PostgreSQL for the queue", 5)
    assert len(decision_changes([first, instead], (), "Decisions")[1]) == 1
    other = word(DECISION, "Use nginx in front of the page", 5)
    assert decision_changes([first, other], (), "Decisions")[1] == []
    items = briefing("Use PostgreSQL for the queue")
    deltas, _ = decision_changes([back], items, "Decisions")
    assert ("Resolve", "Use PostgreSQL for the queue") in told(deltas)


def test_only_statements_of_a_kind() -> None:
    """Each with its place in time."""
    said = [word(STEP, "a", 1), word(DONE, "b", 2), word(STEP, "c", 3)]
    assert of_kind(said, STEP) == [said[0], said[2]]
    assert of_kind(said, BLOCKER) == []


@pytest.mark.parametrize(
    ("delta", "words"),
    [
        (
            Add(item_id="i", section="Facts", text="Port: 1\nmore", cites=("e1", "e2")),
            "add to Facts: Port: 1 more (e1, e2)",
        ),
        (Resolve(item_id="i", was="Port: 1", cites=()), "settled: Port: 1"),
        (Update(item_id="i", was="Port:  1", text="Port: 1", cites=("e1",)), "said again: Port: 1 (e1)"),
        (Update(item_id="i", was="Port: 1", text="Port: 2", cites=("e1",)), "update: Port: 1 → Port: 2 (e1)"),
    ],
)
def test_a_change_in_words(delta: Delta, words: str) -> None:
    """In one line, with its sources."""
    assert describe_delta(delta) == words
