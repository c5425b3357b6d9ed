"""How is a conversation's history kept, so that it goes on on any device and a repeated request is answered once?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import zip_longest
from typing import Any

from handoff.secrets.excerpts import redacted_line
from handoff.secrets.redact import redact, redact_values
from missions.plain_data import read_json
from orchestrator.chat.ledger_context import LedgerContext
from orchestrator.chat.tool_loop import ToolCallRecorder, ToolLoopResult
from orchestrator.chat.tools.tool import ToolRequest, ToolTrace
from orchestrator.chat.values import ChatAnswer, ChatRequest, TierUsed, clean_turn
from orchestrator.core.errors import NotFound, Refused, WrongSetting
from orchestrator.core.ports.conversations import Conversation, Conversations, ConversationTurn, ToolCall, ToolCalls
from orchestrator.core.ports.model import Usage
from orchestrator.core.ports.usage import UsageBook, UsageOwner
from orchestrator.core.pricing import priced

MAX_TITLE_CHARACTERS = 80
MAX_CONVERSATIONS_SEARCHED = 30
"""Conversations of a device that are looked through for the beginning that a repeated request once made."""
TURNS_PER_PAGE = 500
AGENT = "chat"


@dataclass(frozen=True, kw_only=True)
class ChatHistory:
    """What chats need of the store."""

    conversations: Conversations
    tool_calls: ToolCalls
    usage: UsageBook

    def conversation(self, request: ChatRequest, project: str = "") -> Conversation:
        """The one that is gone on with, or a new one, about `project` where none is named.

        Raises NotFound, and WrongSetting for another project.
        """
        if request.conversation:
            found = self.conversations.get(request.conversation)
            if request.project and request.project != found.project:
                raise WrongSetting("project", "a conversation keeps its project: start a new one for another")
            return found
        begun = self._begun(request) if request.key else None
        return begun or self.conversations.create(
            request.project or project, request.device, redacted_line(request.message, MAX_TITLE_CHARACTERS)
        )

    def forget(self, conversation: Conversation) -> None:
        """Takes a conversation out in which nothing was said."""
        if not conversation.turns:
            self.conversations.delete(conversation.id)

    def _begun(self, request: ChatRequest) -> Conversation | None:
        """The conversation that an earlier sending of this request began."""
        for each in self.conversations.listing(device=request.device, limit=MAX_CONVERSATIONS_SEARCHED):
            try:
                first = self.conversations.turns(each.id, limit=1)
            except NotFound:
                continue  # it was taken out since it was listed
            if first and first[0].idempotency_key == request.key and request.project in ("", each.project):
                return each
        return None

    def turns(self, conversation_id: str) -> list[ConversationTurn]:
        """All turns so far."""
        found: list[ConversationTurn] = []
        while page := self.conversations.turns(
            conversation_id, after_seq=found[-1].seq if found else 0, limit=TURNS_PER_PAGE
        ):
            found += page
        return found

    def asked(self, conversation_id: str, request: ChatRequest, known: LedgerContext) -> ConversationTurn:
        """Stores a person's message with what went with it to the model. Raises Refused for a key used otherwise."""
        trace = {
            "given": known.before + request.message,
            "pin": known.pin,
            "told": list(known.told),
            "clock": known.clock,
        }
        turn = ConversationTurn(
            role="user",
            content=request.message,
            device=request.device,
            trace=trace,
            idempotency_key=request.key,
        )
        return self.conversations.append(conversation_id, clean_turn(turn))

    def answered(
        self, of: Conversation, answer: ChatAnswer, said: ToolLoopResult, *, node: str, when: datetime
    ) -> ChatAnswer:
        """Stores the answer and what it took; returns it with its place in the conversation."""
        trace: dict[str, Any] = {"answer": answer.json()}
        if said.steps or said.raw not in ("", said.text):
            trace |= {"steps": list(said.steps), "said": said.raw or said.text}
        turn = ConversationTurn(role="assistant", content=said.text, usage=asdict(answer.usage), trace=trace)
        stored = self.conversations.append(of.id, clean_turn(turn))
        answer = replace(answer, seq=stored.seq, text=redact(answer.text).text)
        run = UsageOwner(node=node, mission=of.id, epoch=answer.seq, attempt=1, agent=AGENT, project=of.project)
        self.usage.record(run, priced(answer.usage), when=when)
        return answer

    def given(self, request: ChatRequest, turns: Sequence[ConversationTurn]) -> ChatAnswer | None:
        """The answer that this request got before; None when it got none: it is new, or its process died.

        Raises Refused when its key was used for another message.
        """
        for asked, after in zip_longest(turns, turns[1:]):
            if request.key and asked.role == "user" and asked.idempotency_key == request.key:
                if asked.content != request.message:
                    raise Refused("this idempotency key was used for another message")
                return _read_answer(request.conversation, after) if after and after.role == "assistant" else None
        return None

    def notes(self, conversation_id: str) -> ToolCallRecorder:
        """Where the calls of an answer are noted."""
        return _StoredToolCallRecorder(self.tool_calls, conversation_id)


@dataclass(frozen=True)
class _StoredToolCallRecorder:
    calls: ToolCalls
    conversation_id: str

    def begin(self, call: ToolRequest, state: str) -> int:
        arguments = redact_values(read_json(json.dumps(call.arguments)))
        begun = ToolCall(conversation_id=self.conversation_id, name=call.tool[:40], arguments=arguments, state=state)
        return self.calls.begin(begun).id

    def finish(self, number: int, traced: ToolTrace) -> None:
        state = "refused" if traced.leave == "deny" else "done" if traced.ok else "failed"
        told = traced.json()
        result = {"act": traced.act, "changed": traced.changed, "head": redact_values(told["result"])}
        self.calls.finish(number, state=state, result=result, seconds=traced.seconds)


def _read_answer(conversation_id: str, turn: ConversationTurn) -> ChatAnswer:
    """An answer as it was stored."""
    told: Mapping[str, Any] = turn.trace.get("answer", {})
    kept = {
        name: told.get(name, "")
        for name in ("node", "answered_by", "project", "why", "finish", "journal", "error", "good_for", "advice")
    }
    return ChatAnswer(
        conversation=conversation_id,
        seq=turn.seq,
        text=turn.content,
        usage=Usage(**turn.usage),
        tried=tuple(told.get("tried", ())),
        queued_seconds=float(told.get("usage", {}).get("queued_seconds", 0.0)),
        tiers=tuple(TierUsed(**tier) for tier in told.get("tiers", ())),
        cut=tuple(told.get("cut", ())),
        tools=tuple(told.get("tools", ())),
        notes=tuple(told.get("notes", ())),
        grounding=dict(told.get("grounding") or {}),
        repeated=True,
        **kept,
    )
