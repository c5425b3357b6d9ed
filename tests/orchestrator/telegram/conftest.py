"""What the tests of the bot have in common: the API's stand-in, a real database, a real ledger with real keys."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.telegram.bot_api import TelegramBot
from orchestrator.app import wiring
from orchestrator.chat.values import ChatAnswer, ChatRequest
from orchestrator.core.ports.model import Usage
from orchestrator.core.ports.stores import Stores
from orchestrator.core.settings import Settings
from orchestrator.ledger.node_pages import LastSeenStore
from orchestrator.telegram.decisions import ChatDecisions
from orchestrator.telegram.desk import TelegramDesk
from orchestrator.telegram.door import TelegramDoor
from orchestrator.workflow.fleet import Fleet
from tests.databases import brought_up
from tests.ledgers import FLEET, Keys, Peer, Town
from tests.telegram_server import TOKEN, TelegramServer, telegram_server
from tests.waiting import until

REVIEW = "---\ntitle: Say it *well*\napprove: always\n---\nSay it.\n"


@dataclass
class Turns:
    """A turn that a test gives and takes."""

    may_poll: bool = True
    answering: Callable[[], Any] = nullcontext


@dataclass
class Bot:
    """A whole bot: what it is asked comes over the stand-in, what it says is read there."""

    api: TelegramServer
    town: Town
    keys: Keys
    stores: Stores
    home: Path
    turn: Turns = field(default_factory=Turns)
    told: list[str] = field(default_factory=list)
    asked: list[ChatRequest] = field(default_factory=list)
    rests: list[float] = field(default_factory=list)
    answer: str = "It is **42**."
    may_answer: bool = True
    before: Callable[[], None] = lambda: None
    """Called before a chat is answered."""

    def __post_init__(self) -> None:
        self.network = TelegramBot(token=TOKEN, base_url=f"{self.api.url}/bot", poll_seconds=1, call_seconds=60)
        self.door = self.start()

    def start(self) -> TelegramDoor:
        """As a new process would."""
        desk = TelegramDesk(
            network=self.network,
            fleet=self.fleet,
            decisions=ChatDecisions(fleet=self.fleet, marks=self.stores.marks, now=self.town.clock),
            answerer=self._answer,
            marks=self.stores.marks,
            now=self.town.clock,
            may_answer=lambda: self.may_answer,
            rest=self.rests.append,
        )
        self.desk = desk
        self.door = TelegramDoor(
            network=self.network,
            handle=desk.handle,
            turn=self.turn,
            marks=self.stores.marks,
            chats=frozenset({42, -100}),
            tell=self._tell,
            now=self.town.clock,
        )
        return self.door

    def _tell(self, _event: str, words: str, **_more: Any) -> None:
        if words not in self.told:
            self.told.append(words)

    def _answer(self, request: ChatRequest) -> ChatAnswer:
        self.before()
        self.asked.append(request)
        return ChatAnswer(
            conversation=request.conversation or f"c{len(self.asked)}",
            seq=1,
            text=self.answer,
            finish="stop",
            usage=Usage(),
            node="hq",
            answered_by="Mara, primary of hq",
        )

    def fleet(self) -> Fleet:
        peer = self.peer("anna")
        seen = LastSeenStore(self.home / "seen.json")
        return Fleet(bus=peer.bus, reader=peer.reader, trust=peer.trust, sightings=seen, now=peer.bus.now)

    def peer(self, name: str) -> Peer:
        peer = self.town.peer(name, key=self.keys[name])
        return replace(peer, bus=replace(peer.bus, key=self.keys[name].public))

    def hear(self, rounds: int = 1) -> list[str]:
        """Looks so often at what people wrote; returns what is said to it."""
        before = len(self.api.sent)
        for _ in range(rounds):
            self.door.round()
        return self.api.texts[before:]

    def say(self, text: str, **more: Any) -> list[str]:
        """Somebody writes, and what is answered."""
        self.api.write(text, **more)
        return self.hear()

    def result(self, name: str = "m", text: str = REVIEW, section: str = "### Attempt 1\n\nSaid it.") -> None:
        """A mission whose result waits for a person."""
        if name not in self.peer("n1").ledger().open:
            self.peer("anna").push({f"missions/{name}.md": text})
        node = self.peer("n1")
        node.attempt(name, section=section)
        node.fold()

    def buttons(self) -> dict[str, str]:
        """The data of the last message's buttons, by label."""
        sent = [message for message in self.api.sent if "inline_keyboard" in message.get("reply_markup", {})][-1]
        return {each["text"]: each["callback_data"] for each in sent["reply_markup"]["inline_keyboard"][0]}

    def press(self, data: str, message: int = 7) -> list[str]:
        self.api.press(data, message)
        return self.hear()

    def status(self, name: str = "m") -> str:
        ledger = self.peer("n1").ledger()
        found = ledger.open.get(name) or ledger.archived(name)
        return str(found.mission.status) if found else ""


@pytest.fixture
def bot(tmp_path: Path, keys: Keys) -> Iterator[Bot]:
    settings = brought_up(Settings(home=tmp_path / "home", node_id="hq"))
    signers = keys.signers(anna=("admin", "author"), n1=("node",))
    town = Town({"fleet.toml": FLEET.format(trust="signed"), "allowed_signers": signers})
    stores = wiring.stores(settings)
    with telegram_server() as api:
        made = Bot(api=api, town=town, keys=keys, stores=stores, home=tmp_path)
        yield made
        made.network.close()
    stores.close()
    until(lambda: not [each for each in threading.enumerate() if each.name == "telegram"], "the end of its thread")
