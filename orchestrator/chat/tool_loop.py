"""How does a model come to its answer: one step without tools, or calls of tools until it has one?

Each step waits its turn with the model on its own, so that nobody waits behind a command that runs or a person who
thinks an approval over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from handoff.budget_fit import block
from handoff.secrets.redact import redact, redact_values
from missions.plain_data import read_json
from orchestrator.chat.answer_plan import AnswerStream
from orchestrator.chat.partial_answer import PartialAnswer, answer_content
from orchestrator.chat.prompt_fit import MIN_ANSWER_TOKENS, count_message_tokens
from orchestrator.chat.queue import FairSemaphore, QueueTicket
from orchestrator.chat.tool_approvals import ToolApprovals
from orchestrator.chat.tools.tool import HELD_BACK, Toolbox, ToolPermission, ToolRequest, ToolTrace
from orchestrator.chat.tools.tool_action import action_of
from orchestrator.chat.tools.toolbox import answer_schema
from orchestrator.chat.values import AnswerEvent, AnswerUsage, OnAnswerEvent
from orchestrator.core import tracing
from orchestrator.core.ports.action_warner import NO_ADVICE, ActionAdvice
from orchestrator.core.ports.model import Generation, Prompt, PromptMessage, Stop, TextGenerator, Usage


@dataclass(frozen=True, kw_only=True)
class ToolLoopLimits:
    """What one answer may take: calls of tools, and tokens of one step and of all together."""

    steps: int = 12
    step_tokens: int = 1024
    tokens: int = 8192


class ToolCallRecorder(Protocol):
    """Where calls are noted, before they are done and after."""

    def begin(self, call: ToolRequest, state: str) -> int:
        """Notes a call; returns its number."""

    def finish(self, number: int, traced: ToolTrace) -> None:
        """Notes what came of it."""


@dataclass(frozen=True, kw_only=True)
class ToolLoopResult:
    """What came of it. `raw` is the last step as the model wrote it, `steps` the ones before, for the next turn."""

    text: str
    raw: str
    finish: str
    usage: Usage
    steps: tuple[Mapping[str, str], ...] = ()
    calls: tuple[ToolTrace, ...] = ()
    queued_seconds: float = 0.0


@dataclass(kw_only=True)
class ToolLoop:
    """One answer on its way."""

    model: TextGenerator
    conversation: str
    messages: list[PromptMessage]
    count: Callable[[str], int]
    semaphore: FairSemaphore
    ticket: QueueTicket | None
    hear: OnAnswerEvent
    stop: Stop
    limits: ToolLoopLimits
    box: Toolbox | None
    approvals: ToolApprovals
    notes: ToolCallRecorder
    when: Callable[[], str]
    temperature: float | None = None
    paths: tuple[str, ...] = ()
    """The only files that may be written, for a model that invents others; empty: any."""
    show: AnswerStream = field(default_factory=AnswerStream)
    """What of the text is passed on."""
    ends_on_repeat: bool = False
    """Whether the same call with the same result, and nothing done in between, ends it: nobody is there to notice."""
    tally: AnswerUsage = field(default_factory=AnswerUsage)
    heard: list[str] = field(default_factory=list)
    """The text that was passed on so far: what is kept of an answer that fails midway."""
    queued: float = 0.0
    _steps: list[Mapping[str, str]] = field(default_factory=list)
    _calls: list[ToolTrace] = field(default_factory=list)
    _since_change: set[str] = field(default_factory=set)

    def go(self) -> ToolLoopResult:
        """The whole answer. Raises ContextTooLong, ModelUnavailable and what the listener raises."""
        for number in range(self.limits.steps + 1):
            last = number == self.limits.steps or self.tally.usage.tokens_out >= self.limits.tokens
            room = self._room()
            if number and room < MIN_ANSWER_TOKENS:
                return self._said("", "length")
            made = self._step(min(self.limits.step_tokens, room), last=last)
            call = parse_tool_call(made.text) if self.box and not last and made.finish == "stop" else None
            if call is None:
                return self._said(made.text, "steps" if last and self.box and made.finish == "stop" else made.finish)
            traced, advice = self._use(call)
            self._take(made.text, traced, advice)
            if self.stop.is_set():
                return self._said("", "cancelled")
            if self.ends_on_repeat and self._repeats(traced):
                return self._said("", "repeated")
        raise AssertionError("the last step is an answer")

    def _room(self) -> int:
        return self.model.context_tokens - count_message_tokens(self.messages, self.count)

    def _step(self, tokens: int, *, last: bool) -> Generation:
        """One call of the model, when it is its turn."""
        ticket, self.ticket = self.ticket or self.semaphore.join(admitted=True), None
        began = self.semaphore.clock()
        with self.semaphore.turn(ticket, self._report_position, self.stop) as entered:
            self.queued += self.semaphore.clock() - began
            if not entered:
                return Generation(text="", finish="cancelled", usage=Usage())
            schema = answer_schema(self.box, last=last, paths=self.paths) if self.box else None
            prompt = Prompt(
                messages=tuple(self.messages),
                max_tokens=max(1, tokens),
                schema=schema,
                temperature=self.temperature,
                conversation=self.conversation,
            )
            with tracing.span("chat.call", prompt_messages=len(self.messages), queued_seconds=self.queued) as span:
                made = self.model.generate(prompt, on_text=self._listener(), stop=self.stop)
                usage = made.usage
                span.note(finish=made.finish, tokens_in=usage.tokens_in, tokens_out=usage.tokens_out, model=usage.model)
        self.tally.add(made.usage)
        return made

    def _listener(self) -> Callable[[str], None]:
        """Passes on what is answered; with tools that is one string inside the JSON."""
        text = PartialAnswer() if self.box else None

        def take(piece: str) -> None:
            if said := text.take(piece) if text else piece:
                self._pass(self.show.take(said))

        return take

    def _pass(self, said: str) -> None:
        if said:
            self.heard.append(said)
            self.hear(AnswerEvent(kind="token", data={"text": said}))

    def _repeats(self, traced: ToolTrace) -> bool:
        """Whether the very same was called before with the same result, and nothing else changed anything since."""
        key = json.dumps([traced.act, traced.arguments, traced.result], sort_keys=True, default=str)
        known = key in self._since_change
        self._since_change = {key} if traced.changed and not known else self._since_change | {key}
        return known

    def _report_position(self, place: int) -> None:
        self.hear(AnswerEvent(kind="position", data={"position": place}))

    def _use(self, call: ToolRequest) -> tuple[ToolTrace, str]:
        """One call of a tool: what policy says, what the journal warns of, what a person says, what came of it; and
        the warning, where one came with the result."""
        assert self.box
        leave, action = self.box.leave(call), action_of(call)
        advice = NO_ADVICE if leave is ToolPermission.DENY else self.box.warner.before(action)
        if advice.refuses:
            return self._held_back(call, advice), ""
        shown = {"tool": call.tool, "arguments": redact_values(call.arguments)}
        number = self.notes.begin(call, "held" if leave is ToolPermission.ASK else "running")
        word = leave.value
        if leave is ToolPermission.ASK:
            word = ToolPermission.ALLOW.value if self._ask_person(call, shown) else ToolPermission.DENY.value
        self.hear(AnswerEvent(kind="tool", data={**shown, "state": "running"}))
        traced = self.box.use(call, word, self.stop)
        if action and word != ToolPermission.DENY.value:
            self.box.warner.followed(action, ok=traced.ok)
        self._tell(number, replace(traced, result="\n".join(filter(None, (traced.result, advice.text)))))
        return traced, advice.text

    def _held_back(self, call: ToolRequest, advice: ActionAdvice) -> ToolTrace:
        """A call that is not done this once, because the journal warns of it."""
        assert self.box
        number = self.notes.begin(call, "running")
        traced = ToolTrace(
            tool=call.tool,
            act=self.box.act(call),
            arguments=call.arguments,
            leave=HELD_BACK,
            ok=False,
            changed=False,
            result=advice.text,
            seconds=0.0,
        )
        self._tell(number, traced)
        return traced

    def _tell(self, number: int, traced: ToolTrace) -> None:
        """A call that is over, for the store and for people."""
        self.notes.finish(number, traced)
        self._calls.append(traced)
        told = traced.json() | {
            "arguments": redact_values(traced.arguments),
            "result": redact(traced.json()["result"]).text,
        }
        self.hear(AnswerEvent(kind="tool", data={**told, "state": "done" if traced.ok else "failed"}))

    def _ask_person(self, call: ToolRequest, shown: Mapping[str, Any]) -> bool:
        assert self.box
        question = self.approvals.ask(self.conversation, self.box.act(call), shown["arguments"], when=self.when())
        self.hear(AnswerEvent(kind="approval", data={"id": question.id, "act": question.act, **shown}))
        return self.approvals.wait(question, self.stop)

    def _take(self, said: str, traced: ToolTrace, advice: str) -> None:
        clean = redact(traced.result).text
        self.show.hear(traced.tool, clean)
        result = block("result", clean, traced.tool) + (block("journal", advice) if advice else "")
        self._steps.append({"said": said, "result": result})
        self.messages += [PromptMessage(role="assistant", content=said), PromptMessage(role="user", content=result)]

    def _said(self, raw: str, finish: str) -> ToolLoopResult:
        if self.box and raw and not self.heard and finish != "cancelled" and not self.show.began:
            self.show.take(answer_content(raw))
        self._pass(self.show.close())
        text = "".join(self.heard)
        return ToolLoopResult(
            text=text,
            raw=raw,
            finish=finish,
            usage=self.tally.usage,
            steps=tuple(self._steps),
            calls=tuple(self._calls),
            queued_seconds=self.queued,
        )

    @property
    def calls(self) -> tuple[ToolTrace, ...]:
        """The calls so far."""
        return tuple(self._calls)

    @property
    def steps(self) -> tuple[Mapping[str, str], ...]:
        """The steps so far."""
        return tuple(self._steps)


def parse_tool_call(text: str) -> ToolRequest | None:
    """The call of a tool that a model wrote; None for an answer, and for what is neither."""
    try:
        read = read_json(text)
    except ValueError:
        return None
    if not isinstance(read, dict) or not isinstance(read.get("tool"), str):
        return None
    arguments = read.get("arguments", {})
    return ToolRequest(tool=read["tool"], arguments=arguments if isinstance(arguments, dict) else {})
