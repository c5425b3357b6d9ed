"""How is the bot's door put together beside a node, and what is opened for it only when somebody writes?"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.app import wiring
from orchestrator.app.factories.chat_factory import ChatRuntime, open_chat_runtime
from orchestrator.app.factories.telegram_factory import chat_network
from orchestrator.chat.values import ChatAnswer, ChatRequest
from orchestrator.core.events import Tell
from orchestrator.core.ports.stores import Stores
from orchestrator.core.settings import Settings
from orchestrator.node.loop import Node
from orchestrator.telegram.decisions import ChatDecisions
from orchestrator.telegram.desk import TelegramDesk
from orchestrator.telegram.door import TelegramDoor


@dataclass
class LateChats:
    """The chats of this machine, opened with the first message: what answers takes memory."""

    settings: Settings
    stores: Stores
    over: threading.Event
    _runtime: ChatRuntime | None = field(default=None)

    def answer(self, request: ChatRequest) -> ChatAnswer:
        """The answer to a message; it is broken off when the door closes."""
        if self._runtime is None:
            self._runtime = open_chat_runtime(self.settings, self.stores)
        return self._runtime.chat.answer(request, lambda _event: None, self.over)

    def close(self) -> None:
        """Lets go of the models."""
        if self._runtime is not None:
            self._runtime.close()


def open_telegram(settings: Settings, node: Node, tell: Tell) -> Callable[[], None]:
    """Polls the bot beside a node while it is its turn; returns what ends that. Raises WrongSetting."""
    assert node.polling is not None
    turn, network, stores, over = node.polling, chat_network(settings), wiring.stores(settings), threading.Event()
    chats = LateChats(settings, stores, over)
    desk = TelegramDesk(
        network=network,
        fleet=lambda: wiring.fleet(settings),
        decisions=ChatDecisions(fleet=lambda: wiring.fleet(settings), marks=stores.marks, now=wiring.now),
        answerer=chats.answer,
        marks=stores.marks,
        now=wiring.now,
        may_answer=lambda: not turn.fenced() and not over.is_set(),
        rest=over.wait,
        moved=node.jobs.wake.set,
    )
    door = TelegramDoor(
        network=network,
        handle=desk.handle,
        turn=turn,
        marks=stores.marks,
        chats=settings.telegram_chats,
        tell=tell,
        now=wiring.now,
    )
    end_door = door.start()

    def close() -> None:
        over.set()
        end_door()
        network.close()
        chats.close()
        stores.close()

    return close
