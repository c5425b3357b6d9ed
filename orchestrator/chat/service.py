"""How does a person's message become an answer?

`prepare` does all that can be refused: it finds the conversation, chooses a backend, assembles what the model is given,
counts it, takes a place in the queue, and stores the person's message. `run` makes the answer, and stores it whatever
becomes of it. One conversation answers one message at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from handoff.secrets.redact import redact
from orchestrator.chat.failover import Chooser, Voice
from orchestrator.chat.history import Memory
from orchestrator.chat.ledger_context import Found, found
from orchestrator.chat.log_entry import Chronicle
from orchestrator.chat.prepared import Prepared, Repeated
from orchestrator.chat.prompt_builder import Giving, role_of
from orchestrator.chat.prompt_cache import Subject, Warmth
from orchestrator.chat.queue import Alone, Gates
from orchestrator.chat.tool_approvals import Approvals
from orchestrator.chat.tool_loop import Limits, Said, Stepping
from orchestrator.chat.tools.tool import Toolbox
from orchestrator.chat.values import Answer, Event, Hear, Request, usage_json
from orchestrator.core.errors import ContextTooLong, ModelUnavailable, NotFound, OrchestratorError, WrongSetting
from orchestrator.core.ports.agent import Project, Stop
from orchestrator.core.ports.storage import Conversation, Turn
from orchestrator.ledger.result_report import utc
from orchestrator.ledger.snapshot import Ledger
from sync.errors import SyncError

MESSAGE_ROOF = 200_000
"""Characters of one message."""

Boxes = Callable[[str, Project | None, Ledger | None, Sequence[str], Stop], Toolbox]
"""Opens a conversation's workspace and gives the tools that may be used in it."""


@dataclass(kw_only=True)
class Chat(Giving):
    """The chats of one node. Any number of threads may use it."""

    memory: Memory
    chooser: Chooser
    node: str
    approvals: Approvals
    gates: Gates
    boxes: Boxes | None = None
    chronicle: Chronicle | None = None
    warmth: Warmth | None = None
    limits: Limits = field(default_factory=Limits)
    alone: Alone = field(default_factory=Alone)

    def answer(self, request: Request, on_event: Hear, stop: Stop) -> Answer:
        """The whole way. Raises what `prepare` and `run` raise."""
        return self.run(self.prepare(request, stop), on_event, stop)

    # -- what can be refused ------------------------------------------------------------------------------------

    def prepare(self, request: Request, stop: Stop) -> Prepared | Repeated:
        """Takes a message in. Whoever calls this calls `run` next, or else `drop`.

        Raises WrongSetting, NotFound, AlreadyDone (the conversation is answering), ContextTooLong, QueueFull,
        ModelUnavailable, and what the ledger and the store raise.
        """
        if not request.message.strip() or len(request.message) > MESSAGE_ROOF:
            raise WrongSetting("message", f"1 to {MESSAGE_ROOF:,} characters")
        clean = redact(request.message)
        request = replace(request, message=clean.text)
        notes: tuple[str, ...] = (f"{len(clean.found)} secrets were taken out of the message",) if clean.found else ()
        with ExitStack() as held:
            if request.key:
                held.enter_context(self.alone.hold(f"key {request.device} {request.key}"))
            about = found(self.ledger()[0] if self.ledger and not request.conversation else None, request)
            conversation = self.memory.conversation(request, about.project)
            notes += about.notes
            begun = held.enter_context(ExitStack())
            if not request.conversation:
                begun.callback(self.memory.forget, conversation)  # unless its first message is taken in
            held.enter_context(self.alone.hold(conversation.id))
            turns = self.memory.turns(conversation.id)
            answer = self.memory.given(replace(request, conversation=conversation.id), turns)
            prepared: Prepared | Repeated
            if answer is not None:
                prepared = Repeated(answer=answer)
            else:
                prepared = self._prepared(request, conversation, turns, notes, held, stop)
            begun.pop_all()
            prepared.held = held.pop_all()
        return prepared

    def _prepared(
        self,
        request: Request,
        conversation: Conversation,
        turns: Sequence[Turn],
        notes: tuple[str, ...],
        held: ExitStack,
        stop: Stop,
    ) -> Prepared:
        project = conversation.project
        ledger, why_old = self.ledger() if self.ledger else (None, "this node has joined no fleet: no handoff")
        if project and (ledger is None or project not in ledger.charter.projects):
            raise NotFound(f"fleet.toml has no project {project!r}"[:160])
        later = found(ledger, request, project) if turns else Found()
        choice = self.chooser.choose(request.model, peers=request.peers)
        box = self._box(request, project, ledger, conversation.id, stop)
        known, fitted = self.fitted(request, turns, project, ledger, choice.model, box)
        ticket = self.gates.of(choice.model.backend).join()
        held.callback(ticket.leave)
        asked = self.memory.asked(conversation.id, request, known)
        return Prepared(
            request=request,
            conversation=conversation,
            asked=asked,
            voice=Voice(chooser=self.chooser, wanted=request.model, peers=request.peers, choice=choice),
            known=known,
            fitted=fitted,
            ticket=ticket,
            notes=(*notes, *later.notes, *([why_old] if why_old else [])),
            box=box,
        )

    def _box(
        self, request: Request, project: str, ledger: Ledger | None, conversation: str, stop: Stop
    ) -> Toolbox | None:
        if not request.tools:
            return None
        if self.boxes is None:
            raise WrongSetting("tools", "this node offers none")
        known = ledger.charter.project(project) if ledger and project else None
        return self.boxes(conversation, known, ledger, request.tools, stop)

    def drop(self, prepared: Prepared | Repeated) -> None:
        """Lets go of what is held for a message that is not going to be answered."""
        prepared.held.close()

    # -- the answer ---------------------------------------------------------------------------------------------

    def run(self, prepared: Prepared | Repeated, on_event: Hear, stop: Stop) -> Answer:
        """Answers. Raises ContextTooLong and ModelUnavailable, with what came before them stored."""
        with prepared.held:
            on_event(prepared.start(self.node))
            if isinstance(prepared, Repeated):
                on_event(Event(kind="token", data={"text": prepared.answer.text}))
                answer = prepared.answer
            else:
                answer = self._made(prepared, on_event, stop)
        return self._told(answer, on_event)  # who hears `done` may send the next message at once

    def _made(self, prepared: Prepared, on_event: Hear, stop: Stop) -> Answer:
        if self.warmth:
            self.warmth.fetch(prepared.voice.model, prepared.conversation.id)
        stepping = self._stepping(prepared, on_event, stop)
        try:
            said = stepping.go()
        except BaseException as error:
            cancelled = stop.is_set() and not isinstance(error, OrchestratorError)
            said = Said(
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
        return self._kept(prepared, said, None)

    def _stepping(self, prepared: Prepared, on_event: Hear, stop: Stop) -> Stepping:
        return Stepping(
            voice=prepared.voice,
            conversation=prepared.conversation.id,
            messages=list(prepared.fitted.messages),
            count=self.counter(prepared.voice.model),
            turnstile=self.gates.of(prepared.voice.model.backend),
            ticket=prepared.ticket,
            hear=on_event,
            stop=stop,
            limits=self.limits,
            box=prepared.box,
            approvals=self.approvals,
            notes=self.memory.notes(prepared.conversation.id),
            when=lambda: utc(self.now()),
        )

    def _kept(self, prepared: Prepared, said: Said, error: BaseException | None) -> Answer:
        """Stores the answer, writes of what it did, books what it took."""
        answer = Answer(
            conversation=prepared.conversation.id,
            seq=prepared.asked.seq + 1,
            text=said.text,
            finish=said.finish,
            usage=said.usage,
            node=self.node,
            project=prepared.conversation.project,
            why=prepared.voice.choice.why,
            tried=prepared.voice.tried,
            queued_seconds=said.queued_seconds,
            tiers=prepared.known.tiers,
            cut=tuple(prepared.cut),
            tools=tuple(call.json() for call in said.calls),
            notes=prepared.notes,
            error=_why(error),
        )
        answer = self._chronicled(prepared, answer)
        if self.warmth:
            subject = Subject(project=prepared.conversation.project, role=role_of(prepared.box))
            self.warmth.used(prepared.voice.model, prepared.conversation.id, subject, prepared.known.head)
        return self.memory.answered(prepared.conversation, answer, said, node=self.node, when=self.now())

    def _chronicled(self, prepared: Prepared, answer: Answer) -> Answer:
        """With the entry in the journal, if the chat did work."""
        if self.chronicle is None or not any(call["changed"] for call in answer.tools):
            return answer
        try:
            entry = self.chronicle.write(prepared.request, prepared.conversation, answer)
        except (OrchestratorError, SyncError, OSError) as error:
            why = f"the session log was not written: {error}"
            return replace(answer, notes=(*answer.notes, why))
        return replace(answer, journal=entry)

    def _told(self, answer: Answer, on_event: Hear) -> Answer:
        on_event(
            Event(kind="usage", data=usage_json(answer.usage) | {"queued_seconds": round(answer.queued_seconds, 4)})
        )
        on_event(Event(kind="done", data=answer.json()))
        return answer


def _why(error: BaseException | None) -> str:
    if error is None:
        return ""
    return str(error) if isinstance(error, ModelUnavailable | ContextTooLong) else "it was ended by an error"
