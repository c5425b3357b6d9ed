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
from orchestrator.core.ports.conversations import ConversationTurn
from orchestrator.core.ports.model import PromptMessage

MIN_ANSWER_TOKENS = 64
"""Tokens that must be left for an answer."""
MESSAGE_OVERHEAD_TOKENS = 8
"""Tokens that a chat template puts around each message; a guess on the safe side, the model's own check is exact."""
TRIM_DIVISOR = 4
"""Old turns are left out at least a quarter at a time, so that the next turns find the same beginning again."""


class ConversationTooLong(ContextTooLong):
    """The turns so far and the new message are more than the model holds."""

    def __init__(self, tokens: int, roof: int) -> None:
        super().__init__(tokens, roof)
        self.args = (f"{self}: start a new conversation, or send trim: true to leave out the oldest turns",)


@dataclass(frozen=True, kw_only=True)
class PromptRound:
    """A question with its answer, as the model was given them."""

    first: int
    last: int
    messages: tuple[PromptMessage, ...]


@dataclass(frozen=True, kw_only=True)
class FittedPrompt:
    """What is given, in tokens as far as they can be counted beforehand, and what was left out."""

    messages: tuple[PromptMessage, ...]
    tokens: int
    cut: tuple[dict[str, Any], ...] = ()


def prompt_rounds(turns: Sequence[ConversationTurn]) -> Iterator[PromptRound]:
    """The rounds that the model is reminded of. A message that never got a word of an answer is not one."""
    for asked, answered in pairwise(turns):
        if asked.role == "user" and answered.role == "assistant" and answered.content.strip():
            given = PromptMessage(role="user", content=str(asked.trace.get("given") or asked.content))
            yield PromptRound(first=asked.seq, last=answered.seq, messages=(given, *_answer_messages(answered)))


def _answer_messages(turn: ConversationTurn) -> Iterator[PromptMessage]:
    for step in turn.trace.get("steps", ()):
        yield PromptMessage(role="assistant", content=step["said"])
        yield PromptMessage(role="user", content=step["result"])
    yield PromptMessage(role="assistant", content=str(turn.trace.get("said") or turn.content))


def count_message_tokens(messages: Sequence[PromptMessage], count: Callable[[str], int]) -> int:
    """Tokens of these messages, the template's own included."""
    return sum(count(message.content) + MESSAGE_OVERHEAD_TOKENS for message in messages)


def fit_prompt(
    head: PromptMessage,
    past: Sequence[PromptRound],
    asked: PromptMessage,
    *,
    roof: int,
    count: Callable[[str], int],
    trim: bool,
) -> FittedPrompt:
    """Head, past and question in a model that holds `roof` tokens. Raises ContextTooLong with both numbers."""
    sizes = [count_message_tokens(each.messages, count) for each in past]
    fixed = count_message_tokens((head, asked), count) + MIN_ANSWER_TOKENS
    total = fixed + sum(sizes)
    if fixed > roof:
        raise ContextTooLong(fixed, roof)
    if total > roof and not trim:
        raise ConversationTooLong(total, roof)
    dropped = _rounds_to_drop(sizes, total - roof)
    kept = [message for each in past[dropped:] for message in each.messages]
    gone = sum(sizes[:dropped])
    cut = [_describe_cut(past[:dropped], gone)] if dropped else []
    return FittedPrompt(messages=(head, *kept, asked), tokens=total - gone - MIN_ANSWER_TOKENS, cut=tuple(cut))


def _rounds_to_drop(sizes: Sequence[int], excess: int) -> int:
    """How many of the oldest rounds go, so that `excess` tokens are spared."""
    if excess <= 0:
        return 0
    enough = next(number for number, spared in enumerate(accumulate(sizes), 1) if spared >= excess)
    return max(enough, -(-len(sizes) // TRIM_DIVISOR))


def _describe_cut(gone: Sequence[PromptRound], tokens: int) -> dict[str, Any]:
    title = f"turns {gone[0].first} to {gone[-1].last}"
    why = "more than the model holds, oldest first"
    return {"name": "conversation", "tier": "", "title": title, "tokens": tokens, "why": why, "items": len(gone)}
