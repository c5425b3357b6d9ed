"""How is one of OpenAI's completions taken in and answered, in one piece or in chunks?"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from orchestrator.api.routes.chat import count_generated_tokens
from orchestrator.api.routes.openai.prompt import messages_of, odd_calls
from orchestrator.api.routes.openai.schema import CompletionRequest
from orchestrator.api.routes.openai.tools import offered_functions, schema_of
from orchestrator.api.web.streaming import StreamWork
from orchestrator.app.factories.chat_factory import ChatRuntime
from orchestrator.chat.failover import Failover
from orchestrator.chat.partial_answer import PartialAnswer, answer_content
from orchestrator.chat.prompt_fit import count_message_tokens
from orchestrator.chat.queue import QueueTicket
from orchestrator.chat.tool_loop import parse_tool_call
from orchestrator.chat.values import AnswerEvent
from orchestrator.core.errors import ContextTooLong
from orchestrator.core.ports.model import Generation, Prompt, Stop, Usage
from orchestrator.core.ports.usage import UsageOwner
from orchestrator.core.pricing import priced

DEFAULT_ANSWER_TOKENS = 4096
"""Tokens of an answer where the request names no roof."""
FINISH_REASONS = {"cancelled": "stop"}


@dataclass(kw_only=True)
class AcceptedCompletion:
    """A request that was taken in: who answers what, and the place in the queue."""

    chats: ChatRuntime
    body: CompletionRequest
    failover: Failover
    prompt: Prompt
    ticket: QueueTicket
    functions: bool
    made: Generation = field(default_factory=lambda: Generation(text="", finish="cancelled", usage=Usage()))
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")

    def answer(self, on_text: Callable[[str], None], stop: Stop) -> Generation:
        """Answers when it is its turn, and books what that took."""
        with self.chats.queues.of(self.failover.model.backend).turn(self.ticket, lambda place: None, stop) as entered:
            if not entered:
                return self.made
            made = self.made = self.failover.generate(self.prompt, on_text=on_text, stop=stop)
        run = UsageOwner(node=self.chats.chat.node, mission=self.id, epoch=1, attempt=1, agent="openai")
        self.chats.stores.usage.record(run, priced(made.usage, one_call=True), when=self.chats.chat.prompts.now())
        return made

    def frame(self, kind: str, **more: Any) -> dict[str, Any]:
        """An object of OpenAI's."""
        created = int(self.chats.chat.prompts.now().timestamp())
        return {"id": self.id, "object": kind, "created": created, "model": self.failover.model.name, **more}

    def who(self, usage: Usage) -> dict[str, Any]:
        """What we say besides: who answered and why."""
        told = {"backend": self.failover.model.backend, "node": self.chats.chat.node, "why": self.failover.choice.why}
        return {**told, "tried": list(self.failover.tried), "first_token_seconds": usage.first_token_seconds}


def accept_completion(chats: ChatRuntime, body: CompletionRequest, *, peers: bool) -> AcceptedCompletion:
    """All that can be refused. Raises WrongPrompt, NotFound, ModelUnavailable, ContextTooLong, QueueFull."""
    functions, must = offered_functions(body)
    messages, schema = messages_of(body, functions), schema_of(body, functions, must=must)
    choice = chats.router.choose(body.model, peers=peers)
    tokens = count_message_tokens(messages, chats.chat.prompts.counter(choice.model))
    room = choice.model.context_tokens - tokens
    if room < 1:
        raise ContextTooLong(tokens, choice.model.context_tokens)
    prompt = Prompt(
        messages=messages,
        max_tokens=min(body.roof or DEFAULT_ANSWER_TOKENS, room),
        schema=schema,
        temperature=body.temperature,
        stop=body.stops,
        seed=body.seed,
        conversation=body.prompt_cache_key,
    )
    voice = Failover(chooser=chats.router, wanted=body.model, peers=peers, choice=choice)
    ticket = chats.queues.of(choice.model.backend).join()
    return AcceptedCompletion(
        chats=chats, body=body, failover=voice, prompt=prompt, ticket=ticket, functions=bool(functions)
    )


def complete(taken: AcceptedCompletion, stop: Stop) -> dict[str, Any]:
    """The answer in one piece."""
    made = taken.answer(lambda text: None, stop)
    _count(taken)
    call = _tool_call(made.text, f"call_{secrets.token_hex(8)}") if taken.functions else None
    content = None if call else answer_content(made.text) if taken.functions else made.text
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if call:
        message |= {"function_call": call["function"]} if taken.body.older else {"tool_calls": [call]}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(taken, called=bool(call))}
    told: dict[str, Any] = {"usage": _usage(made.usage), "shiftbook": taken.who(made.usage)}
    told |= {"detail": odd} if (odd := odd_calls(taken.body)) else {}
    return taken.frame("chat.completion", choices=[choice], **told)


def begin_stream(chats: ChatRuntime, body: CompletionRequest, *, peers: bool) -> StreamWork:
    """The answer in chunks."""
    taken = accept_completion(chats, body, peers=peers)

    def work(hear: Callable[[AnswerEvent], None], stop: Stop) -> None:
        for chunk in _chunks(taken, lambda chunk: hear(AnswerEvent(kind="chunk", data=chunk)), stop):
            hear(AnswerEvent(kind="chunk", data=chunk))
        hear(AnswerEvent(kind="done", data={"taken": taken}))

    return work


def _chunks(taken: AcceptedCompletion, hear: Callable[[dict[str, Any]], None], stop: Stop) -> Iterator[dict[str, Any]]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return taken.frame("chat.completion.chunk", choices=[choice])

    reader, said = PartialAnswer() if taken.functions else None, False

    def take(piece: str) -> None:
        nonlocal said
        if text := reader.take(piece) if reader else piece:
            said = True
            hear(chunk({"content": text}))

    hear(chunk({"role": "assistant", "content": ""}))
    made = taken.answer(take, stop)
    call = _tool_call(made.text, f"call_{secrets.token_hex(8)}") if taken.functions else None
    if call and not said:
        older = {"function_call": call["function"]}
        yield chunk(older if taken.body.older else {"tool_calls": [{"index": 0, **call}]})
    elif not said and (text := answer_content(made.text) if reader else made.text):
        yield chunk({"content": text})
    yield chunk({}, _finish(taken, called=bool(call)))
    if taken.body.stream_options.include_usage:
        usage = _usage(made.usage)
        yield taken.frame("chat.completion.chunk", choices=[], usage=usage, shiftbook=taken.who(made.usage))


def _count(taken: AcceptedCompletion) -> None:
    count_generated_tokens(taken.failover.model.name, taken.failover.model.backend, taken.made.usage.tokens_out)


def _finish(taken: AcceptedCompletion, *, called: bool) -> str:
    if called:
        return "function_call" if taken.body.older else "tool_calls"
    return FINISH_REASONS.get(taken.made.finish, taken.made.finish)


def chunk_data(event: AnswerEvent) -> str:
    """What follows `data:` for an event of a stream; the end is counted."""
    if event.kind == "done":
        _count(event.data["taken"])
        return "[DONE]"
    if event.kind == "error":
        return json.dumps(
            {"error": {"message": event.data.get("detail") or event.data["title"], "type": "server_error"}}
        )
    return json.dumps(event.data, ensure_ascii=False)


def _usage(usage: Usage) -> dict[str, Any]:
    """Token counts as OpenAI names them."""
    return {
        "prompt_tokens": usage.tokens_in,
        "completion_tokens": usage.tokens_out,
        "total_tokens": usage.tokens_in + usage.tokens_out,
        "prompt_tokens_details": {"cached_tokens": usage.tokens_cached},
    }


def _tool_call(raw: str, number: str) -> dict[str, Any] | None:
    """The call of a function in an answer; None where it is text."""
    call = parse_tool_call(raw)
    if call is None:
        return None
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    return {"id": number, "type": "function", "function": {"name": call.tool, "arguments": arguments}}
