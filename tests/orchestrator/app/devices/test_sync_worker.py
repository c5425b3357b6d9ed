"""Does the sync worker bring in what came, sync with the right nodes, and wait where one does not answer?"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from mobile_bridge.errors import OperationRefused
from mobile_bridge.operations import Operation

from orchestrator.adapters.database.factory import open_stores
from orchestrator.app.devices import sync_worker
from orchestrator.app.devices.sync_worker import SyncWorker, peer_addresses
from orchestrator.chat.synced_turns import SyncedTurns
from orchestrator.core.errors import StoreFailed, WrongSetting
from orchestrator.core.ports.conversations import Conversation, ConversationTurn, SyncedChats
from orchestrator.core.ports.stores import Stores
from orchestrator.core.roles import Role
from orchestrator.core.secret_text import SecretText
from orchestrator.core.settings import Settings
from orchestrator.node.peer_sync import PeerSync
from orchestrator.node.wakeups import ChangeSignal
from sync.backoff import Backoff
from tests.orchestrator.adapters.database.conftest import LATER, NOON, operation

WAIT_SECONDS = 60


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    """A node's stores."""
    opened = open_stores(f"sqlite:///{tmp_path}/x.db", now=lambda: NOON, new_id=str)
    yield opened
    opened.close()


def worker(stores: Stores, signal: ChangeSignal, *peers: httpx.BaseTransport) -> SyncWorker:
    """A worker with these other nodes."""
    made = [
        PeerSync(
            url="http://localhost",
            token="",
            node="desk",
            ops=stores.sync_ops,
            marks=stores.marks,
            now=lambda: LATER,
            transport=peer,
        )
        for peer in peers
    ]
    turns = SyncedTurns(ops=stores.sync_ops, chats=stores.synced_chats, marks=stores.marks)
    return SyncWorker(turns=turns, peers=made, signal=signal, clock=time.monotonic)


def test_turns_that_come_in_are_in_the_chats_soon(stores: Stores) -> None:
    """Those that were there when it began, and those that ring."""
    signal = ChangeSignal()

    def say(number: int) -> None:
        turn = {"role": "user", "text": f"Word {number}"}
        stores.sync_ops.push([operation("p~1", number, entity="chat/c", field="turn", value=turn)], now=LATER)

    say(1)
    stop = worker(stores, signal).start()
    over = time.monotonic() + WAIT_SECONDS
    try:
        for number in (1, 2):
            while not stores.synced_chats.has("c") or len(stores.conversations.turns("c")) < number:
                assert time.monotonic() < over
                time.sleep(0.02)
            say(2)
            signal.ring()
    finally:
        stop()
    assert [turn.content for turn in stores.conversations.turns("c")] == ["Word 1", "Word 2"]


def test_a_conversation_that_is_called_as_a_folder_above_comes_into_no_chat(stores: Stores) -> None:
    """Deleting it would remove what lies above the workspaces of all chats."""
    turn = {"role": "user", "text": "Hello"}
    said = [operation("p~1", n, entity=f"chat/{name}", field="turn", value=turn) for n, name in ((1, ".."), (2, "c"))]
    stores.sync_ops.push(said, now=LATER)
    turns = SyncedTurns(ops=stores.sync_ops, chats=stores.synced_chats, marks=stores.marks)
    assert turns.take_in() == 1
    assert [each.id for each in stores.conversations.listing()] == ["c"]


def chat(number: int, entity: str, field: str = "turn", value: object = None) -> Operation:
    """Something that a phone says of a chat: a turn, or what is given."""
    said = {"role": "user", "text": f"Word {number}"} if value is None else value
    return operation("p~1", number, entity=entity, field=field, value=said, kind="append" if value is None else "set")


@pytest.mark.parametrize("field", ["project", "title"])
@pytest.mark.parametrize("odd", ["x" * 1_000_000, "a\x00b", "\u202eevil", "two\nlines"])
def test_an_odd_setting_of_one_chat_stops_no_chat(stores: Stores, field: str, odd: str) -> None:
    """A name that no database holds is none; the turns come in, of this chat and of the others."""
    said = [chat(1, "chat/odd"), chat(2, "chat/odd", field, odd), chat(3, "chat/fine")]
    stores.sync_ops.push(said, now=LATER)
    turns = SyncedTurns(ops=stores.sync_ops, chats=stores.synced_chats, marks=stores.marks)
    assert turns.take_in() == 2
    assert turns.take_in() == 0
    kept = stores.conversations.get("odd")
    assert len(kept.title) <= 200
    assert kept.project in ("", odd)
    assert kept.project == ""
    turn = {"role": "user", "text": "Hello", "device": "d\x00"}
    stores.sync_ops.push([operation("p~1", 4, entity="chat/odd", field="turn", value=turn)], now=LATER)
    assert turns.take_in() == 1


class Picky(SyncedChats):
    """Chats that refuse one conversation, as a database does that cannot keep it; `error` is how."""

    def __init__(self, chats: SyncedChats, error: Exception) -> None:
        self.chats, self.error = chats, error

    def take_in(self, conversation: Conversation, turns: Sequence[ConversationTurn]) -> int:
        if conversation.id == "odd":
            raise self.error
        return self.chats.take_in(conversation, turns)


@pytest.mark.parametrize("error", [WrongSetting("project", "too long"), ValueError("odd")])
def test_a_chat_that_cannot_be_taken_in_is_told_and_left_out(
    stores: Stores, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Once; the mark goes on behind it."""
    stores.sync_ops.push([chat(1, "chat/odd"), chat(2, "chat/fine")], now=LATER)
    turns = SyncedTurns(ops=stores.sync_ops, chats=Picky(stores.synced_chats, error), marks=stores.marks)
    assert [turns.take_in(), turns.take_in()] == [1, 0]
    assert [each.id for each in stores.conversations.listing()] == ["fine"]
    assert len([each for each in caplog.records if "chat/odd is left out" in each.getMessage()]) == 1


def test_a_database_that_is_away_leaves_no_chat_out(stores: Stores) -> None:
    """It is no word of a device: all of it comes again."""
    stores.sync_ops.push([chat(1, "chat/odd"), chat(2, "chat/fine")], now=LATER)
    away = Picky(stores.synced_chats, StoreFailed("x.db", "it is held", passing=True))
    with pytest.raises(StoreFailed):
        SyncedTurns(ops=stores.sync_ops, chats=away, marks=stores.marks).take_in()
    assert SyncedTurns(ops=stores.sync_ops, chats=stores.synced_chats, marks=stores.marks).take_in() == 2


@pytest.mark.parametrize("error", [StoreFailed("x.db", "it is held"), ValueError("odd"), OperationRefused("gap", "x")])
def test_what_breaks_off_is_done_in_the_next_round(
    stores: Stores, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it was, and whether anything else comes in: orders, another node, the chats."""
    monkeypatch.setattr(sync_worker, "RETRY", Backoff(first=0.001, limit=0.01, jitter=(0.5, 1.0)))
    monkeypatch.setattr(sync_worker, "SETTLE_SECONDS", 0.001)
    errors, done = {"orders": error, "peer": error}, {"orders": threading.Event(), "peer": threading.Event()}

    def breaks(what: str) -> None:
        if (first := errors.pop(what, None)) is not None:
            raise first
        done[what].set()

    def peer(request: httpx.Request) -> httpx.Response:
        breaks("peer")
        raise httpx.ConnectError("refused", request=request)

    signal = ChangeSignal()
    made = worker(stores, signal, httpx.MockTransport(peer))
    made.orders = lambda: breaks("orders")
    stop = made.start()
    try:
        assert [each.wait(WAIT_SECONDS) for each in done.values()] == [True, True]
    finally:
        stop()


def test_a_node_that_does_not_answer_is_told_once_and_left_alone_for_a_while(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    """What rings meanwhile does not make it ask again at once."""
    asked, first = list[float](), threading.Event()

    def gone(request: httpx.Request) -> httpx.Response:
        asked.append(time.monotonic())
        first.set()
        raise httpx.ConnectError("refused", request=request)

    signal = ChangeSignal()
    with caplog.at_level("WARNING"):
        stop = worker(stores, signal, httpx.MockTransport(gone)).start()
        try:
            assert first.wait(WAIT_SECONDS)
            for _ in range(3):
                signal.ring()
        finally:
            stop()
    assert len(asked) == 1
    assert len([each for each in caplog.records if "cannot be reached" in each.getMessage()]) == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({}, []),
        ({"hq_url": "http://hq"}, []),
        ({"hq_url": "http://hq", "sync_token": SecretText("t")}, [("http://hq", "t")]),
        ({"hq_url": "http://hq", "sync_token": SecretText("t"), "role": Role.HEADQUARTERS}, []),
        (
            {"hq_url": "http://hq", "sync_token": SecretText("t"), "sync_peers": "http://a, http://b"},
            [("http://a", "t"), ("http://b", "t")],
        ),
    ],
)
def test_the_nodes_to_sync_with_are_those_that_are_set(
    tmp_path: Path, words: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    """Or headquarters, where there is a token that was made for that."""
    assert peer_addresses(Settings(home=tmp_path, **words)) == expected
