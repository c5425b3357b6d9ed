"""Facts about what a column gives back, on each database."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.core.errors import NotFound, WrongSetting
from orchestrator.core.ports.conversations import ConversationTurn
from orchestrator.core.ports.stores import Stores
from tests.orchestrator.adapters.database.conftest import NOON

ANY = st.text(st.characters())  # with U+0000, halves of surrogate pairs, the escape itself
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY, inner, max_size=3),
    max_leaves=8,
)
OFTEN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture
def here(stores: Stores) -> str:
    """A conversation's id."""
    return stores.conversations.create("", "", "").id


@OFTEN
@given(content=ANY | st.text('\x1b\0\ud800ab"\\'), trace=st.dictionaries(ANY, JSON, max_size=3))
def test_every_text_comes_back(stores: Stores, here: str, content: str, trace: dict[str, object]) -> None:
    """Any text and any JSON object is given back as it was given, and the same after a look at the database."""
    added = stores.conversations.append(here, ConversationTurn(role="user", content=content, trace=trace))
    (found,) = stores.conversations.turns(here, after_seq=added.seq - 1)
    assert (found.content, found.trace) == (content, trace)


@OFTEN
@given(when=st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)), hours=st.integers(-12, 14))
def test_every_moment_comes_back(stores: Stores, when: datetime, hours: int) -> None:
    """A moment is the same moment in every time zone, to the microsecond."""
    moment = when.replace(tzinfo=timezone(timedelta(hours=hours)))
    stores.devices.put_state("d", {}, moment)
    found = stores.devices.state("d")
    assert found is not None
    assert (found.when, found.when.utcoffset()) == (moment, timedelta(0))


@pytest.mark.parametrize("name", ["x" * 101, "a\0b", "\ud800"])
def test_a_name_that_cannot_be_kept_is_refused_alike(stores: Stores, name: str) -> None:
    """No database gets to see it, whether it is written or asked for; nothing is cut off silently."""
    with pytest.raises(WrongSetting, match=r"characters|without"):
        stores.conversations.create("", name, "")
    with pytest.raises(WrongSetting):
        stores.conversations.get(name)
    assert stores.conversations.listing() == ()


def test_a_name_of_full_length_is_kept(stores: Stores) -> None:
    """A hundred characters are a hundred characters, not bytes."""
    made = stores.conversations.create("", "\N{SNOWMAN}" * 100, "")
    assert stores.conversations.get(made.id).device == "\N{SNOWMAN}" * 100


@pytest.mark.parametrize("value", [math.nan, math.inf, {"deep": [-math.inf]}, object(), b"bytes", {NOON}])
def test_what_is_no_json_is_refused(stores: Stores, value: object) -> None:
    """A number that JSON does not have would break every reader after this one."""
    with pytest.raises(WrongSetting, match="JSON"):
        stores.devices.put_state("d", {"value": value}, NOON)
    assert stores.devices.state("d") is None


def test_an_endless_document_is_refused(stores: Stores) -> None:
    """One that holds itself ends in words, not in a traceback."""
    endless: dict[str, object] = {}
    endless["self"] = endless
    with pytest.raises(WrongSetting, match="JSON"):
        stores.devices.put_state("d", endless, NOON)


def test_a_moment_without_its_zone_is_refused(stores: Stores) -> None:
    """Nobody knows which moment it is."""
    with pytest.raises(WrongSetting, match="time zone"):
        stores.devices.put_state("d", {}, NOON.astimezone(UTC).replace(tzinfo=None))


@pytest.mark.parametrize("word", ["'; DROP TABLE messages; --", "%s", ":name", "$1", "\\"])
def test_words_are_never_run(stores: Stores, word: str) -> None:
    """What looks like SQL is text."""
    made = stores.conversations.create(word, word, word)
    stores.conversations.append(made.id, ConversationTurn(role=word, content=word, idempotency_key=word))
    assert stores.conversations.turns(made.id)[0].content == word
    assert [each.id for each in stores.conversations.listing(device=word, project=word)] == [made.id]
    with pytest.raises(NotFound):
        stores.conversations.get(word)


@pytest.mark.parametrize("number", [-(10**30), -1, 0, 2**31, 2**63, 10**30])
def test_a_number_out_of_bounds_is_the_nearest_one(stores: Stores, here: str, number: int) -> None:
    """Numbers from outside, however large, ask for all or for nothing; they break no statement."""
    stores.conversations.append(here, ConversationTurn(role="user", content="a"))
    stores.devices.put_state("d", {}, NOON)
    many = number > 0
    assert len(stores.conversations.turns(here, after_seq=number)) == (0 if many else 1)
    assert len(stores.conversations.turns(here, limit=number)) == (1 if many else 0)
    assert len(stores.conversations.listing(limit=number)) == (1 if many else 0)
    assert len(stores.devices.history("d", number, before=number)) == (1 if many else 0)
    assert stores.tool_calls.listing(here, number, number) == ()
    assert len(stores.sync_ops.pull("", number).texts) == 1  # a page is never empty where something follows
    with pytest.raises(NotFound):
        stores.tool_calls.get(number)
