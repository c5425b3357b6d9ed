"""How is a program spoken to while it works? A dialogue on its standard input, which ends when all is answered."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestrator.execution.process.input_feed import InputFeed
from orchestrator.execution.programs.port import ParsedOutput, ProgramConversation


@dataclass(kw_only=True)
class ProgramDialogue:
    """One round's. `told` is what the program's output says so far."""

    feed: InputFeed
    line: Callable[[str], bytes]
    told: Callable[[], ParsedOutput]
    _said: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, text: str) -> bool:
        """Whether the program gets this text in this round."""
        with self._lock:
            sent = self.feed.write(self.line(text))
            if sent:
                self._said.append(text)
            return sent

    def hearing(self, take: Callable[[str], None]) -> Callable[[str], None]:
        """Takes a line of the output; the input ends as soon as the program has answered all that it was sent."""

        def hear(line: str) -> None:
            take(line)
            with self._lock:
                told = self.told()
                if told.ended and told.heard > len(self._said):
                    self.feed.finish()

        return hear

    def cancel(self) -> bool:
        """It is ended as any command is."""
        return False

    @property
    def unheard(self) -> tuple[str, ...]:
        """What was sent and never taken in, when the round is over: a program takes it in as it was sent."""
        with self._lock:
            return tuple(self._said[max(0, self.told().heard - 1) :])


@dataclass(kw_only=True)
class ProtocolDialogue:
    """One round's with a program that is spoken to in a protocol: what is said, and when its input ends, follows from
    what it says."""

    feed: InputFeed
    conversation: ProgramConversation

    def say(self, text: str) -> bool:
        """Whether the program gets this text in this round."""
        return self.conversation.say(text)

    def hearing(self, take: Callable[[str], None]) -> Callable[[str], None]:
        """Takes a line of the output; the conversation has answered it then."""
        return take

    def cancel(self) -> bool:
        """Asks the program to end; whether it was asked."""
        return self.conversation.cancel()

    @property
    def unheard(self) -> tuple[str, ...]:
        """What was sent and never taken in."""
        return self.conversation.unheard


@contextmanager
def protocol_dialogue(conversation: ProgramConversation) -> Iterator[ProtocolDialogue]:
    """A dialogue that the conversation begins."""
    with InputFeed() as feed:
        conversation.begin(feed.write, feed.finish)
        yield ProtocolDialogue(feed=feed, conversation=conversation)


@contextmanager
def dialogue(line: Callable[[str], bytes], prompt: str, told: Callable[[], ParsedOutput]) -> Iterator[ProgramDialogue]:
    """A dialogue that begins with the prompt."""
    with InputFeed(line(prompt)) as feed:
        yield ProgramDialogue(feed=feed, line=line, told=told)
