"""Are orders and turns that devices bring read as they were meant, and can none of them stop a node?"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mobile_bridge.device_quota import DAY_MS, DeviceQuota, DeviceUse, seconds_to_next_day
from mobile_bridge.errors import OperationRefused
from mobile_bridge.intents import (
    ACTIONS,
    BOUND,
    ENTITY_PREFIX,
    INTENT,
    MAX_LIFE_MS,
    OUTCOME,
    Intent,
    UnusableIntent,
    is_intent_entity,
    outcome_draft,
    read_intent,
    settled_intents,
)
from mobile_bridge.operations import Draft, Operation, check_value
from mobile_bridge.turns import (
    CHAT,
    MAX_TURN_CHARACTERS,
    ROLES,
    TURN,
    SyncedTurn,
    conversation_of,
    read_turn,
    setting_draft,
    turn_draft,
)

NOW = 1_795_000_000_000
DEVICE = "A" * 22


def operation(value: Any, *, entity: str = f"{ENTITY_PREFIX}o1", field: str = INTENT, **more: Any) -> Operation:
    """What a device says, at NOW."""
    stamp = f"{NOW:015d}-00000-{DEVICE}"
    return Operation(
        device=DEVICE,
        seq=1,
        hlc=stamp,
        kind=more.pop("kind", "append"),
        entity=entity,
        field=field,
        value=value,
        **more,
    )


def said(draft: Draft) -> Operation:
    """A draft as the operation that it becomes."""
    return operation(draft.value, entity=draft.entity, field=draft.field, kind=draft.kind)


def order(action: str = "approve", **more: Any) -> dict[str, Any]:
    """An order for the next minute."""
    return {"action": action, "mission": "fix", "digest": "d1", "expires": NOW + 60_000, "body": {}, **more}


@pytest.mark.parametrize("action", ACTIONS)
def test_an_order_is_read(action: str) -> None:
    """With its mission, what was looked at, and the words that it needs."""
    found = read_intent(operation(order(action, body={"comment": "well done"})), now=NOW)
    assert (found.action, found.mission, found.digest, found.expires) == (action, "fix", "d1", NOW + 60_000)
    assert (found.word("comment"), found.word("reason")) == ("well done", "")
    assert Intent(action=action, mission="", digest="", expires=0, body={"comment": 7}).word("comment") == ""


@pytest.mark.parametrize("action", ACTIONS)
def test_a_decision_is_bound_to_what_was_looked_at(action: str) -> None:
    """Without it a decision is none; other orders need no digest."""
    without = operation(order(action, digest=None))
    if action in BOUND:
        with pytest.raises(UnusableIntent, match="digest"):
            read_intent(without, now=NOW)
    else:
        assert read_intent(without, now=NOW).digest == ""


@pytest.mark.parametrize(
    ("now", "expires", "counts"),
    [
        (NOW, NOW + 1, True),
        (NOW, NOW, False),
        (NOW + 59_999, NOW + 60_000, True),
        (NOW + MAX_LIFE_MS - 1, 2**53, True),
        (NOW + MAX_LIFE_MS, 2**53, False),
        (NOW, -1, False),
    ],
)
def test_an_order_ends(now: int, expires: int, counts: bool) -> None:
    """When it says so, and after thirty days whatever it says."""
    asked = operation(order(expires=expires))
    if counts:
        assert read_intent(asked, now=now).action == "approve"
    else:
        with pytest.raises(UnusableIntent, match="too late"):
            read_intent(asked, now=now)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"action": "delete"}, "this node knows approve, cancel, file, pause, reject, resume"),
        ({"action": ["approve"]}, "this node knows"),
        ({"action": None}, "this node knows"),
        ({"expires": "soon"}, "milliseconds"),
        ({"expires": True}, "milliseconds"),
        ({"expires": None}, "milliseconds"),
        ({"body": ["x"]}, "milliseconds"),
        ({"mission": 7}, "milliseconds"),
        ({"digest": ["d1"]}, "digest"),
    ],
)
def test_what_is_no_order_says_what_one_is(change: dict[str, Any], words: str) -> None:
    """To the person at the device."""
    with pytest.raises(UnusableIntent, match=words):
        read_intent(operation(order(**change)), now=NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PARTS = st.sampled_from(["action", "mission", "digest", "expires", "body", "role", "text", "device", "said", "model"])


@given(JSON | st.dictionaries(PARTS, JSON))
def test_no_value_of_an_order_or_a_turn_stops_a_node(value: Any) -> None:
    """Whatever a device puts there, it is one or it is none."""
    for field in (INTENT, OUTCOME, TURN):
        made = operation(value, entity=f"{CHAT}c1", field=field)
        settled_intents((made,))
        turn = read_turn(made)
        assert turn is None or turn.role in ROLES
    with pytest.raises(UnusableIntent):
        read_intent(operation(value if not isinstance(value, dict) else {**value, "action": None}), now=NOW)


def test_what_became_of_it_is_told_in_the_orders_own_place() -> None:
    """By the order's key; whoever reads the entity knows then which orders are settled."""
    asked = operation(order())
    assert settled_intents((asked,)) == set()
    told = outcome_draft(asked, "refused", "it waits no more", "fix")
    assert (told.entity, told.field, told.kind) == (asked.entity, OUTCOME, "append")
    assert told.value == {"intent": asked.key, "state": "refused", "says": "it waits no more", "mission": "fix"}
    assert settled_intents((asked, said(told))) == {asked.key}


@pytest.mark.parametrize(
    ("entity", "is_order", "conversation"),
    [
        ("intent/o1", True, ""),
        ("chat/c1", False, "c1"),
        ("chat/", False, ""),
        ("chat/..", False, ""),
        ("mychat/c1", False, ""),
        ("", False, ""),
    ],
)
def test_what_an_entity_stands_for(entity: str, is_order: bool, conversation: str) -> None:
    """An order, a conversation, or neither."""
    assert (is_intent_entity(entity), conversation_of(entity)) == (is_order, conversation)


WORDS = st.text(max_size=60)


@given(st.sampled_from(sorted(ROLES)), WORDS.filter(bool), WORDS, WORDS, WORDS)
def test_a_turn_is_read_as_it_was_told(role: str, text: str, device: str, when: str, model: str) -> None:
    """Halves of surrogate pairs are gone, which no JSON carries; the rest is as it was, and may be sent."""
    draft = turn_draft("c1", SyncedTurn(role=role, text=text, device=device, said=when, model=model))
    check_value(draft.value, "value")
    found = read_turn(said(draft))
    assert found is not None
    plain = [each.encode("utf-8", "replace").decode() for each in (text, device, when, model)]
    assert [found.text, found.device, found.said, found.model] == plain
    assert conversation_of(draft.entity) == "c1"


def test_of_a_long_turn_the_beginning_is_told() -> None:
    """And of a long name as much as one has."""
    long = turn_draft("c1", SyncedTurn(role="user", text="x" * (MAX_TURN_CHARACTERS + 1), model="m" * 500))
    found = read_turn(said(long))
    assert found is not None
    assert (len(found.text), len(found.model)) == (MAX_TURN_CHARACTERS, 100)


@pytest.mark.parametrize(
    "change",
    [
        {"value": {"role": "system", "text": "x"}},
        {"value": {"role": ["user"], "text": "x"}},
        {"value": {"role": {"user": 1}, "text": "x"}},
        {"value": {"role": "user", "text": ""}},
        {"value": {"role": "user", "text": ["x"]}},
        {"value": "x"},
        {"kind": "set"},
        {"field": "title"},
    ],
)
def test_what_is_no_turn_is_none(change: dict[str, Any]) -> None:
    """Nobody speaks as the system."""
    base: dict[str, Any] = {"value": {"role": "user", "text": "x"}, "field": TURN, "kind": "append"}
    assert read_turn(operation(**base)) is not None
    assert read_turn(operation(**{**base, **change})) is None


def test_a_conversations_settings() -> None:
    """A title as far as a turn may be long; whether it is hidden."""
    assert setting_draft("c1", "title", "t" * (MAX_TURN_CHARACTERS + 5)).value == "t" * MAX_TURN_CHARACTERS
    assert setting_draft("c1", "hidden", True).value is True
    assert setting_draft("c1", "title", "a\ud800").value == "a?"
    assert setting_draft("c1", "title", "a").kind == "set"


QUOTA = DeviceQuota(day_operations=10, total_bytes=1000)


def test_so_many_operations_a_day_and_so_many_bytes_in_all() -> None:
    """Up to the limit itself; the next day the count begins anew, the bytes stay."""
    use = DeviceUse().charged(QUOTA, NOW, operations=10, size=600)
    with pytest.raises(OperationRefused) as caught:
        use.charged(QUOTA, NOW, operations=1, size=0)
    assert caught.value.kind == "quota"
    tomorrow = use.charged(QUOTA, NOW + DAY_MS, operations=1, size=400)
    assert (tomorrow.operations, tomorrow.total_bytes, tomorrow.day) == (1, 1000, NOW // DAY_MS + 1)
    with pytest.raises(OperationRefused) as caught:
        tomorrow.charged(QUOTA, NOW + 2 * DAY_MS, operations=1, size=1)
    assert caught.value.kind == "full"
    free = DeviceQuota(day_operations=0, total_bytes=0)
    assert DeviceUse().charged(free, NOW, operations=10**6, size=10**12).operations == 10**6


@given(st.integers(0, 2**45))
def test_the_next_day_begins_when_it_is_told(now: int) -> None:
    """Not before midnight (UTC), and within two seconds of it."""
    then = now + seconds_to_next_day(now) * 1000
    assert then // DAY_MS == now // DAY_MS + 1
    assert then % DAY_MS <= 1000
