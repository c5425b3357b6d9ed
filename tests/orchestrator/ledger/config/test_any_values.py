"""Is `fleet.toml` read to an end, whatever stands in it? Whoever follows the rules reads every version of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.declared.declared_table import DeclaredTable
from missions.declared.plain_values import WrongValues, declared_fields, hints, read_values
from missions.mission import MissionFields
from orchestrator.core.errors import BrokenLedger
from orchestrator.ledger.config import notification
from orchestrator.ledger.config.fleet_toml import FleetConfig, read
from orchestrator.ledger.config.notification import NotificationKind

WORDS = ["review", "search", "main", "a", "", " ", "..", "/", "\\", "://", "http://[", "5:00-25:99", "* * * * *", "\0"]
LEAVES = st.one_of(
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(10**30), float("nan"), float("inf"), 0.5]),
    st.sampled_from([datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1), time(1, 2)]),
    st.sampled_from(WORDS),
    st.text(max_size=4),
)
KEYS = st.sampled_from(["x", "max_lines", "paths", "type", "prompt", "url", "trusted", "coding_task", "proven"])
VALUES = st.recursive(
    LEAVES, lambda one: st.lists(one, max_size=2) | st.dictionaries(KEYS, one, max_size=2), max_leaves=4
)


def _parts(hint: Any) -> Iterator[type[DeclaredTable]]:
    if isinstance(hint, type) and issubclass(hint, DeclaredTable):
        yield hint
        for each in hints(hint).values():
            yield from _parts(each)
    for inner in get_args(hint):
        yield from _parts(inner)


TABLES = sorted(set(_parts(FleetConfig)), key=lambda table: table.__name__)
FIELDS = [(table, name) for table in (*TABLES, MissionFields) for name in declared_fields(table)]


def test_all_tables_are_looked_at() -> None:
    """Those that stand in lists, in tables by name, and in tables that need not be there, too."""
    assert {"SignalRule", "AutoPart", "PolicyPart", "DivisionPart", "NotifyPart"} <= {each.__name__ for each in TABLES}


def _is_taken(table: type, name: str, value: object) -> bool:
    try:
        read_values(table, {name: value})
    except WrongValues:
        return False
    return True


@given(st.sampled_from(FIELDS), VALUES)
def test_each_key_takes_a_value_or_says_what_is_wrong(field: tuple[type, str], value: object) -> None:
    """Any value of TOML in any key of any table, and of a mission's front matter: nothing else is ever raised."""
    assert _is_taken(*field, value) in (True, False)


@pytest.mark.parametrize("value", [[["review"]], [{"a": 1}], {"a": ["b"]}, {"a": {"b": {}}}, [[[]]], [1.5, True]])
def test_lists_and_tables_where_words_are_expected(value: object) -> None:
    """In every key: no set takes them. Only some keys do, such as projects' files."""
    taken = {name for table, name in FIELDS if _is_taken(table, name, value)}
    assert len(taken) < len(FIELDS) / 4


@pytest.mark.parametrize("line", ['kinds = [["review"]]', "urgent = [{a = 1}]", "kinds = [1]", "urgent = [[[]]]"])
def test_a_kind_that_is_no_word_is_told_with_its_line(line: str) -> None:
    """As a word is that names none."""
    with pytest.raises(BrokenLedger, match=f"line 2: notify.{line.split()[0]}: there are {NotificationKind.REVIEW}"):
        read(f"[notify]\n{line}\n".encode())


@pytest.mark.parametrize("kind", [["review"], {"a": 1}, None, 3, "of tomorrow"])
def test_a_notification_of_a_kind_that_is_no_known_word_is_told_all_the_same(kind: object) -> None:
    """Whatever another version wrote down."""
    found = notification.read("k", {"kind": kind, "title": "t"})
    assert (found.kind, found.title) == (NotificationKind.LOG_REVIEW, "t")
