"""What does a node need of a network of chats: what people write and press there, and how to answer them?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestrator.core.errors import OrchestratorError


class ChatNetworkFailed(OrchestratorError):
    """The network was not reached, or refused; the words hold no secret of ours."""


class PollConflict(ChatNetworkFailed):
    """Another program takes what people write to this bot."""


class ChatNetworkBusy(ChatNetworkFailed):
    """The network wants to be asked again after `seconds`."""

    def __init__(self, words: str, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(words)


class TurnOver(Exception):
    """It is another node's turn by now, or this one ends: nothing more is said, and the update comes again."""


@dataclass(frozen=True, kw_only=True)
class ChatUpdate:
    """Something that a person wrote or pressed. `number` grows from one to the next, and is the same for the same.

    `press` names a pressed button's call, `data` what the button stands for; both are empty for a text.
    """

    number: int
    chat: int
    person: str = ""
    text: str = ""
    message: int = 0
    """The message that was written, or whose button was pressed."""
    answers: int = 0
    """The message that it is an answer to; 0 for none."""
    answered_words: str = ""
    """That message's words, if the bot itself said it."""
    forwarded: bool = False
    """Whether the words are somebody else's."""
    press: str = ""
    data: str = ""


@dataclass(frozen=True, kw_only=True)
class ChatButton:
    """A button below a message: its label, and what it stands for, 64 bytes at most."""

    label: str
    data: str


@dataclass(frozen=True, kw_only=True)
class OutgoingText:
    """One message. `code` is the part that is shown as it is, by its first character and its length in UTF-16 units."""

    text: str
    code: tuple[int, int] | None = None
    buttons: tuple[ChatButton, ...] = ()
    asks: bool = False
    """Whether an answer to this very message is wanted."""


@dataclass(frozen=True, kw_only=True)
class BotCondition:
    """How the network says that a bot is."""

    title: str
    """What people call it there."""
    waiting: int
    """Things that people wrote and nobody has taken yet."""
    pushed_to: str = ""
    """Where the network sends what comes instead of having it polled; empty if it does not."""


class ChatNetwork(Protocol):
    """One bot. One thread polls; any may send. Every call ends within a bounded time."""

    @property
    def name(self) -> str:
        """What tells this bot from another one; no secret."""

    def updates(self, after: int, goes_on: Callable[[], bool]) -> Sequence[ChatUpdate]:
        """What came from number `after` on, as soon as it comes; nothing after a while, or if `goes_on` says no.

        What lies before `after` is never given again, to nobody. Raises ChatNetworkFailed and PollConflict.
        """

    def send(self, chat: int, message: OutgoingText) -> int:
        """Sends a message; returns its number in that chat. Raises ChatNetworkFailed."""

    def answer_press(self, press: str, words: str) -> None:
        """Tells who pressed a button what came of it. One that was answered, or is too old, is passed over."""

    def take_buttons(self, chat: int, message: int) -> None:
        """Takes the buttons of a message away. Raises ChatNetworkFailed."""

    def condition(self) -> BotCondition:
        """How the bot is; it is in nobody's way who polls. Raises ChatNetworkFailed."""

    def close(self) -> None:
        """Ends what is under way; nothing is sent afterwards."""
