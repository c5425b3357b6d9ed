"""Is an event of a supplier read as CloudEvents 1.0 says, and is everything else refused by the attribute's name?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.errors import WrongSetting
from orchestrator.workflow.signals.cloud_event import MAX_DATA_CHARS, CloudEvent, read_event

WHOLE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "https://alerts.example",
    "type": "disk.full",
    "subject": "nas",
    "time": "2026-11-21T12:00:00Z",
    "data": {"free": 3, "path": "/var"},
}


def test_a_whole_event() -> None:
    """Every attribute that is read, the time with its zone."""
    event = read_event(WHOLE)
    assert (event.id, event.source, event.type, event.subject) == ("1", "https://alerts.example", "disk.full", "nas")
    assert event.time == datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert event.data == {"free": 3, "path": "/var"}


def test_what_may_be_left_out() -> None:
    """Subject and data; extensions say nothing here."""
    bare = {key: value for key, value in WHOLE.items() if key not in ("subject", "data")}
    event = read_event({**bare, "traceparent": "00-1", "role": "admin"})
    assert (event.subject, event.data) == ("", None)


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type", "time"])
def test_what_must_be_there_is_named(name: str) -> None:
    """The reader of the answer learns which attribute is missing."""
    with pytest.raises(WrongSetting) as caught:
        read_event({key: value for key, value in WHOLE.items() if key != name})
    assert caught.value.name == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("specversion", "0.3"),
        ("specversion", 1.0),
        ("id", ""),
        ("id", 7),
        ("id", "x" * 501),
        ("source", None),
        ("source", ""),
        ("type", ["disk.full"]),
        ("type", "x" * 501),
        ("subject", "x" * 501),
        ("subject", {}),
        ("time", "2026-11-21T12:00:00"),
        ("time", "yesterday"),
        ("time", ""),
        ("data", float("nan")),
        ("data", {"deep": [float("inf")]}),
        ("data", "x" * MAX_DATA_CHARS),
    ],
)
def test_what_is_not_as_it_should_be_is_named(name: str, value: object) -> None:
    """A wrong type, a time without a zone, a number that no JSON has, more than is read."""
    with pytest.raises(WrongSetting) as caught:
        read_event({**WHOLE, name: value})
    assert caught.value.name == name
    assert "xxx" not in str(caught.value)


@pytest.mark.parametrize("found", [None, "event", 7, [WHOLE], [], True])
def test_what_is_no_object_is_no_event(found: object) -> None:
    """A batch is taken apart before."""
    with pytest.raises(WrongSetting, match="event"):
        read_event(found)


def test_data_in_base64_is_refused_and_not_overlooked() -> None:
    """Its supplier would think that it had been read."""
    with pytest.raises(WrongSetting, match="data_base64"):
        read_event({**WHOLE, "data_base64": "AAAA"})


def test_data_that_is_too_deep_is_refused() -> None:
    """However deep somebody nests, the reader ends with one clear line."""
    deep: list[Any] = []
    for _ in range(200_000):
        deep = [deep]
    with pytest.raises(WrongSetting) as caught:
        read_event({**WHOLE, "data": deep})
    assert caught.value.name == "data"


def test_the_digest_is_of_all_that_is_read() -> None:
    """The same event has the same one, in whatever order its keys came; another attribute has another."""
    one = read_event(WHOLE)
    turned = dict(reversed(list(WHOLE.items()))) | {"data": {"path": "/var", "free": 3}, "more": "x"}
    assert read_event(turned).digest == one.digest
    changes: list[dict[str, Any]] = [
        {"id": "2"},
        {"source": "https://other.example"},
        {"type": "disk.low"},
        {"subject": "desk"},
        {"time": "2026-11-21T12:00:01Z"},
        {"data": {"free": 4, "path": "/var"}},
        {"data": None},
    ]
    digests = {read_event({**WHOLE, **change}).digest for change in changes}
    assert len(digests | {one.digest}) == len(changes) + 1


def test_what_is_said_in_one_attribute_is_not_said_in_the_next() -> None:
    """Words that together read the same are still two events."""
    assert (
        read_event({**WHOLE, "source": "ab", "type": "c"}).digest
        != read_event({**WHOLE, "source": "a", "type": "bc"}).digest
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*WHOLE, "data_base64", "x"]), JSON, max_size=8))
def test_any_object_is_an_event_or_refused(changes: dict[str, Any]) -> None:
    """No value of any attribute raises anything but a WrongSetting."""
    try:
        event = read_event({**WHOLE, **changes})
    except WrongSetting:
        return
    assert isinstance(event, CloudEvent)
    assert event.time.tzinfo is not None
    assert len(event.digest) == 64
