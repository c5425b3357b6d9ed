"""What do the tests of chats share: a real store, a ledger, and a stand-in for a model at the backend port?"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.app import wiring
from orchestrator.chat.history import ChatHistory
from orchestrator.chat.log_entry import ChatLogWriter
from orchestrator.chat.prompt_builder import PromptBuilder
from orchestrator.chat.queue import BackendQueues
from orchestrator.chat.service import ChatService
from orchestrator.chat.tool_approvals import ToolApprovals
from orchestrator.chat.tools import toolbox
from orchestrator.chat.tools.tool import Toolbox, ToolPolicy
from orchestrator.chat.tools.workspace import ChatWorkspaces
from orchestrator.chat.values import AnswerEvent, ChatAnswer, ChatRequest
from orchestrator.core.errors import ContextTooLong
from orchestrator.core.ports.agent import Project
from orchestrator.core.ports.model import Embedder, Generation, PrefixCache, Prompt, Stop, Usage
from orchestrator.core.ports.model_backend import BackendChoice
from orchestrator.core.ports.stores import Stores
from orchestrator.core.settings import Settings
from orchestrator.execution.workspace.clone import Workspaces
from orchestrator.workflow.journal.context import estimate_tokens
from tests.databases import brought_up
from tests.journals import logbook
from tests.ledgers import Peer, Town

DOCUMENTS = {
    "PORTFOLIO_CONTEXT.md": "# Portfolio\n\nOne shop.\n",
    "projects/shop/PROJECT_CONTEXT.md": "# Shop\n\nPython, SQLite.\n",
    "projects/shop/SESSION_BRIEFING.md": "# Briefing: shop\n\n## Facts\n\n- Port: 8080\n",
}

Says = Callable[[Prompt], str]


@dataclass
class ScriptedModel:
    """A stand-in at the backend port: says what the test wrote, in pieces of three characters, and keeps prompts."""

    says: Says | Sequence[str] = "It is so."
    name: str = "scripted"
    backend: str = "stand-in"
    context_tokens: int = 4000
    finish: str = "stop"
    prompts: list[Prompt] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None
    """Called before each piece."""
    embedder: Embedder | None = None
    keeper: PrefixCache | None = None

    def missing(self) -> str | None:
        """Nothing is missing."""
        return None

    def count(self, text: str) -> int:
        """Four characters a token."""
        return estimate_tokens(text)

    def generate(self, prompt: Prompt, *, on_text: Callable[[str], None], stop: Stop) -> Generation:
        """The next text of the script, until it is stopped. Raises ContextTooLong."""
        self.prompts.append(prompt)
        tokens = sum(self.count(each.content) for each in prompt.messages)
        if tokens > self.context_tokens:
            raise ContextTooLong(tokens, self.context_tokens)
        text, said = self._text(prompt), ""
        for at in range(0, len(text), 3):
            self.meanwhile()
            if stop.is_set():
                return self._made(said, "cancelled", tokens)
            said += text[at : at + 3]
            on_text(text[at : at + 3])
        return self._made(said, self.finish, tokens)

    def _text(self, prompt: Prompt) -> str:
        if callable(self.says):
            return self.says(prompt)
        return self.says if isinstance(self.says, str) else self.says[len(self.prompts) - 1]

    def _made(self, text: str, finish: str, tokens: int) -> Generation:
        usage = Usage(model=self.name, backend=self.backend, tokens_in=tokens, tokens_out=self.count(text), seconds=0.1)
        return Generation(text=text, finish=finish, usage=usage)

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass
class One:
    """A chooser with one model."""

    model: ScriptedModel
    why: str = "it is the only one"

    def choose(self, wanted: str = "", *, peers: bool = True) -> BackendChoice:
        """That one."""
        return BackendChoice(model=self.model, why=self.why)


@dataclass
class Talk:
    """A chat with all that a test wants to look at."""

    chat: ChatService
    model: ScriptedModel
    stores: Stores
    town: Town
    ada: Peer
    events: list[AnswerEvent] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def say(self, message: str, **how: object) -> ChatAnswer:
        """One message, answered."""
        return self.chat.answer(ChatRequest(message=message, **how), self.events.append, self.stop)  # type: ignore[arg-type]

    def heard(self, kind: str) -> list[AnswerEvent]:
        """The events of one kind."""
        return [event for event in self.events if event.kind == kind]

    @property
    def text(self) -> str:
        """All text that was streamed."""
        return "".join(event.data["text"] for event in self.heard("token"))


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    """A real SQLite database."""
    made = wiring.stores(brought_up(Settings(home=tmp_path / "home")))
    yield made
    made.close()


@pytest.fixture
def talk(tmp_path: Path, stores: Stores, bubblewrap: Bubblewrap) -> Talk:
    """A node's chat, over a ledger in memory."""
    town = Town(DOCUMENTS)
    ada = town.peer("ada")
    model = ScriptedModel()
    numbers = itertools.count(1)

    def boxes(
        conversation: str, project: Project | None, _ledger: object, wanted: Sequence[str], stop: Stop
    ) -> Toolbox:
        grounds = ChatWorkspaces(folder=tmp_path / "chats", workspaces=Workspaces(cache=tmp_path / "cache"))
        ground = grounds.open(conversation, None, stop)
        return toolbox.build_toolbox(
            ground, sandbox=bubblewrap, policy=ToolPolicy(asks=frozenset({"shell"})), node="desk", wanted=wanted
        )

    chat = ChatService(
        memory=ChatHistory(conversations=stores.conversations, tool_calls=stores.tool_calls, usage=stores.usage),
        chooser=One(model),
        node="desk",
        approvals=ToolApprovals(new_id=lambda: f"q{next(numbers)}"),
        queues=BackendQueues(lanes={"stand-in": 1}, waiting=2),
        prompts=PromptBuilder(now=town.clock, ledger=lambda: (ada.ledger(), "")),
        open_toolbox=boxes,
        log_writer=ChatLogWriter(logbook=lambda: logbook(ada, tmp_path), node="desk"),
    )
    return Talk(chat=chat, model=model, stores=stores, town=town, ada=ada)
