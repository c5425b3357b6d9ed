"""Does the sync worker bring in what came, sync with the right nodes, and wait where one does not answer?"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from orchestrator.adapters.database.factory import open_stores
from orchestrator.app.devices.sync_worker import SyncWorker, peer_addresses
from orchestrator.chat.synced_turns import SyncedTurns
from orchestrator.core.ports.stores import Stores
from orchestrator.core.roles import Role
from orchestrator.core.secret_text import SecretText
from orchestrator.core.settings import Settings
from orchestrator.node.peer_sync import PeerSync
from orchestrator.node.wakeups import ChangeSignal
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
