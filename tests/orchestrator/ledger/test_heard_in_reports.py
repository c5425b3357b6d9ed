"""What an attempt heard stands in its entry, its memo and its mission's result, and the next machine counts it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

from handoff.entry import parse_log
from handoff.memo import parse_memo
from handoff.warnings.heard_warnings import HeardWarning, WarningVerdict, heard_in
from handoff.warnings.warning_index import add_warnings, warnings_at
from missions.lease import Claim, ClaimState
from missions.mission import Mission
from orchestrator.core.ports.agent import Outcome
from orchestrator.ledger.result_record import ResultRecord
from orchestrator.ledger.result_report import EndedAttempt, build_record
from tests.journal_warnings import journal_of

TEXT = "`make all` is killed: take `-j1`"
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def record(verdict: WarningVerdict, epoch: int = 1, node: str = "n1") -> ResultRecord:
    heard = (HeardWarning(text=TEXT, entry_id="e1", verdict=verdict),)
    claim = Claim(mission="m", blob="0" * 40, node=node, boot="b", epoch=epoch, attempt=1, nonce="x")
    attempt = EndedAttempt(
        mission=Mission(name="m", title="M", body="Do it.", agent="claude"),
        claim=claim,
        outcome=Outcome(ok=True, summary="Done.", heard=heard),
        state=ClaimState.DONE,
        started=NOW,
        finished=NOW,
        final=True,
    )
    return build_record(attempt)


def test_it_is_told_three_times() -> None:
    """Entry, memo, result: with the citation and what followed."""
    made = record(WarningVerdict.HELPED)
    (entry,) = parse_log(made.entry).entries
    assert list(heard_in(entry)) == [HeardWarning(text=TEXT, entry_id="e1", verdict=WarningVerdict.HELPED)]
    assert parse_memo(made.memo).warnings_heard == (f"helped: {TEXT} [e1]",)
    assert f"the journal warned, and that helped: {TEXT} [e1]" in made.section


def test_the_next_machine_counts_it() -> None:
    """From the entries as they are written: after two nodes that were hurt nothing is said."""
    hurt = WarningVerdict.HURT
    entries = [parse_log(record(hurt, int(node[1:]), node).entry).entries[0] for node in ("n1", "n2")]
    with closing(sqlite3.connect(":memory:")) as conn:
        add_warnings(conn, [*journal_of(TEXT), entries[0]])
        assert warnings_at(conn, "make all")[0].counts.hurt == 1
        add_warnings(conn, entries)
        assert warnings_at(conn, "make all") == []


def test_who_heard_nothing_says_nothing() -> None:
    """No section, no line."""
    claim = Claim(mission="m", blob="0" * 40, node="n1", boot="b", epoch=1, attempt=1, nonce="x")
    plain = build_record(
        EndedAttempt(
            mission=Mission(name="m", title="M", body="Do it."),
            claim=claim,
            outcome=Outcome(ok=True, summary="Done."),
            state=ClaimState.DONE,
            started=NOW,
            finished=NOW,
            final=True,
        )
    )
    assert "arnings" not in plain.entry + plain.memo + plain.section
