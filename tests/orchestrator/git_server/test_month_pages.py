"""Does a month's page come when the month is over, and not before?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from orchestrator.git_server.month_pages import early_page
from orchestrator.policy.write_rules import PathChange
from tests.ledgers import Peer
from tests.orchestrator.git_server.test_pre_receive import commit_on_tip, refused, town

__all__ = ["town"]
FIRST = datetime(2026, 12, 1, 0, 5, tzinfo=UTC)
LAST = datetime(2026, 12, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "month", "says"),
    [
        (FIRST, "2026-11", ""),
        (FIRST, "2019-01", ""),
        (FIRST, "2026-12", "when that month is over"),
        (FIRST, "2027-01", "when that month is over"),
        (FIRST, "9999-12", "when that month is over"),
        (LAST, "2026-12", ""),  # somebody's clock is ahead by less than a day
        (LAST, "2027-01", "when that month is over"),
        (FIRST, "2026-00", "is no month"),
        (FIRST, "2025-13", "is no month"),
    ],
)
def test_a_page_is_of_a_month_that_is_over(now: datetime, month: str, says: str) -> None:
    """By this machine's clock, within a day; also where it is one change among others."""
    changes = [
        PathChange(path="memos/2026/12/01/1/2/3/m.md", old=None, new="1"),
        PathChange(path=f"continuity/{month}.md", old=None, new="2"),
    ]
    said = early_page(changes, now)
    assert (says in said, bool(said)) == (True, bool(says))


def test_what_takes_a_page_away_is_judged_elsewhere() -> None:
    """As is what has another name."""
    assert early_page([PathChange(path="continuity/9999-12.md", old="1", new=None)], FIRST) == ""
    assert early_page([PathChange(path="continuity/notes.md", old=None, new="1")], FIRST) == ""


@pytest.mark.usefixtures("nobody_serves")
def test_a_node_that_tries_is_refused(peer: Callable[..., Peer]) -> None:
    """A page for a month to come, pushed with its own token; one of a month that is over is taken."""
    vps = peer("vps", by="vps")
    said = refused(vps, commit_on_tip(vps, {"continuity/9999-12.md": "# Mine\n"}))
    assert "continuity/9999-12.md: a node adds a month's page when that month is over" in said
    vps.line.push([commit_on_tip(vps, {"continuity/2020-01.md": "# January\n"})])
    assert vps.ledger().read("continuity/2020-01.md") == b"# January\n"
