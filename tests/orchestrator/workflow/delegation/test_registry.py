"""Are nodes' reports read as they were signed, and does the registry say how long each has been silent?"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.errors import Refused, WrongSetting
from orchestrator.core.ports.registrations import Registration
from orchestrator.workflow.delegation.node_status import (
    MAX_REPORT_CHARS,
    NodeStatus,
    print_status,
    read_status,
    require_signed,
    signed_bytes,
)
from orchestrator.workflow.delegation.registry import registration_page, registration_row, registration_state
from tests.ledgers import Keys

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def status(node: str = "desk", **more: Any) -> NodeStatus:
    """A node's report."""
    return NodeStatus(node=node, number=3, role="LOCAL_WORKER", version="1.0", **more)


def registered(node: str, silent: float = 0.0, *, report: str | None = None) -> Registration:
    """A node that reported so many seconds ago."""
    when = NOW - timedelta(seconds=silent)
    told = print_status(status(node)) if report is None else report
    return Registration(node=node, number=3, report=told, first=NOW - timedelta(days=2), received=when)


WORD = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
AMOUNT = st.floats(0, 1e15)


@given(WORD, st.lists(WORD, max_size=4), st.integers(0, 2**53 - 1), AMOUNT, st.none() | AMOUNT)
def test_a_report_is_read_back(node: str, words: list[str], number: int, load: float, late: float | None) -> None:
    """Each value as it was; the text is the same on every machine, since it is what is signed."""
    told = NodeStatus(node=node, number=number, role="VPS", version="1", capabilities=words, load=load, latency_ms=late)
    assert read_status(print_status(told)) == told
    assert print_status(read_status(print_status(told))) == print_status(told)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"node": ""}, "node"),
        ({"number": -1}, "number"),
        ({"number": 1.0}, "number"),
        ({"number": "1"}, "number"),
        ({"agents": ["x"] * 65}, "agents"),
        ({"works_on": [""]}, "works_on.0"),
        ({"slots": 1001}, "slots"),
        ({"cores": 0}, "cores"),
        ({"disk_free": -1.0}, "disk_free"),
        ({"today_tokens": 10**16}, "today_tokens"),
        ({"more": 1}, "more"),
    ],
)
def test_what_is_wrong_in_a_report_is_named(change: dict[str, Any], place: str) -> None:
    """Where it stands, and never what it was."""
    with pytest.raises(WrongSetting, match=rf"report: {place} is not as"):
        read_status(json.dumps({**status().model_dump(), **change}))


@pytest.mark.parametrize("report", ["", "x", "[", "7", "null", "[]", "x" * (MAX_REPORT_CHARS + 1), "[" * 9000])
def test_what_is_no_report(report: str) -> None:
    """One line, whatever it is."""
    with pytest.raises(WrongSetting, match="report"):
        read_status(report)


def test_a_report_is_its_nodes_word_only(keys: Keys) -> None:
    """Signed by that node's key in that node's role, as a report; where a fleet has no keys anybody's word is taken."""
    signers = keys.signers(desk=("node",), nas=("node",), ada=("admin", "author"))
    told = status()
    report = print_status(told)
    require_signed(signers, told, report, keys["desk"].sign(signed_bytes(report)))
    require_signed(" \n", told, report, "")
    for by in ("nas", "ada", "stranger"):
        with pytest.raises(Refused):
            require_signed(signers, told, report, keys[by].sign(signed_bytes(report)))
    for signature in ("", "x", keys["desk"].sign(report.encode()), keys["desk"].sign(signed_bytes(report + " "))):
        with pytest.raises(Refused):
            require_signed(signers, told, report, signature)
    person = status("ada")
    with pytest.raises(Refused):
        require_signed(signers, person, print_status(person), keys["ada"].sign(signed_bytes(print_status(person))))


@pytest.mark.parametrize(
    ("silent", "state"),
    [(0, "live"), (299, "live"), (300, "stale"), (899, "stale"), (900, "offline"), (10**7, "offline"), (-60, "live")],
)
def test_how_long_a_node_may_be_silent(silent: float, state: str) -> None:
    """Five minutes and fifteen; one that seems to come from the future is live."""
    assert registration_state(NOW - timedelta(seconds=silent), NOW) == state


def test_a_row_says_what_the_node_said_and_when() -> None:
    """By headquarters' own clock, and never a silence below nothing."""
    row = registration_row(registered("desk", 12.3456), NOW)
    assert (row["node"], row["state"], row["silent_seconds"], row["slots"]) == ("desk", "live", 12.346, 1)
    assert row["first"] == "2026-11-19T12:00:00+00:00"
    assert registration_row(registered("desk", -5), NOW)["silent_seconds"] == 0.0


@pytest.mark.parametrize("report", ["", "{}", "x" * 20_000, '{"node": "desk", "from": "version 9"}'])
def test_a_report_of_another_version_is_a_row_still(report: str) -> None:
    """With what is known without it."""
    row = registration_row(registered("desk", 400, report=report), NOW)
    assert (row["node"], row["number"], row["state"]) == ("desk", 3, "stale")
    assert "load" not in row


EVERY = [registered("a"), registered("b", 400), registered("c", 5000), registered("d", 20)]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 9])
@pytest.mark.parametrize(
    ("states", "found"),
    [((), "abcd"), (("live",), "ad"), (("stale", "offline"), "bc"), (("live", "stale", "offline"), "abcd")],
)
def test_each_is_on_one_page(limit: int, states: tuple[str, ...], found: str) -> None:
    """Also where those that are not wanted stand between."""
    seen, after = "", ""
    for _ in range(9):
        page = registration_page(EVERY, NOW, states=states, after=after, limit=limit)
        seen += "".join(row["node"] for row in page["items"])
        assert page["items"], "no page promises another one that is empty"
        after = page["next"] or ""
        if not after:
            break
    assert (seen, after) == (found, "")


def test_a_state_that_is_none_is_refused() -> None:
    """With the words that there are."""
    with pytest.raises(WrongSetting, match="live, stale, offline"):
        registration_page(EVERY, NOW, states=["live", "dead"])
