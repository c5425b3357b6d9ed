"""The bot's door: how does a node take what people write? While it is its turn, each once, and never beside another.

What is done is noted in the node's database before the API is told that it need not come again. So a crash in between
brings an update a second time, to which the desk says the same; what ends its process is given up after three tries.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from missions.plain_data import read_json
from orchestrator.core.background import run_in_background
from orchestrator.core.errors import StoreFailed
from orchestrator.core.events import Tell
from orchestrator.core.ports.chat_network import (
    ChatNetwork,
    ChatNetworkBusy,
    ChatNetworkFailed,
    ChatUpdate,
    OutgoingText,
    PollConflict,
    TurnOver,
)
from orchestrator.core.ports.stores import Cursors
from orchestrator.node.rounds.poll_state import ANSWERS, CONFLICT, RESTS, TROUBLE, PollState
from sync.backoff import Backoff

RETRY = Backoff(first=1.0, limit=60.0)
"""Seconds between two tries where the network is not reached."""
CONFLICT_PAUSE = Backoff(first=15.0, limit=600.0)
"""Seconds for which this node keeps away where another program polls the bot: it never fights for it."""
PEACE_SECONDS = 600.0
"""Seconds without another poller after which its pauses begin anew; until then two that take turns both keep away."""
TURN_SECONDS = 0.5
"""Seconds between two looks at whether it is this node's turn."""
MAX_TRIES = 3
OFFSET, TRYING = "telegram offset ", "telegram trying "
WENT_WRONG = "That went wrong here; the node's log says how."


class PollingPermit(Protocol):
    """Whether it is this node's turn. Any thread may ask."""

    @property
    def may_poll(self) -> bool:
        """Whether it is now."""

    def answering(self) -> AbstractContextManager[None]:
        """While something is done that another node would do again if this one left in the middle."""


@dataclass(kw_only=True)
class TelegramDoor:
    """One bot, polled in a thread of its own from `start` on."""

    network: ChatNetwork
    handle: Callable[[ChatUpdate], None]
    turn: PollingPermit
    marks: Cursors
    chats: Collection[int]
    """The chats that are heard; others get silence."""
    tell: Tell
    now: Callable[[], datetime]
    clock: Callable[[], float] = time.monotonic
    _over: threading.Event = field(default_factory=threading.Event)
    _pause: float = 0.0
    _conflict: float = 0.0
    _conflict_at: float = 0.0
    _polls: bool = False
    _survived: int = 0
    """The update whose last try failed and ended no process."""
    _noted: PollState | None = None

    def start(self) -> Callable[[], None]:
        """Polls until what this returns is called, which waits for what is under way."""
        return run_in_background("telegram door", self._run, self._over, wait_seconds=10)

    def goes_on(self) -> bool:
        """Whether this node polls now."""
        return not self._over.is_set() and self.turn.may_poll

    def _run(self) -> None:
        while not self._over.is_set():
            self.round()

    def round(self) -> None:
        """One look: at the turn, and then at what people wrote."""
        if not self.turn.may_poll:
            if self._polls:
                self.tell("telegram", "another node takes what people write from here on")
            self._polls = False
            self._note(RESTS)
            self._over.wait(TURN_SECONDS)
            return
        if not self._polls:
            self._polls = True
            self.tell("telegram", "this node takes what people write to the bot")
        try:
            self._poll()
            self._note(ANSWERS)
            self._pause = 0.0
            if self.clock() - self._conflict_at >= PEACE_SECONDS:
                self._conflict = 0.0
        except PollConflict as error:
            self._conflict, self._conflict_at = CONFLICT_PAUSE.next(self._conflict), self.clock()
            self.tell("telegram", f"{error}: keeping away for {self._conflict:g} s; one program polls a bot", once=True)
            self._note(CONFLICT, str(error))
            self._over.wait(CONFLICT_PAUSE.spread(self._conflict))
        except (ChatNetworkFailed, StoreFailed) as error:
            self._pause = RETRY.next(self._pause)
            self.tell("telegram", f"{error}; trying again", once=True)
            self._note(TROUBLE, str(error))
            wanted = error.seconds if isinstance(error, ChatNetworkBusy) else 0.0
            self._over.wait(max(RETRY.spread(self._pause), wanted))
        except Exception as error:  # whatever it is, it must not be the last look of this node
            self._pause = RETRY.next(self._pause)
            self.tell("telegram", f"{type(error).__name__}: {error}; trying again", once=True)
            self._over.wait(RETRY.spread(self._pause))

    def _note(self, state: str, says: str = "") -> None:
        """Keeps how it went for whoever asks. A database that is away is told, and hinders nothing of it."""
        found = PollState(at=self.now(), state=state, says=says)
        if not found.is_news(self._noted):
            return
        try:
            found.note(self.marks, self.network.name)
            self._noted = found
        except StoreFailed as error:
            self.tell("telegram", f"how the polling goes is not kept: {error}", once=True)

    def _poll(self) -> None:
        place = f"{OFFSET}{self.network.name}"
        for update in self.network.updates(int(self.marks.get(place) or 0), self.goes_on):
            with self.turn.answering():
                if not self.goes_on():
                    return  # the next one's turn: it gets this, and what comes after it, again
                try:
                    self._do(update)
                except TurnOver:
                    return
                self.marks.put(place, str(update.number + 1))

    def _do(self, update: ChatUpdate) -> None:
        if update.chat not in self.chats:
            if update.chat:
                why = f"chat {update.chat} is not in SHIFTBOOK_TELEGRAM_CHATS: it gets silence"
                self.tell("telegram", why, once=True)
            return
        if not self._is_tried(update):
            self.tell("telegram", f"update {update.number} ended this process {MAX_TRIES} times: it is given up")
            self._say_so(update)
            return
        try:
            self.handle(update)
        except TurnOver:
            self._forgive(update)
            raise
        except ChatNetworkFailed as error:  # it is done, and the answer is lost: done again it would be as little heard
            if self._over.is_set():  # nothing is sent by a node that ends: the next one says it
                self._forgive(update)
                raise TurnOver from error
            self.tell("telegram", f"an answer did not go out: {error}")
        except StoreFailed:
            self._survived = update.number
            raise
        except Exception as error:  # whatever it is, the next one must be heard
            self.tell("telegram", f"update {update.number}: {type(error).__name__}: {error}")
            self._say_so(update)

    def _say_so(self, update: ChatUpdate) -> None:
        try:
            self.network.send(update.chat, OutgoingText(text=WENT_WRONG))
        except ChatNetworkFailed as error:
            self.tell("telegram", f"an answer did not go out: {error}")

    def _is_tried(self, update: ChatUpdate) -> bool:
        """Counts a try, unless the last one is known to have ended no process; whether there is one left."""
        survived, self._survived = self._survived == update.number, 0
        tries = self._tries(update) + (0 if survived else 1)
        self._note_tries(update, tries)
        return tries <= MAX_TRIES

    def _forgive(self, update: ChatUpdate) -> None:
        """Takes a try back that ended no process, for whichever process makes the next one."""
        self._note_tries(update, self._tries(update) - 1)

    def _tries(self, update: ChatUpdate) -> int:
        before = read_json(self.marks.get(f"{TRYING}{self.network.name}") or "{}")
        return int(before["tries"]) if before.get("update") == update.number else 0

    def _note_tries(self, update: ChatUpdate, tries: int) -> None:
        told = {"update": update.number, "tries": tries}
        self.marks.put(f"{TRYING}{self.network.name}", json.dumps(told))
