"""One client of a load run: who it is, and how it counts and notes what it is told."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.acceptance.load import words
from tests.acceptance.load.book import Asked, Book
from tests.acceptance.load.wire import Reply, Wire

TURNS = 6
"""Messages of one conversation; then the next one is begun."""


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What clients show. `bad` are wrong, expired and revoked ones."""

    full: str
    sync: str
    bad: tuple[str, ...]


@dataclass(kw_only=True)
class Client:
    """A device with conversations of its own. Used by one thread."""

    name: str
    seed: int
    wire: Wire
    tokens: Tokens
    book: Book
    conversation: str = ""
    turns: int = 0
    busy: set[str] = field(default_factory=set)
    """Conversations in which a request was cut off: the node may take it in at any time after that."""
    answered: str = ""
    """The mark of the last message that was sent with a key and answered."""
    cursor: str = ""
    pulled: list[str] = field(default_factory=list)
    number: int = 0
    chance: Random = field(default_factory=Random)
    _parts: int = 0

    def turn(self, number: int, chance: Random) -> None:
        """The next request is this one."""
        self.number, self.chance, self._parts = number, chance, 0

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        """A request with a good token, unless another one is given."""
        return self.wire.ask(method, path, body, **{"token": self.tokens.full, **more})

    def told(self, kind: str, reply: Reply, allowed: Collection[int] = (200,)) -> bool:
        """Notes an answer."""
        return self.book.told(kind, reply, allowed)

    def mark(self) -> str:
        """A word that stands nowhere else."""
        self._parts += 1
        return words.mark(self.seed, self.number, f"p{self._parts}")

    def message(self, *, key: bool = False, text: str = "", patient: bool = False) -> tuple[dict[str, Any], Asked]:
        """The body of a chat, and where it is noted. Only who is patient goes on after an answer that was cut."""
        if self.turns >= TURNS or (self.conversation in self.busy and not patient):
            self.renew()
        name = self.mark()
        text = f"{name} {text or 'word ' * self.chance.randrange(60)}".strip()
        body = {"message": text, "device_id": self.name, "conversation_id": self.conversation}
        body |= {"idempotency_key": name} if key else {}
        body |= {"project": "shop"} if not self.conversation and self.chance.random() < 0.3 else {}
        return body, self.book.ask(name, Asked(text=text, body=body, conversation=self.conversation))

    def renew(self) -> None:
        """The next message begins a new conversation."""
        self.conversation, self.turns = "", 0

    def goes_on(self, conversation: str) -> None:
        """The next message goes on with this one."""
        self.conversation, self.turns = conversation, self.turns + 1


Act = Callable[[Client], None]
