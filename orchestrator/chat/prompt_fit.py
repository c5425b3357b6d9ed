"""Which messages is the model given, and do they fit?

Every turn is given again exactly as it was given the first time: a model server's cache holds for an equal beginning
only. Nothing is left out in silence: too many turns are an error, or, if that was asked for, a reported cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from orchestrator.core.errors import ContextTooLong
from orchestrator.core.ports.agent import Message
from orchestrator.core.ports.storage import Turn

LEAST = 64
"""Tokens that must be left for an answer."""
FRAME = 8
"""Tokens that a chat template puts around each message; a guess on the safe side, the model's own check is exact."""
BLOCK = 4
"""Old turns are left out at least a quarter at a time, so that the next turns find the same beginning again."""


class ConversationTooLong(ContextTooLong):
    """The turns so far and the new message are more than the model holds."""

    def __init__(self, tokens: int, roof: int) -> None:
        super().__init__(tokens, roof)
        self.args = (f"{self}: start a new conversation, or send trim: true to leave out the oldest turns",)


@dataclass(frozen=True, kw_only=True)
class Round:
    """A question with its answer, as the model was given them."""

    first: int
    last: int
    messages: tuple[Message, ...]


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What is given, in tokens as far as they can be counted beforehand, and what was left out."""

    messages: tuple[Message, ...]
    tokens: int
    cut: tuple[dict[str, Any], ...] = ()


def rounds(turns: Sequence[Turn]) -> Iterator[Round]:
    """The rounds that the model is reminded of. A message that never got a word of an answer is not one."""
    for asked, answered in pairwise(turns):
        if asked.role == "user" and answered.role == "assistant" and answered.content.strip():
            given = Message(role="user", content=str(asked.trace.get("given") or asked.content))
            yield Round(first=asked.seq, last=answered.seq, messages=(given, *_answer(answered)))


def _answer(turn: Turn) -> Iterator[Message]:
    for step in turn.trace.get("steps", ()):
        yield Message(role="assistant", content=step["said"])
        yield Message(role="user", content=step["result"])
    yield Message(role="assistant", content=str(turn.trace.get("said") or turn.content))


def size(messages: Sequence[Message], count: Callable[[str], int]) -> int:
    """Tokens of these messages, the template's own included."""
    return sum(count(message.content) + FRAME for message in messages)


def fit(
    head: Message,
    past: Sequence[Round],
    asked: Message,
    *,
    roof: int,
    count: Callable[[str], int],
    trim: bool,
) -> Fitted:
    """Head, past and question in a model that holds `roof` tokens. Raises ContextTooLong with both numbers."""
    sizes = [size(each.messages, count) for each in past]
    fixed = size((head, asked), count) + LEAST
    total = fixed + sum(sizes)
    if fixed > roof:
        raise ContextTooLong(fixed, roof)
    if total > roof and not trim:
        raise ConversationTooLong(total, roof)
    dropped = _dropped(sizes, total - roof)
    kept = [message for each in past[dropped:] for message in each.messages]
    gone = sum(sizes[:dropped])
    cut = [_cut(past[:dropped], gone)] if dropped else []
    return Fitted(messages=(head, *kept, asked), tokens=total - gone - LEAST, cut=tuple(cut))


def _dropped(sizes: Sequence[int], excess: int) -> int:
    """How many of the oldest rounds go, so that `excess` tokens are spared."""
    if excess <= 0:
        return 0
    enough = next(number for number, spared in enumerate(accumulate(sizes), 1) if spared >= excess)
    return max(enough, -(-len(sizes) // BLOCK))


def _cut(gone: Sequence[Round], tokens: int) -> dict[str, Any]:
    title = f"turns {gone[0].first} to {gone[-1].last}"
    why = "more than the model holds, oldest first"
    return {"name": "conversation", "tier": "", "title": title, "tokens": tokens, "why": why, "items": len(gone)}
