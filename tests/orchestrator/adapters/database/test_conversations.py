"""Facts about kept conversations and tool calls."""

from __future__ import annotations

import pytest

from orchestrator.core.errors import NotFound, Refused, WrongSetting
from orchestrator.core.ports.conversations import Conversation, ConversationTurn, ToolCall
from orchestrator.core.ports.stores import Stores


def begun(stores: Stores, *, project: str = "shop", device: str = "phone", title: str = "t") -> Conversation:
    """A new conversation."""
    return stores.conversations.create(project, device, title)


def test_a_conversation_is_found_as_it_was_made(stores: Stores) -> None:
    """create and get agree; an unknown one is not found."""
    made = begun(stores)
    assert stores.conversations.get(made.id) == made
    assert (made.turns, made.project, made.device) == (0, "shop", "phone")
    with pytest.raises(NotFound, match="nowhere"):
        stores.conversations.get("nowhere")


def test_turns_come_back_in_order(stores: Stores) -> None:
    """Turns are numbered from 1 without gaps, with everything that they were given."""
    one, other = begun(stores), begun(stores)
    first = stores.conversations.append(one.id, ConversationTurn(role="user", content="hi", device="phone"))
    usage, trace = {"tokens_in": 3, "cached": None}, {"tiers": ["a", {"cut": 1.5}]}
    second = stores.conversations.append(
        one.id, ConversationTurn(role="assistant", content="ho", usage=usage, trace=trace)
    )
    stores.conversations.append(other.id, ConversationTurn(role="user", content="else"))
    assert stores.conversations.turns(one.id) == (first, second)
    assert (first.seq, second.seq, second.usage, second.trace) == (1, 2, usage, trace)
    assert stores.conversations.turns(one.id, after_seq=1) == (second,)
    assert stores.conversations.turns(one.id, limit=1) == (first,)
    found = stores.conversations.get(one.id)
    assert (found.turns, found.updated) == (2, second.created)


def test_a_turn_with_a_known_key_is_not_added_again(stores: Stores) -> None:
    """The key makes a turn the same one, in its conversation; used for something else it is refused."""
    one, other = begun(stores), begun(stores)
    turn = ConversationTurn(role="user", content="pay", idempotency_key="k1")
    first = stores.conversations.append(one.id, turn)
    again = stores.conversations.append(one.id, turn)
    assert (first.repeated, again.repeated, again.seq) == (False, True, first.seq)
    assert stores.conversations.get(one.id).turns == 1
    assert not stores.conversations.append(other.id, turn).repeated
    with pytest.raises(Refused, match="turn 1"):
        stores.conversations.append(one.id, ConversationTurn(role="user", content="pay twice", idempotency_key="k1"))
    for _ in range(2):  # without a key, two are two
        stores.conversations.append(one.id, ConversationTurn(role="user", content="same"))
    assert [turn.seq for turn in stores.conversations.turns(one.id)] == [1, 2, 3]


def test_nothing_is_said_to_a_conversation_that_is_not_there(stores: Stores) -> None:
    """append and turns raise NotFound, also after a deletion, which takes turns and calls with it."""
    one = begun(stores)
    stores.conversations.append(one.id, ConversationTurn(role="user", content="hi"))
    call = stores.tool_calls.begin(ToolCall(conversation_id=one.id, name="read", arguments={}))
    assert stores.conversations.delete(one.id)
    assert not stores.conversations.delete(one.id)
    for ask in (stores.conversations.turns, stores.conversations.get):
        with pytest.raises(NotFound):
            ask(one.id)
    with pytest.raises(NotFound):
        stores.conversations.append(one.id, ConversationTurn(role="user", content="hi"))
    with pytest.raises(NotFound):
        stores.tool_calls.get(call.id)


def test_the_listing_shows_what_was_used_last(stores: Stores) -> None:
    """Newest first, by device and project, and page by page without loss or repetition."""
    made = [begun(stores, project=project, device=device) for project in ("a", "b") for device in ("x", "y")]
    stores.conversations.append(made[0].id, ConversationTurn(role="user", content="again"))
    order = [made[0].id, made[3].id, made[2].id, made[1].id]
    listing = stores.conversations.listing
    assert [each.id for each in listing()] == order
    assert {each.id for each in listing(project="a")} == {made[0].id, made[1].id}
    assert [each.id for each in listing(project="a", device="y")] == [made[1].id]
    pages, before = [], ""
    while page := listing(limit=3, before=before):
        pages += [each.id for each in page]
        before = page[-1].cursor
    assert pages == order


@pytest.mark.parametrize("cursor", ["x", "~", "2026-11-21T12:00:00~id", "' OR 1=1 --"])
def test_a_cursor_of_ones_own_is_refused(stores: Stores, cursor: str) -> None:
    """Words that no listing gave out are named, not run."""
    with pytest.raises(WrongSetting, match="before"):
        stores.conversations.listing(before=cursor)


def test_a_tool_call_is_seen_before_and_after(stores: Stores) -> None:
    """A call is there from its beginning, and ends with what came of it."""
    one = begun(stores)
    call = stores.tool_calls.begin(ToolCall(conversation_id=one.id, name="read", arguments={"path": "a"}))
    assert stores.tool_calls.get(call.id) == call
    assert (call.state, call.id > 0, call.begun is not None) == ("running", True, True)
    stores.tool_calls.finish(call.id, state="done", result={"text": "é\0"}, seconds=0.25)
    later = stores.tool_calls.begin(ToolCall(conversation_id=one.id, name="shell", arguments={}, state="held"))
    first, second = stores.tool_calls.listing(one.id)
    assert (first.state, first.result, first.seconds) == ("done", {"text": "é\0"}, 0.25)
    assert second == later
    assert stores.tool_calls.listing(one.id, after_id=first.id) == (later,)
    assert stores.tool_calls.listing(one.id, limit=1) == (first,)


def test_a_tool_call_needs_its_conversation(stores: Stores) -> None:
    """A call without a conversation, and the end of an unknown call, are not found."""
    with pytest.raises(NotFound, match="nowhere"):
        stores.tool_calls.begin(ToolCall(conversation_id="nowhere", name="read", arguments={}))
    with pytest.raises(NotFound, match="7"):
        stores.tool_calls.finish(7, state="done", result={}, seconds=0)
