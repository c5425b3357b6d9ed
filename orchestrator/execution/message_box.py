"""What was said to an attempt, and what of it was it told? Its message box: the node puts in, the attempt takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from missions.message import MessageState
from orchestrator.core.ports.steering import Intake


@dataclass(frozen=True, kw_only=True)
class SpokenMessage:
    """A message in a box. `state` is what its author was answered, `told` whether the agent was given it."""

    message_id: str
    author: str
    text: str
    state: MessageState
    told: bool = False

    @property
    def words(self) -> str:
        """As the agent reads it."""
        return f"{self.author} says: {self.text.strip()}"


@dataclass(kw_only=True)
class MessageBox:
    """One attempt's. Any thread may call. `deaf`: its agent reads nothing once it has begun."""

    deaf: bool = False
    _spoken: dict[str, SpokenMessage] = field(default_factory=dict)
    _intakes: list[Intake] = field(default_factory=list)
    _closed: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def deliver(self, message_id: str, *, author: str, text: str) -> MessageState:
        """Puts a message in, once; returns what became of it, the same for each call."""
        with self._lock:
            known = self._spoken.get(message_id)
            if known is not None:
                return known.state
            made = SpokenMessage(message_id=message_id, author=author, text=text, state=MessageState.QUEUED)
            if self._closed or self.deaf:
                made = replace(made, state=MessageState.TOO_LATE)
            elif self._intakes and self._intakes[-1](made.words):
                made = replace(made, state=MessageState.INJECTED, told=True)
            self._spoken[message_id] = made
            return made.state

    def _waiting(self) -> list[SpokenMessage]:
        return [one for one in self._spoken.values() if not one.told and one.state is not MessageState.TOO_LATE]

    @property
    def waits(self) -> bool:
        """Whether a message waits for the next round."""
        with self._lock:
            return bool(self._waiting())

    def finish(self) -> bool:
        """Closes the box unless something waits; whether it is closed."""
        with self._lock:
            self._closed = self._closed or not self._waiting()
            return self._closed

    def take(self) -> tuple[str, ...]:
        """What waits, for whoever begins a round."""
        with self._lock:
            found = self._waiting()
            self._spoken |= {one.message_id: replace(one, told=True) for one in found}
            return tuple(one.words for one in found)

    def give_back(self, texts: tuple[str, ...]) -> None:
        """What a round was given and did not read."""
        with self._lock:
            back = [one for one in self._spoken.values() if one.told and one.words in texts]
            self._spoken |= {one.message_id: replace(one, told=False) for one in back}

    @contextmanager
    def intake(self, take: Intake) -> Iterator[None]:
        """While this lasts, messages go into the running round, to who began to take them last."""
        with self._lock:
            self._intakes.append(take)
        try:
            yield
        finally:
            with self._lock:
                self._intakes.remove(take)

    def close(self) -> tuple[SpokenMessage, ...]:
        """The attempt is over: what comes now is too late. Returns all that was said."""
        with self._lock:
            self._closed = True
            return tuple(self._spoken.values())
