"""Does the record tell each finding once, keep a day's budget, and read nothing that is no record?"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from orchestrator.ledger.heartbeat.turn_record import (
    FORGOTTEN_AFTER,
    MAX_FINDINGS,
    MAX_FINDINGS_PER_LINE,
    MAX_RECORD_BYTES,
    TurnRecord,
    read_record,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
FULL = {"k": ("disk", "the disk is full")}


def looked(record: TurnRecord, found: dict[str, tuple[str, str]], hours: float = 0) -> tuple[TurnRecord, list[str]]:
    """One look at one line."""
    now = NOON + timedelta(hours=hours)
    return record.looked("l", now, found, by="n1", now=now)


def test_a_finding_is_new_once() -> None:
    """While it stands, and when it comes back within a day: the same; later it is news again."""
    record, fresh = looked(TurnRecord(), FULL)
    assert fresh == ["k"]
    record, fresh = looked(record, {"k": ("disk", "fuller still")}, 1)
    assert (fresh, record.findings["k"].says, record.findings["k"].since) == ([], "fuller still", NOON)
    record, _ = looked(record, {}, 2)
    assert record.standing() == {}
    record, fresh = looked(record.tidied(["l"], NOON + timedelta(hours=3)), FULL, 3)
    assert (fresh, list(record.standing())) == ([], ["k"])
    record, _ = looked(record, {}, 4)
    later = NOON + timedelta(hours=4) + FORGOTTEN_AFTER
    record, fresh = record.tidied(["l"], later).looked("l", later, FULL, by="n1", now=later)
    assert fresh == ["k"]


def test_another_lines_findings_stay() -> None:
    """A look at one line says nothing of others; a line that is gone takes its findings along."""
    record, _ = looked(TurnRecord(), FULL)
    record, _ = record.looked("m", NOON, {}, by="n1", now=NOON)
    assert list(record.standing()) == ["k"]
    assert record.tidied(["m"], NOON).findings == {}
    assert record.tidied(["m"], NOON).lines == {"m": NOON}


def test_people_are_told_as_far_as_the_budget_goes() -> None:
    """What is left waits for another day, and is told then."""
    many = {f"k{n}": (str(n), f"finding {n}") for n in range(5)}
    record, _ = looked(TurnRecord().on(date(2026, 11, 21)), many)
    record = record.telling(3)
    assert (record.notices, sum(each.told for each in record.findings.values())) == (3, 3)
    assert record.telling(3) == record
    assert sum(each.told for each in record.on(date(2026, 11, 22)).telling(3).findings.values()) == 5
    assert record.on(date(2026, 11, 22)).spent(0.5).missions == 1


def test_it_is_bounded_whatever_a_probe_finds() -> None:
    """A line keeps twenty, all lines two hundred, and what is stored fits its limit."""
    record = TurnRecord()
    for line in range(50):
        many = {f"{line}-{n}": ("s" * 200, "é" * 400) for n in range(100)}
        record, fresh = record.looked(f"l{line}", NOON, many, by="n" * 80, now=NOON)
        assert len(fresh) <= MAX_FINDINGS_PER_LINE
    assert len(record.findings) == MAX_FINDINGS
    assert len(record.print()) < MAX_RECORD_BYTES
    assert read_record(record.print()) == record


def test_what_is_stored_can_be_read_again_whatever_stands_in_it() -> None:
    """Letters of four bytes: first what is gone is dropped, the oldest first, then the longest texts are cut.

    No finding that stands is dropped, and so none is told again; a record of common size stays as it is.
    """
    record = TurnRecord()
    for line in range(10):
        many = {f"{line}-{n}": ("\U0001f525" * 200, "\U0001f525" * 400) for n in range(20)}
        now = NOON + timedelta(minutes=line)
        record, _ = record.looked(f"l{line}", now, many, by="n1", now=now)
    record, _ = looked(record, {})
    for line in range(2):
        now = NOON + timedelta(hours=1 - line)
        record, _ = record.looked(f"l{line}", now, {}, by="n1", now=now)
    record = record.spent(0.5)
    assert len(record.print()) > MAX_RECORD_BYTES
    fitted = record.fitted()
    assert len(fitted.print()) < MAX_RECORD_BYTES
    assert read_record(fitted.print()) == fitted
    assert (fitted.standing().keys(), fitted.lines, fitted.usd) == (record.standing().keys(), record.lines, 0.5)
    assert fitted.fitted() == fitted
    only = {f"k{n}": ("disk", "\U0001f525" * 400) for n in range(20)}
    small, _ = looked(TurnRecord(), only)
    for line in range(7):
        small, _ = small.looked(
            f"m{line}", NOON, {f"m{line}-{n}": v for n, v in enumerate(only.values())}, by="n1", now=NOON
        )
    assert len(small.print()) > MAX_RECORD_BYTES
    small, _ = looked(small, {}, 2)
    small, _ = small.looked("m0", NOON, {}, by="n1", now=NOON)
    left = small.fitted()
    assert {key[:3] for key in small.findings.keys() - left.findings.keys()} == {"m0-"}  # gone earlier than l's
    assert all(left.findings[key] == each for key, each in small.standing().items())
    calm = looked(TurnRecord(), FULL)[0]
    assert calm.fitted() is calm


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"lines": {"a": "yesterday"}}',
        b'{"usd": NaN}',
        b'{"usd": -1}',
        b'{"notices": "many"}',
        json.dumps({"lines": {str(n): "2026-11-21T12:00:00Z" for n in range(500)}}).encode(),
    ],
)
def test_what_is_no_record_is_refused(wrong: bytes) -> None:
    """With one error that its readers know."""
    with pytest.raises(ValueError, match=r"."):
        read_record(wrong)
