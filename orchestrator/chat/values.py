"""The values of a chat: what is asked, what is heard while it is answered, and what comes of it?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from handoff.secrets.redact import redact, redact_values
from orchestrator.core.json_object import Json
from orchestrator.core.ports.conversations import ConversationTurn
from orchestrator.core.ports.model import Usage


@dataclass(frozen=True, kw_only=True)
class ChatRequest:
    """One message. `tools` names the tools that may be used; `key` makes a repeated request the same one."""

    message: str
    device: str = ""
    conversation: str = ""
    project: str = ""
    model: str = ""
    tools: tuple[str, ...] = ()
    key: str = ""
    peers: bool = True
    """Whether another node may answer; not for a request that came from one."""
    trim: bool = False
    """Whether old turns may be left out (which is said) where all of them are too long for the model."""
    match: bool = True
    """Whether a project is looked for where a new conversation names none."""


@dataclass(frozen=True, kw_only=True)
class AnswerEvent:
    """Something that is heard while an answer is made: position, start, token, tool, approval, usage, done, error."""

    kind: str
    data: Json


OnAnswerEvent = Callable[[AnswerEvent], None]


@dataclass(frozen=True, kw_only=True)
class TierUsed:
    """A document that the model was given: `commit` is the ledger's, `blob` the document's own."""

    name: str
    path: str
    commit: str
    blob: str
    tokens: int


@dataclass(frozen=True, kw_only=True)
class ChatAnswer:
    """What came of one message. `finish` is stop, length, steps, cancelled or error."""

    conversation: str
    seq: int
    text: str
    finish: str
    usage: Usage
    node: str
    answered_by: str = ""
    """The division of the node that speaks, by its name: "Mara, primary of desk"."""
    project: str = ""
    """What the conversation is about."""
    why: str = ""
    tried: tuple[str, ...] = ()
    queued_seconds: float = 0.0
    tiers: tuple[TierUsed, ...] = ()
    cut: tuple[Json, ...] = ()
    tools: tuple[Json, ...] = ()
    notes: tuple[str, ...] = ()
    """What a person should know besides: the ledger was not reached, a secret was taken out."""
    good_for: str = ""
    """What its model is good for; "ledger" where no model had a part in it."""
    advice: str = ""
    """Where a better model comes from, where this one is a toy."""
    grounding: Json = field(default_factory=dict)
    """How many of its sentences the handoff bears out, with the places, and which of them it does not."""
    journal: str = ""
    """The entry in the session log, where the chat did work."""
    error: str = ""
    repeated: bool = False
    """It was given before, for the same idempotency key."""

    def json(self) -> dict[str, Any]:
        """As every surface tells it."""
        told = {name: value for name, value in vars(self).items() if name not in ("usage", "tiers", "conversation")}
        return {
            "conversation_id": self.conversation,
            **told,
            "model": self.usage.model,
            "backend": self.usage.backend,
            "usage": usage_json(self.usage) | {"queued_seconds": round(self.queued_seconds, 4)},
            "tiers": [asdict(tier) for tier in self.tiers],
        }


def usage_json(usage: Usage) -> dict[str, Any]:
    """A usage for the wire: tokens by the model's own count, times in seconds."""
    first = usage.first_token_seconds
    return {
        "tokens_in": usage.tokens_in,
        "tokens_out": usage.tokens_out,
        "tokens_cached": usage.tokens_cached,
        "first_token_seconds": None if first is None else round(first, 4),
        "seconds": round(usage.seconds, 4),
        "cost_usd": usage.cost_usd,
    }


@dataclass
class AnswerUsage:
    """Adds up what the steps of one answer took."""

    usage: Usage = field(default_factory=Usage)

    def add(self, step: Usage) -> None:
        """Takes in one step. The first word's time is that of the first step that said one."""
        so_far = self.usage
        costs = [cost for cost in (so_far.cost_usd, step.cost_usd) if cost is not None]
        self.usage = Usage(
            model=step.model or so_far.model,
            backend=step.backend or so_far.backend,
            tokens_in=so_far.tokens_in + step.tokens_in,
            tokens_out=so_far.tokens_out + step.tokens_out,
            tokens_cached=so_far.tokens_cached + step.tokens_cached,
            first_token_seconds=_first_token_seconds(so_far, step),
            seconds=so_far.seconds + step.seconds,
            cost_usd=sum(costs) if costs else None,
        )


def _first_token_seconds(so_far: Usage, step: Usage) -> float | None:
    if so_far.first_token_seconds is not None:
        return so_far.first_token_seconds
    return None if step.first_token_seconds is None else so_far.seconds + step.first_token_seconds


def clean_turn(turn: ConversationTurn) -> ConversationTurn:
    """A turn as it may be kept: without secrets, whoever said them."""
    return replace(turn, content=redact(turn.content).text, trace=redact_values(turn.trace))
