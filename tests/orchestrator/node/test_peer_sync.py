"""Facts about two nodes that sync: everything gets there and back, once, whatever is lost on the way."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from mobile_bridge.operations import Operation, read_operations

from orchestrator.adapters.database.factory import open_stores
from orchestrator.api.app import create_app
from orchestrator.api.auth.tokens import mint
from orchestrator.api.factory import open_authenticator
from orchestrator.api.web.context import AppServices
from orchestrator.app import wiring
from orchestrator.chat.synced_turns import SyncedTurns
from orchestrator.core.ports.conversations import ConversationTurn
from orchestrator.core.ports.stores import Stores
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings
from orchestrator.node.peer_sync import PeerSync, PeerSyncFailed
from tests.orchestrator.adapters.database.conftest import operation

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
PHONE = "phone~1"


@dataclass
class SyncedNode:
    """A node with its app, as another one reaches it."""

    name: str
    stores: Stores
    transport: httpx.BaseTransport

    def to(self, other: SyncedNode, transport: httpx.BaseTransport | None = None, token: str = "") -> PeerSync:
        """How this node syncs with the other one."""
        return PeerSync(
            url="http://localhost",
            token=token,
            node=self.name,
            ops=self.stores.sync_ops,
            marks=self.stores.marks,
            now=lambda: NOW_MS,
            transport=transport or other.transport,
        )

    def keys(self) -> list[str]:
        """What it holds, in order of names."""
        return sorted(op.key for op in read_operations(self.stores.sync_ops.pull(limit=1000).texts))

    def take_in(self) -> int:
        """Brings what came into its chats."""
        ops, chats, marks = self.stores.sync_ops, self.stores.synced_chats, self.stores.marks
        return SyncedTurns(ops=ops, chats=chats, marks=marks).take_in()

    def said(self, conversation: str) -> list[tuple[str, str]]:
        """A conversation as it stands there."""
        return [(turn.role, turn.content) for turn in self.stores.conversations.turns(conversation)]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[str], SyncedNode]]:
    """Makes nodes."""
    opened: list[Stores] = []

    def made(name: str) -> SyncedNode:
        settings = Settings(home=tmp_path / name, node_id=name, role=Role.HEADQUARTERS)
        ids = itertools.count(1)
        url = settings.store_url
        stores = open_stores(url, now=lambda: NOW, new_id=lambda: f"{name}-{next(ids)}", node=name)
        opened.append(stores)
        door = replace(open_authenticator(settings, stores), now=lambda: NOW)
        house = AppServices(
            settings=settings, now=lambda: NOW, fleet=lambda: wiring.fleet(settings), door=door, stores=stores
        )
        return SyncedNode(name, stores, httpx.WSGITransport(app=create_app(house)))

    yield made
    for stores in opened:
        stores.close()


class Losing(httpx.BaseTransport):
    """A way on which the answer to every second push is lost after it was done."""

    def __init__(self, way: httpx.BaseTransport) -> None:
        self.way, self.pushes = way, 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.way.handle_request(request)
        if request.url.path == "/sync/push":
            self.pushes += 1
            if self.pushes % 2:
                raise httpx.ReadTimeout("gone", request=request)
        return answer


def ops(device: str, *numbers: int) -> list[Operation]:
    """What a device said."""
    return [operation(device, n, wall=NOW_MS - 1000 + n) for n in numbers]


def test_what_each_has_the_other_gets_once(make: Callable[[str], SyncedNode]) -> None:
    """There and back in one exchange; the next one has nothing to do."""
    desk, vps = make("desk"), make("vps")
    desk.stores.sync_ops.push(ops(PHONE, 1, 2), now=NOW_MS)
    vps.stores.sync_ops.push(ops("tablet~1", 1), now=NOW_MS)
    made = desk.to(vps).exchange()
    assert (made.node, made.sent, made.taken) == ("vps", 2, 1)
    assert desk.keys() == vps.keys() == [f"{PHONE}/1", f"{PHONE}/2", "tablet~1/1"]
    again = desk.to(vps).exchange()
    assert (again.sent, again.taken) == (0, 0)


def test_a_conversation_goes_on_at_the_other_node(make: Callable[[str], SyncedNode]) -> None:
    """One history at both; what was said there comes back; nothing is doubled by going round."""
    desk, vps = make("desk"), make("vps")
    here = desk.stores.conversations.create("shop", "laptop", "The port").id
    desk.stores.conversations.append(here, ConversationTurn(role="user", content="Which port?", device="laptop"))
    desk.stores.conversations.append(here, ConversationTurn(role="assistant", content="8000", usage={"model": "m"}))
    desk.to(vps).exchange()
    assert vps.take_in() == 2
    assert vps.said(here) == [("user", "Which port?"), ("assistant", "8000")]
    there = vps.stores.conversations.get(here)
    assert (there.title, there.project, there.device) == ("The port", "shop", "laptop")
    vps.stores.conversations.append(here, ConversationTurn(role="user", content="Why?", device="phone"))
    desk.to(vps).exchange()
    assert desk.take_in() == 1
    assert desk.said(here) == vps.said(here)
    assert (desk.take_in(), vps.take_in()) == (0, 0)
    vps.stores.conversations.delete(here)
    desk.to(vps).exchange()
    desk.take_in()
    assert not desk.stores.synced_chats.has(here)  # hidden everywhere; the operations are all there
    assert len(desk.stores.sync_ops.of(f"chat/{here}")) == 6


def test_a_lost_answer_costs_only_time(make: Callable[[str], SyncedNode]) -> None:
    """What was sent before it was lost is a repetition the next time."""
    desk, vps = make("desk"), make("vps")
    desk.stores.sync_ops.push(ops(PHONE, 1, 2, 3), now=NOW_MS)
    losing = Losing(vps.transport)
    with pytest.raises(PeerSyncFailed, match="cannot be reached"):
        desk.to(vps, losing).exchange()
    assert desk.to(vps, losing).exchange().sent == 0  # all of it was there
    assert vps.keys() == desk.keys()


class Narrow(httpx.BaseTransport):
    """A way on which somebody in between takes no body that unpacks to more than so many bytes; keeps their sizes."""

    def __init__(self, way: httpx.BaseTransport, roof: int) -> None:
        self.way, self.roof, self.sizes = way, roof, list[int]()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            self.sizes.append(len(gzip.decompress(request.read())))
            if self.sizes[-1] > self.roof:
                return httpx.Response(413, json={"detail": "too large"})
        return self.way.handle_request(request)


def large(letter: str, numbers: int = 6) -> list[Operation]:
    """What a device said, each nearly as large as an operation may be, in letters of some bytes."""
    value = letter * (1_000_000 // len(letter.encode()))
    return [operation(PHONE, n, wall=NOW_MS - 1000 + n, value=value) for n in range(1, numbers + 1)]


@pytest.mark.parametrize("letter", ["x", "ü", "語", "🦊"])
def test_large_words_arrive_in_whatever_script(make: Callable[[str], SyncedNode], letter: str) -> None:
    """A push is counted in bytes, and fits into the body that the other one takes."""
    desk, vps = make("desk"), make("vps")
    desk.stores.sync_ops.push(large(letter), now=NOW_MS)
    way = Narrow(vps.transport, 4 * 1024 * 1024)
    assert desk.to(vps, way).exchange().sent == 6
    assert vps.keys() == desk.keys()
    assert len(way.sizes) == 2, "as few pushes as fit"
    assert vps.to(desk).exchange().taken == 0


def test_what_is_too_large_on_the_way_goes_in_smaller_parts(make: Callable[[str], SyncedNode]) -> None:
    """A proxy that takes less than the node; an operation that alone is too large is told, and waits."""
    desk, vps = make("desk"), make("vps")
    desk.stores.sync_ops.push(large("ü", 4), now=NOW_MS)
    assert desk.to(vps, Narrow(vps.transport, 2_200_000)).exchange().sent == 4
    desk.stores.sync_ops.push([operation("tablet~1", 1, wall=NOW_MS, value="x" * 900_000)], now=NOW_MS)
    with pytest.raises(PeerSyncFailed, match="answers 413"):
        desk.to(vps, Narrow(vps.transport, 500_000)).exchange()


def test_a_node_that_was_restored_gets_back_what_it_lost(make: Callable[[str], SyncedNode], tmp_path: Path) -> None:
    """Also what it had said itself after the backup; what it says now does not take the numbers of that."""
    desk, vps = make("desk"), make("vps")
    here = vps.stores.conversations.create("", "phone", "Hello").id
    vps.stores.conversations.append(here, ConversationTurn(role="user", content="before", device="phone"))
    vps.stores.copies.save(tmp_path / "backup.db")
    vps.stores.conversations.append(here, ConversationTurn(role="assistant", content="after"))
    desk.to(vps).exchange()
    vps.stores.copies.load(tmp_path / "backup.db")
    vps.stores.conversations.append(here, ConversationTurn(role="user", content="anew", device="phone"))
    desk.to(vps).exchange()
    assert desk.keys() == vps.keys()
    vps.take_in()
    desk.take_in()
    assert sorted(text for _, text in vps.said(here)) == ["after", "anew", "before"]
    assert sorted(text for _, text in desk.said(here)) == ["after", "anew", "before"]


def test_two_nodes_that_both_ask_at_once(make: Callable[[str], SyncedNode]) -> None:
    """Each syncs with the other: everything is there once."""
    desk, vps = make("desk"), make("vps")
    for n in range(1, 6):
        desk.stores.sync_ops.push(ops(PHONE, n), now=NOW_MS)
        vps.stores.sync_ops.push(ops("tablet~1", n), now=NOW_MS)
        desk.to(vps).exchange()
        vps.to(desk).exchange()
    assert desk.keys() == vps.keys()
    assert len(desk.keys()) == 10


def test_a_token_that_is_not_for_all_devices_is_told(make: Callable[[str], SyncedNode]) -> None:
    """With the command that makes the right one."""
    desk, vps = make("desk"), make("vps")
    desk.stores.sync_ops.push(ops(PHONE, 1), now=NOW_MS)
    narrow, _ = mint(vps.stores.tokens, "narrow", ["sync"], expires=None, device="desk")
    wide, _ = mint(vps.stores.tokens, "wide", ["sync"], expires=None, device="any")
    for token in ("", narrow, "sbk_wrong"):
        with pytest.raises(PeerSyncFailed, match="--device any"):
            desk.to(vps, token=token).exchange()
    assert desk.to(vps, token=wide).exchange().sent == 1


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"<html>", b'{"ops": 3, "cursor": "x"}', b'{"ops": [{"device": "x"}], "cursor": "x"}']
)
def test_another_program_is_told_from_a_node(make: Callable[[str], SyncedNode], answer: bytes) -> None:
    """Whatever it answers, it is one sentence, and nothing is taken."""
    desk = make("desk")
    way = httpx.MockTransport(lambda request: httpx.Response(200, content=answer))
    with pytest.raises(PeerSyncFailed):
        desk.to(desk, way).exchange()
    assert desk.keys() == []


def test_an_answer_without_end_is_given_up(make: Callable[[str], SyncedNode]) -> None:
    """A packed one, too: it counts as it is unpacked."""

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 1_000_000

    desk = make("desk")
    way = httpx.MockTransport(lambda request: httpx.Response(200, content=endless()))
    with pytest.raises(PeerSyncFailed, match="more than"):
        desk.to(desk, way).exchange()


def test_a_password_in_an_address_is_told_nowhere(make: Callable[[str], SyncedNode]) -> None:
    """Neither in what is said of a node that does not answer, nor in the marks that a backup holds."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    one, other = make("desk"), make("vps")
    careful = replace(one.to(other, httpx.MockTransport(refuse)), url="https://ada:geheim@vps.example:8823/x@y")
    assert careful.place == "https://vps.example:8823/x@y"
    with pytest.raises(PeerSyncFailed, match="cannot be reached") as told:
        careful.exchange()
    assert "vps.example:8823/x@y" in str(told.value)
    assert "geheim" not in str(told.value)
    assert "geheim" not in repr(careful)
