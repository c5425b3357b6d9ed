"""The chat service: how does a person's message become an answer?

`prepare` does all that can be refused: it finds the conversation, chooses a backend, assembles what the model is given,
counts it, takes a place in the queue, and stores the person's message. `run` makes the answer, and stores it whatever
becomes of it. One conversation answers one message at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from handoff.secrets.redact import redact
from missions.divisions import primary_division
from orchestrator.chat.answer_plan import AnswerPlan, AnswerStream, FindSources, said_lines
from orchestrator.chat.failover import Failover, ModelChooser
from orchestrator.chat.history import ChatHistory
from orchestrator.chat.ledger_context import DetectedProject, LedgerContext, detect_project
from orchestrator.chat.log_entry import ChatLogWriter
from orchestrator.chat.prepared import PreparedRequest, RepeatedRequest
from orchestrator.chat.prompt_builder import PromptBuilder, role_of
from orchestrator.chat.prompt_cache import PromptCache, PromptHeadKey
from orchestrator.chat.prompt_fit import FittedPrompt
from orchestrator.chat.queue import BackendQueues, KeyedLock
from orchestrator.chat.tool_approvals import ToolApprovals
from orchestrator.chat.tool_loop import ToolLoop, ToolLoopLimits, ToolLoopResult
from orchestrator.chat.tools.tool import Toolbox
from orchestrator.chat.values import AnswerEvent, ChatAnswer, ChatRequest, OnAnswerEvent, usage_json
from orchestrator.core.errors import ContextTooLong, ModelUnavailable, NotFound, OrchestratorError, WrongSetting
from orchestrator.core.model_competence import Competence
from orchestrator.core.ports.agent import Project
from orchestrator.core.ports.conversations import Conversation, ConversationTurn
from orchestrator.core.ports.model import Stop, Usage
from orchestrator.core.time_text import format_utc
from orchestrator.ledger.snapshot import LedgerSnapshot
from sync.errors import SyncError

MAX_MESSAGE_CHARACTERS = 200_000
"""Characters of one message."""

ToolboxFactory = Callable[[str, Project | None, LedgerSnapshot | None, Sequence[str], Stop], Toolbox]
"""Opens a conversation's workspace and gives the tools that may be used in it."""


@dataclass(kw_only=True)
class ChatService:
    """The chats of one node. Any number of threads may use it."""

    memory: ChatHistory
    prompts: PromptBuilder
    chooser: ModelChooser
    node: str
    approvals: ToolApprovals
    queues: BackendQueues
    open_toolbox: ToolboxFactory | None = None
    log_writer: ChatLogWriter | None = None
    prompt_cache: PromptCache | None = None
    sources: FindSources | None = None
    """Finds on what an answer may rest; None at a node that has joined no fleet."""
    limits: ToolLoopLimits = field(default_factory=ToolLoopLimits)
    conversation_locks: KeyedLock = field(default_factory=KeyedLock)

    def answer(self, request: ChatRequest, on_event: OnAnswerEvent, stop: Stop) -> ChatAnswer:
        """The whole way. Raises what `prepare` and `run` raise."""
        return self.run(self.prepare(request, stop), on_event, stop)

    # -- what can be refused ------------------------------------------------------------------------------------

    def prepare(self, request: ChatRequest, stop: Stop) -> PreparedRequest | RepeatedRequest:
        """Takes a message in. Whoever calls this calls `run` next, or else `drop`.

        Raises WrongSetting, NotFound, AlreadyDone (the conversation is answering), ContextTooLong, QueueFull,
        ModelUnavailable, and what the ledger and the store raise.
        """
        if not request.message.strip() or len(request.message) > MAX_MESSAGE_CHARACTERS:
            raise WrongSetting("message", f"1 to {MAX_MESSAGE_CHARACTERS:,} characters")
        clean = redact(request.message)
        request = replace(request, message=clean.text)
        notes: tuple[str, ...] = (f"{len(clean.found)} secrets were taken out of the message",) if clean.found else ()
        with ExitStack() as held:
            if request.key:
                held.enter_context(self.conversation_locks.hold(f"key {request.device} {request.key}"))
            about = detect_project(None if request.conversation else self.prompts.newest()[0], request)
            conversation = self.memory.conversation(request, about.project)
            notes += about.notes
            begun = held.enter_context(ExitStack())
            if not request.conversation:
                begun.callback(self.memory.forget, conversation)  # unless its first message is taken in
            held.enter_context(self.conversation_locks.hold(conversation.id))
            turns = self.memory.turns(conversation.id)
            answer = self.memory.given(replace(request, conversation=conversation.id), turns)
            prepared: PreparedRequest | RepeatedRequest
            if answer is not None:
                prepared = RepeatedRequest(answer=answer)
            else:
                prepared = self._prepare_answer(request, conversation, turns, notes, held, stop)
            begun.pop_all()
            prepared.held = held.pop_all()
        return prepared

    def _prepare_answer(
        self,
        request: ChatRequest,
        conversation: Conversation,
        turns: Sequence[ConversationTurn],
        notes: tuple[str, ...],
        held: ExitStack,
        stop: Stop,
    ) -> PreparedRequest:
        project = conversation.project
        ledger, why_old = self.prompts.newest()
        if project and (ledger is None or project not in ledger.charter.projects):
            raise NotFound("fleet.toml has no project {!r}: `shiftbook project list` shows them", project[:100])
        later = detect_project(ledger, request, project) if turns else DetectedProject()
        choice = self.chooser.choose(request.model, peers=request.peers)
        box = self._toolbox_for(request, project, ledger, conversation.id, stop)
        plan = self._plan(request, project, ledger, turns, choice.competence)
        known, fitted = (
            _unasked()
            if plan.own and plan.own.whole
            else self.prompts.fitted(request, turns, project, ledger, choice.model, box, facts=plan.facts)
        )
        ticket = self.queues.of(choice.model.backend).join()
        held.callback(ticket.leave)
        asked = self.memory.asked(conversation.id, request, known)
        return PreparedRequest(
            request=request,
            conversation=conversation,
            asked=asked,
            failover=Failover(chooser=self.chooser, wanted=request.model, peers=request.peers, choice=choice),
            known=known,
            fitted=fitted,
            ticket=ticket,
            planned=plan,
            notes=(*notes, *later.notes, *([why_old] if why_old else [])),
            box=box,
            answered_by=primary_division(ledger.charter.divisions(self.node) if ledger else ()).signature(self.node),
        )

    def _plan(
        self,
        request: ChatRequest,
        project: str,
        ledger: LedgerSnapshot | None,
        turns: Sequence[ConversationTurn],
        competence: Competence,
    ) -> AnswerPlan:
        found = self.sources(ledger, project, request.message) if self.sources and ledger else None
        sources = found.and_lines(said_lines(turns)) if found else None
        return AnswerPlan(question=request.message, competence=competence, sources=sources, tools=bool(request.tools))

    def _toolbox_for(
        self, request: ChatRequest, project: str, ledger: LedgerSnapshot | None, conversation: str, stop: Stop
    ) -> Toolbox | None:
        if not request.tools:
            return None
        if self.open_toolbox is None:
            raise WrongSetting("tools", "this node offers none")
        known = ledger.charter.project(project) if ledger and project else None
        return self.open_toolbox(conversation, known, ledger, request.tools, stop)

    def drop(self, prepared: PreparedRequest | RepeatedRequest) -> None:
        """Lets go of what is held for a message that is not going to be answered."""
        prepared.held.close()

    # -- the answer ---------------------------------------------------------------------------------------------

    def run(self, prepared: PreparedRequest | RepeatedRequest, on_event: OnAnswerEvent, stop: Stop) -> ChatAnswer:
        """Answers. Raises ContextTooLong and ModelUnavailable, with what came before them stored."""
        with prepared.held:
            on_event(prepared.start(self.node))
            if isinstance(prepared, RepeatedRequest):
                on_event(AnswerEvent(kind="token", data={"text": prepared.answer.text}))
                answer = prepared.answer
            else:
                answer = self._made(prepared, on_event, stop)
        return self._told(answer, on_event)  # who hears `done` may send the next message at once

    def _made(self, prepared: PreparedRequest, on_event: OnAnswerEvent, stop: Stop) -> ChatAnswer:
        own = prepared.plan.own
        if own:
            on_event(AnswerEvent(kind="token", data={"text": own.text}))
            if own.whole:
                return self._kept(prepared, _unasked_result(own.text), None)
        if self.prompt_cache:
            self.prompt_cache.fetch(prepared.failover.model, prepared.conversation.id)
        stepping = self._stepping(prepared, on_event, stop)
        if own:
            stepping.heard.append(own.text)
            stepping.show.opened = own.text
        try:
            said = stepping.go()
        except BaseException as error:
            cancelled = stop.is_set() and not isinstance(error, OrchestratorError)
            said = ToolLoopResult(
                text="".join(stepping.heard),
                raw="",
                finish="cancelled" if cancelled else "error",
                usage=stepping.tally.usage,
                steps=stepping.steps,
                calls=stepping.calls,
                queued_seconds=stepping.queued,
            )
            self._kept(prepared, said, error)
            raise
        if prepared.plan.held_back:
            said = replace(said, raw="")  # what was not shown is not given to the model again, either
        return self._kept(prepared, said, None, stepping.show)

    def _stepping(self, prepared: PreparedRequest, on_event: OnAnswerEvent, stop: Stop) -> ToolLoop:
        return ToolLoop(
            model=prepared.failover,
            conversation=prepared.conversation.id,
            messages=list(prepared.fitted.messages),
            count=self.prompts.counter(prepared.failover.model),
            semaphore=self.queues.of(prepared.failover.model.backend),
            ticket=prepared.ticket,
            hear=on_event,
            stop=stop,
            limits=self.limits,
            box=prepared.box,
            show=AnswerStream(plan=lambda: prepared.plan),
            approvals=self.approvals,
            notes=self.memory.notes(prepared.conversation.id),
            when=lambda: format_utc(self.prompts.now()),
        )

    def _kept(
        self,
        prepared: PreparedRequest,
        said: ToolLoopResult,
        error: BaseException | None,
        show: AnswerStream | None = None,
    ) -> ChatAnswer:
        """Stores the answer, writes of what it did, books what it took."""
        plan = prepared.plan
        answer = ChatAnswer(
            conversation=prepared.conversation.id,
            seq=prepared.asked.seq + 1,
            text=said.text,
            finish=said.finish,
            usage=said.usage,
            node=self.node,
            answered_by=prepared.answered_by,
            project=prepared.conversation.project,
            why=prepared.failover.choice.why,
            tried=prepared.failover.tried,
            queued_seconds=said.queued_seconds,
            tiers=prepared.known.tiers,
            cut=tuple(prepared.cut),
            tools=tuple(call.json() for call in said.calls),
            notes=prepared.notes,
            good_for="ledger" if said.usage.backend == "ledger" else plan.competence.good_for.value,
            advice=plan.advice,
            grounding=plan.grounding(said.text, show.told if show else ()),
            error=_error_text(error),
        )
        answer = self._with_log_entry(prepared, answer)
        if self.prompt_cache and prepared.known.head:
            subject = PromptHeadKey(project=prepared.conversation.project, role=role_of(prepared.box))
            self.prompt_cache.used(prepared.failover.model, prepared.conversation.id, subject, prepared.known.head)
        return self.memory.answered(prepared.conversation, answer, said, node=self.node, when=self.prompts.now())

    def _with_log_entry(self, prepared: PreparedRequest, answer: ChatAnswer) -> ChatAnswer:
        """With the entry in the journal, if the chat did work."""
        if self.log_writer is None or not any(call["changed"] for call in answer.tools):
            return answer
        try:
            worded = replace(answer, text=prepared.plan.for_documents(answer.text))
            entry = self.log_writer.write(prepared.request, prepared.conversation, worded)
        except (OrchestratorError, SyncError, OSError) as error:
            why = f"the session log was not written: {error}"
            return replace(answer, notes=(*answer.notes, why))
        return replace(answer, journal=entry)

    def _told(self, answer: ChatAnswer, on_event: OnAnswerEvent) -> ChatAnswer:
        on_event(
            AnswerEvent(
                kind="usage", data=usage_json(answer.usage) | {"queued_seconds": round(answer.queued_seconds, 4)}
            )
        )
        on_event(AnswerEvent(kind="done", data=answer.json()))
        return answer


def _unasked() -> tuple[LedgerContext, FittedPrompt]:
    """What a model is given that is not asked."""
    return LedgerContext(head="", before=""), FittedPrompt(messages=(), tokens=0)


def _unasked_result(text: str) -> ToolLoopResult:
    """An answer in which no model had a part."""
    return ToolLoopResult(text=text, raw="", finish="stop", usage=Usage(backend="ledger", cost_usd=0.0))


def _error_text(error: BaseException | None) -> str:
    if error is None:
        return ""
    return str(error) if isinstance(error, ModelUnavailable | ContextTooLong) else "it was ended by an error"
