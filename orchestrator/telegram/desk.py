"""The desk behind the fleet's bot: which words are orders, and what is answered to each?

`handle` does one update to its end, and may be given the same one again after a crash, here or on another node: a
mission has its name from the update, a decision stands once, a chat's answer is kept under the update's key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from missions.errors import BadName, MissionError
from missions.mission import Status, new_name
from orchestrator.chat.values import ChatAnswer, ChatRequest
from orchestrator.core.errors import AlreadyDone, NotFound, OrchestratorError, StoreFailed
from orchestrator.core.ports.chat_network import (
    ChatNetwork,
    ChatNetworkBusy,
    ChatNetworkFailed,
    ChatUpdate,
    OutgoingText,
    TurnOver,
)
from orchestrator.core.ports.stores import Cursors
from orchestrator.node.notifications.chat_text import messages, safe_words
from orchestrator.telegram.decisions import ChatDecisions, is_approval
from orchestrator.telegram.result_card import mission_card
from orchestrator.workflow.fleet import Fleet
from orchestrator.workflow.inbox import InboxItem
from orchestrator.workflow.mission_text import NAME_WORDS, first_words
from orchestrator.workflow.side_by_side.mission_split import filed_as
from sync.errors import SyncError

MAX_CARDS = 5
"""Results that `/inbox` shows with buttons; the others are listed."""
MAX_LISTED = 20
MAX_TRIES, MAX_BUSY_SECONDS = 3, 60.0
"""Tries at a message when the API asks for pauses, and the longest of these before it is given up."""
CONVERSATION = "telegram conversation "
HELP = """This is the fleet's bot. What you write is answered as in `shiftbook chat`; these are orders:

/status what the nodes do
/inbox what waits for you, results with buttons
/show NAME one mission
/new WORDS files a mission
/fresh begins a new conversation
/help this"""
NEEDS_WORDS = {"/show": "NAME", "/new": "WORDS"}
NO_TEXT = "I read text only. /help says what I understand."
FORWARDED = "That is forwarded: words of others are no orders, and are not answered. Write it yourself."
WHAT_IS_WRONG = "What is wrong with"
"""What the question for a rejection's words begins with."""
ASKED_ELSEWHERE = "This node did not ask that, or it is long ago: press Reject again; /inbox shows what waits."
LOST = "the ledger cannot be reached from this node now: say it again"


class Answerer(Protocol):
    """Who answers what is no order."""

    def __call__(self, request: ChatRequest) -> ChatAnswer:
        """The answer; the same one for the same key. Raises OrchestratorError."""


@dataclass(frozen=True, kw_only=True)
class TelegramDesk:
    """Answers one update after the other. `may_answer` says whether it is still this node's turn."""

    network: ChatNetwork
    fleet: Callable[[], Fleet]
    decisions: ChatDecisions
    answerer: Answerer
    marks: Cursors
    now: Callable[[], datetime]
    may_answer: Callable[[], bool]
    rest: Callable[[float], object]
    """Waits so many seconds, or less when the node ends."""
    moved: Callable[[], None] = lambda: None
    """Called when the ledger was changed: this machine's node looks at once."""

    def handle(self, update: ChatUpdate) -> None:
        """Does what is asked, and says what came of it.

        Raises ChatNetworkFailed where that could not be said, and TurnOver where another node is to say it.
        """
        try:
            if update.press:
                self._pressed(update)
                return
            for message in self._answer(update):
                self._send(update.chat, message)
        except (ChatNetworkFailed, StoreFailed):  # nothing is known of it yet: it is not told, and comes again
            raise
        except (OrchestratorError, MissionError) as error:
            self._refused(update, str(error))
        except SyncError:
            self._refused(update, LOST)

    def _send(self, chat: int, message: OutgoingText) -> int:
        """Sends a message, after the pauses that the API asks for."""
        for _ in range(MAX_TRIES):
            self._must_answer()
            try:
                return self.network.send(chat, message)
            except ChatNetworkBusy as error:
                if error.seconds > MAX_BUSY_SECONDS:
                    raise
                self.rest(error.seconds)
        self._must_answer()
        return self.network.send(chat, message)

    def _must_answer(self) -> None:
        if not self.may_answer():
            raise TurnOver

    def _refused(self, update: ChatUpdate, why: str) -> None:
        for message in messages(why):
            self._send(update.chat, message)

    # -- buttons --------------------------------------------------------------------------------------------------

    def _pressed(self, update: ChatUpdate) -> None:
        by = f"{update.person} over Telegram"
        try:
            pressed, approves = is_approval(update.data)
            if not approves:
                self._ask_reason(update)
                return
            said = self.decisions.approve(pressed, by)
        except (OrchestratorError, MissionError, SyncError) as error:
            if isinstance(error, ChatNetworkFailed | StoreFailed):
                raise
            why = LOST if isinstance(error, SyncError) else safe_words(str(error))
            self._settle(update, f"Not done: {why}", taken=isinstance(error, AlreadyDone))
            return
        self.moved()
        self._settle(update, said, taken=True)

    def _settle(self, update: ChatUpdate, words: str, *, taken: bool) -> None:
        """Tells what came of a press, to who pressed and in the chat; `taken`: the buttons are of no more use."""
        self._must_answer()
        self.network.answer_press(update.press, words)
        if taken:
            self.network.take_buttons(update.chat, update.message)
        self._refused(update, words)

    def _ask_reason(self, update: ChatUpdate) -> None:
        pressed, _ = is_approval(update.data)
        asked = self.decisions.wanted_reason(pressed)
        self._must_answer()
        self.network.answer_press(update.press, "Say what is wrong with it")
        words = f"{WHAT_IS_WRONG} {asked.mission}? Answer this message: the next attempt reads your words."
        number = self._send(update.chat, OutgoingText(text=words, asks=True))
        self.decisions.remember(update.chat, number, asked)

    # -- words ----------------------------------------------------------------------------------------------------

    def _answer(self, update: ChatUpdate) -> Iterator[OutgoingText]:
        text = update.text.strip()
        if not text:
            yield OutgoingText(text=NO_TEXT)
            return
        if update.forwarded:
            yield OutgoingText(text=FORWARDED)
            return
        asked = self.decisions.asked(update.chat, update.answers)
        if asked is not None and not text.startswith("/"):
            said = self.decisions.reject(asked, text, f"{update.person} over Telegram")
            self.decisions.answered(update.chat, update.answers)
            self.moved()
            yield from messages(said)
            return
        if asked is None and update.answered_words.startswith(WHAT_IS_WRONG) and not text.startswith("/"):
            yield OutgoingText(text=ASKED_ELSEWHERE)  # it is a reason, and nothing to talk about
            return
        yield from self._order(update, text) if text.startswith("/") else self._chat(update, text)

    def _order(self, update: ChatUpdate, text: str) -> Iterator[OutgoingText]:
        word, _, rest = text.partition(" ") if "\n" not in text.partition(" ")[0] else text.partition("\n")
        orders = {"/status": self._status, "/inbox": self._inbox}
        order, rest = word.partition("@")[0].lower(), rest.strip()
        if order in orders:
            yield from self._looking(orders[order])
        elif order in NEEDS_WORDS and not rest:
            yield OutgoingText(text=f"Say {order} {NEEDS_WORDS[order]}.")
        elif order == "/show":
            yield from self._looking(lambda fleet: iter([mission_card(fleet, rest)]))
        elif order == "/new":
            yield from self._file(update, rest)
        elif order == "/fresh":
            self.marks.put(f"{CONVERSATION}{update.chat}", f"new {update.number}")
            yield OutgoingText(text="A new conversation begins with what you write next.")
        else:
            yield OutgoingText(text=HELP if order in ("/help", "/start") else f"There is no such order.\n\n{HELP}")

    def _looking(self, look: Callable[[Fleet], Iterator[OutgoingText]]) -> Iterator[OutgoingText]:
        fleet = self.fleet()
        try:
            yield from look(fleet)
        finally:
            fleet.bus.remote.close()

    def _status(self, fleet: Fleet) -> Iterator[OutgoingText]:
        views = fleet.missions()
        lines = [
            f"{node.name}: {node.state}, {_doing(node.works_on)}, version {node.version}" for node in fleet.nodes()
        ]
        running = [view for view in views if view.status is Status.RUNNING]
        waiting = len(fleet.inbox().items)
        queued = sum(view.status is Status.QUEUED for view in views)
        lines += ["", f"{len(running)} running, {queued} queued, {waiting} waiting for you"]
        lines += [f"- {view.name}: {view.title}" for view in running[:MAX_LISTED]]
        yield from messages("\n".join(lines), own="/inbox shows what waits" if waiting else "")

    def _inbox(self, fleet: Fleet) -> Iterator[OutgoingText]:
        items = fleet.inbox().items
        if not items:
            yield OutgoingText(text="Nothing waits for you.")
            return
        results = [item for item in items if item.kind == Status.REVIEW]
        for item in results[:MAX_CARDS]:
            try:
                yield mission_card(fleet, item.name)
            except NotFound:  # it was decided since it was listed, and is gone
                yield OutgoingText(text=safe_words(f"{item.name} is decided meanwhile."))
        others = [item for item in items if item not in results[:MAX_CARDS]]
        if others:
            more = len(others) - MAX_LISTED
            lines = [_line(item) for item in others[:MAX_LISTED]] + ([f"and {more} more"] if more > 0 else [])
            yield from messages("\n".join(lines))

    def _file(self, update: ChatUpdate, text: str) -> Iterator[OutgoingText]:
        fleet = replace(self.fleet(), cache=None)
        name = update_name(text, f"{self.network.name} {update.number}")
        try:
            made = filed_as(fleet.ledger(), name)
            if not made:
                made = fleet.new(text, {}, name=name, by=f"{update.person} over Telegram")
                self.moved()
            yield from messages(f"{made} is filed", own=f"/show {made}")
        finally:
            fleet.bus.remote.close()

    def _chat(self, update: ChatUpdate, text: str) -> Iterator[OutgoingText]:
        place = f"{CONVERSATION}{update.chat}"
        known = self.marks.get(place)
        conversation = "" if known.startswith("new ") else known
        asked = ChatRequest(
            message=text,
            device=f"telegram{update.chat}",
            conversation=conversation,
            key=f"telegram-{self.network.name}-{update.number}",
            trim=True,
        )
        try:
            answer = self.answerer(asked)
        except NotFound:
            if not conversation:
                raise
            self.marks.drop([place])  # it was deleted elsewhere: a new one begins
            answer = self.answerer(replace(asked, conversation=""))
        self.marks.put(place, answer.conversation)
        yield from messages(answer.text, own=f"{answer.answered_by or answer.node}")


def update_name(text: str, update: str) -> str:
    """A mission's name that this very update alone gives: carried out twice, it files one mission."""
    digest = sha256(update.encode()).hexdigest()[:6]
    try:
        said = first_words(text) if text.startswith("---") else text
        head = new_name(" ".join(said.split()[:NAME_WORDS]))[:60].strip("-")
    except BadName:
        head = "mission"
    return f"{head}-{digest}"


def _doing(works_on: tuple[str, ...]) -> str:
    return f"works on {', '.join(works_on)}" if works_on else "idle"


def _line(item: InboxItem) -> str:
    return f"- {item.kind} {item.name}: {item.title}. {item.says}"
