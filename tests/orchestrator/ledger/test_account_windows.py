"""What of a page's words on accounts comes through, and what of a page that anybody wrote is believed?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.quota_window import MAX_AHEAD, QuotaWindow
from orchestrator.ledger.accounts.account_windows import (
    MAX_TOLD,
    AccountWindow,
    ClosedAccount,
    believed_windows,
    newest_windows,
    parse_windows,
    render_windows,
)
from orchestrator.ledger.node_pages import announced_nodes
from tests.ledgers import Town

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def told(  # each is one fact
    account: str = "team-max",
    kind: str = "five_hour",
    *,
    hours: float = 2.0,
    used: float | None = 100.0,
    exhausted: bool = True,
    seen: datetime = NOW,
) -> AccountWindow:
    """A window that ends so many hours after noon."""
    window = QuotaWindow(kind=kind, resets_at=NOW + timedelta(hours=hours), used_percent=used, exhausted=exhausted)
    return AccountWindow(account=account, window=window, seen=seen)


words = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}(@[a-z][a-z0-9-]{0,10})?", fullmatch=True)
windows = st.builds(
    told,
    words,
    st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,39}", fullmatch=True),
    hours=st.integers(1, 24 * 34),
    used=st.none() | st.integers(0, 100).map(float),
    exhausted=st.booleans(),
)


@given(st.lists(windows, max_size=MAX_TOLD))
def test_what_is_written_is_read_again(found: list[AccountWindow]) -> None:
    """Both fields together are all of it."""
    read = parse_windows(render_windows(found, exhausted=True), render_windows(found, exhausted=False))
    assert sorted(read, key=repr) == sorted(found, key=repr)


@given(st.text(max_size=300), st.text(max_size=300))
def test_whatever_stands_there_is_read_or_left_out(one: str, two: str) -> None:
    """Anybody may have written a page."""
    assert all(isinstance(each, AccountWindow) for each in parse_windows(one, two))


@pytest.mark.parametrize(
    "line",
    [
        "team-max/five_hour 100% until 2026-03-01T14:00:00Z",
        "team-max/five_hour 100% until 2026-13-01T14:00:00Z seen 2026-03-01T12:00:00Z",
        "team-max/five_hour 100% until 2026-03-01T11:00:00Z seen 2026-03-01T12:00:00Z",
        "team-max/five_hour 100% until 2036-03-01T14:00:00Z seen 2026-03-01T12:00:00Z",
        "team max/five_hour 100% until 2026-03-01T14:00:00Z seen 2026-03-01T12:00:00Z",
        "the limit of team-max is reached",
    ],
)
def test_a_line_that_is_none(line: str) -> None:
    """Without its times, with times that cannot be, or in a sentence."""
    assert parse_windows(line, "") == ()


def test_a_node_speaks_of_its_own_accounts_and_of_no_year() -> None:
    """A page cannot stop the accounts of other nodes, nor its own ones beyond what a window can last."""
    mine, foreign = told(), told("other")
    forever = told(kind="seven_day", hours=24 * 36)
    late = told(kind="seven_day", hours=24 * 34)
    assert believed_windows([mine, foreign, forever, late], {"team-max"}, NOW) == (mine, late)
    assert believed_windows([mine], {"team-max"}, NOW + timedelta(hours=3)) == ()
    assert timedelta(days=36) > MAX_AHEAD


def test_of_one_window_the_word_that_it_is_used_up_counts_whoever_has_which_clock() -> None:
    """A node whose clock is ahead, or whose maker's times end a second later, says that it is open: it is closed until
    its own end; then a window that begins later is another one, and open."""
    ahead = told(used=97.0, exhausted=False, seen=NOW + timedelta(minutes=10))
    later = told(hours=2.0 + 1 / 3600, used=97.0, exhausted=False)
    for other in (ahead, later):
        assert newest_windows([told(), other], NOW) == (told(),)
        assert newest_windows([other, told()], NOW) == (told(),)
    after = told(hours=7.0, used=1.0, exhausted=False, seen=NOW - timedelta(minutes=10))
    assert newest_windows([after, told()], NOW + timedelta(hours=2)) == (after,)


def test_of_too_many_windows_those_are_told_that_rest_longest() -> None:
    """One of a week is not crowded out by those that end within the hour."""
    many = [told(kind=f"k{number}", hours=1.0 + number / 100) for number in range(MAX_TOLD + 4)]
    week = told(kind="seven_day", hours=100.0)
    assert week in parse_windows(render_windows([week, *many], exhausted=True), "")


def test_a_closed_account_says_until_when() -> None:
    """In words for people."""
    found = ClosedAccount(account="team-max", kind="five_hour", until=NOW)
    assert found.says == "the five_hour window of team-max is used up until 2026-03-01 12:00 UTC"
    assert told().is_closed(NOW)
    assert not told().is_closed(NOW + timedelta(hours=2))
    assert not told(exhausted=False).is_closed(NOW)


def test_a_page_tells_its_windows() -> None:
    """As its node's presence has them."""
    line = render_windows([told()], exhausted=True)
    page = f"---\nnode: ada\nrole: LOCAL_WORKER\nquota_closed: {line}\n---\n\n# ada\n"
    ada = Town({"heartbeats/ada.md": page}).peer("ada")
    assert announced_nodes(ada.ledger())["ada"].windows == (told(),)
