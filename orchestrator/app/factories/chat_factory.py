"""How are the chats of this machine put together: backends, store, ledger, workspaces, queue, prompt cache?"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from orchestrator.adapters.models.router import Router
from orchestrator.app import wiring
from orchestrator.chat.conversation_warners import ConversationWarners
from orchestrator.chat.handover.exchange import HandoverService
from orchestrator.chat.history import ChatHistory
from orchestrator.chat.ledger_cache import LedgerCache
from orchestrator.chat.log_entry import ChatLogWriter
from orchestrator.chat.prompt_builder import PromptBuilder
from orchestrator.chat.prompt_cache import PromptCache
from orchestrator.chat.queue import BackendQueues
from orchestrator.chat.service import ChatService
from orchestrator.chat.tool_approvals import ToolApprovals
from orchestrator.chat.tools import toolbox
from orchestrator.chat.tools.tool import Toolbox, ToolPolicy
from orchestrator.chat.tools.workspace import ChatWorkspaces
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.ports.agent import Project
from orchestrator.core.ports.model import Stop
from orchestrator.core.ports.stores import Stores
from orchestrator.core.settings import Settings
from orchestrator.ledger.config.fleet_toml import ToolsPart
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.fleet import Fleet
from sync.errors import SyncError

CONCURRENT_ANSWERS = {"xllamacpp": 2, "llama-cpp-python": 1}
"""Answers at a time of a model in this process; a server of its own takes four."""
LOG = logging.getLogger(__name__)
POLL_SECONDS = 60.0
"""Seconds between two looks at whether a briefing changed, where nothing rings."""


@dataclass(kw_only=True)
class ChatRuntime:
    """The chats of one process, and what they share with the model's other doors. Close it."""

    chat: ChatService
    router: Router
    queues: BackendQueues
    grounds: ChatWorkspaces
    prompt_cache: PromptCache
    stores: Stores
    newest: LedgerCache | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    def follow(self, rang: Callable[[float], bool]) -> None:
        """Reads ahead what changed in the ledger, while nobody waits.

        `rang` waits for a sign, at most so many seconds, and says whether to go on.
        """

        def look() -> None:
            while rang(POLL_SECONDS) and not self._over.is_set():
                if self.newest and self.prompt_cache.subjects:
                    self._read_ahead(self.newest)

        threading.Thread(target=look, name="read ahead", daemon=True).start()

    def _read_ahead(self, newest: LedgerCache) -> None:
        try:
            newest.look()
        except (SyncError, OrchestratorError) as error:
            LOG.warning("the ledger was not looked at: %s", error)
            return
        self.prompt_cache.refresh()

    def forget(self, conversation: str) -> bool:
        """Takes a conversation out, with its workspace and what was kept of it; False when it is not there.

        Raises AlreadyDone while it is answering.
        """
        with self.chat.conversation_locks.hold(conversation):
            if not self.stores.conversations.delete(conversation):
                return False
            self.grounds.drop(conversation)
            self.prompt_cache.forget(conversation)
        return True

    def close(self) -> None:
        """Writes down what the next process can go on from, and lets go of the models."""
        self._over.set()
        self.prompt_cache.save()
        self.router.close()


def open_chat_runtime(settings: Settings, stores: Stores) -> ChatRuntime:
    """The chats of this machine. Loads no model yet."""
    gates = BackendQueues(lanes=CONCURRENT_ANSWERS, waiting=settings.streams)
    router = wiring.router(settings)
    places = open_chat_workspaces(settings)
    newest = LedgerCache(fleet=lambda: wiring.fleet(settings), clock=wiring.clock) if settings.ledger else None
    prompts = PromptBuilder(now=wiring.now, ledger=newest, recall=wiring.search_index(settings).lines)
    chat = ChatService(
        memory=ChatHistory(conversations=stores.conversations, tool_calls=stores.tool_calls, usage=stores.usage),
        chooser=router,
        node=settings.node,
        prompts=prompts,
        approvals=ToolApprovals(new_id=partial(secrets.token_hex, 8)),
        queues=gates,
        open_toolbox=partial(
            _open_toolbox,
            settings,
            places,
            ConversationWarners(look_up=wiring.search_index(settings).project_warnings),
        ),
        sources=wiring.answer_sources(settings) if newest else None,
        log_writer=ChatLogWriter(logbook=lambda: wiring.logbook(settings), node=settings.node) if newest else None,
    )
    warmth = PromptCache(folder=settings.home / "prompts", queues=gates, head=prompts.head)
    chat.prompt_cache = warmth
    return ChatRuntime(
        chat=chat, router=router, queues=gates, grounds=places, prompt_cache=warmth, stores=stores, newest=newest
    )


def open_chat_workspaces(settings: Settings) -> ChatWorkspaces:
    """The workspaces of this machine's chats."""
    return ChatWorkspaces(folder=settings.home / "chats", workspaces=wiring.workspaces(settings))


def open_handover(settings: Settings, kept: Stores, door: Fleet) -> HandoverService:
    """What makes missions of this machine's chats, and chats of missions, for whoever the door speaks for."""
    return HandoverService(
        fleet=door, conversations=kept.conversations, grounds=open_chat_workspaces(settings), node=settings.node
    )


def _open_toolbox(
    settings: Settings,
    grounds: ChatWorkspaces,
    warners: ConversationWarners,
    conversation: str,
    project: Project | None,
    ledger: LedgerSnapshot | None,
    wanted: Sequence[str],
    stop: Stop,
) -> Toolbox:
    """The tools of one conversation. Commands need a sandbox, unless the fleet says it can do without."""
    ground = grounds.open(conversation, project, stop)
    required = ledger is None or ledger.charter.trust.sandbox == "required"
    sandbox = wiring.sandbox(required=required)
    open_air = frozenset({"run", "shell"}) if sandbox.name == "none" else frozenset[str]()
    rules = ledger.charter.tools if ledger else ToolsPart()
    policy = ToolPolicy(asks=open_air | set(rules.ask), denies=frozenset(rules.deny))
    return toolbox.build_toolbox(
        ground,
        sandbox=sandbox,
        policy=policy,
        node=settings.node,
        wanted=wanted,
        warner=warners.of(conversation, ledger, project.name if project else ""),
    )
