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
from orchestrator.chat.handover.exchange import Exchange
from orchestrator.chat.history import Memory
from orchestrator.chat.ledger_cache import Newest
from orchestrator.chat.log_entry import Chronicle
from orchestrator.chat.prompt_cache import Warmth
from orchestrator.chat.queue import Gates
from orchestrator.chat.service import Chat
from orchestrator.chat.tool_approvals import Approvals
from orchestrator.chat.tools import toolbox
from orchestrator.chat.tools.tool import Policy, Toolbox
from orchestrator.chat.tools.workspace import Grounds
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.ports.agent import Project, Stop
from orchestrator.core.ports.storage import Stores
from orchestrator.core.settings import Settings
from orchestrator.execution.workspace.clone import Workspaces
from orchestrator.ledger.config.fleet_toml import ToolsPart
from orchestrator.ledger.snapshot import Ledger
from orchestrator.workflow.fleet import Fleet
from sync.errors import SyncError

LANES = {"xllamacpp": 2, "llamacpp": 1}
"""Answers at a time of a model in this process; a server of its own takes four."""
LOG = logging.getLogger(__name__)
LOOKS = 60.0
"""Seconds between two looks at whether a briefing changed, where nothing rings."""


@dataclass(kw_only=True)
class Chatroom:
    """The chats of one process, and what they share with the model's other doors. Close it."""

    chat: Chat
    router: Router
    gates: Gates
    grounds: Grounds
    warmth: Warmth
    stores: Stores
    newest: Newest | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    def follow(self, rang: Callable[[float], bool]) -> None:
        """Reads ahead what changed in the ledger, while nobody waits.

        `rang` waits for a sign, at most so many seconds, and says whether to go on.
        """

        def look() -> None:
            while rang(LOOKS) and not self._over.is_set():
                if self.newest and self.warmth.subjects:
                    self._read_ahead(self.newest)

        threading.Thread(target=look, name="read ahead", daemon=True).start()

    def _read_ahead(self, newest: Newest) -> None:
        try:
            newest.look()
        except (SyncError, OrchestratorError) as error:
            LOG.warning("the ledger was not looked at: %s", error)
            return
        self.warmth.refresh()

    def forget(self, conversation: str) -> bool:
        """Takes a conversation out, with its workspace and what was kept of it; False when it is not there.

        Raises AlreadyDone while it is answering.
        """
        with self.chat.alone.hold(conversation):
            if not self.stores.conversations.delete(conversation):
                return False
            self.grounds.drop(conversation)
            self.warmth.forget(conversation)
        return True

    def close(self) -> None:
        """Writes down what the next process can go on from, and lets go of the models."""
        self._over.set()
        self.warmth.save()
        self.router.close()


def open_chatroom(settings: Settings, stores: Stores) -> Chatroom:
    """The chats of this machine. Loads no model yet."""
    gates = Gates(lanes=LANES, waiting=settings.streams)
    router = wiring.router(settings)
    places = grounds(settings)
    newest = Newest(fleet=lambda: wiring.fleet(settings), clock=wiring.clock) if settings.ledger else None
    chat = Chat(
        memory=Memory(conversations=stores.conversations, tool_calls=stores.tool_calls, usage=stores.usage),
        chooser=router,
        node=settings.node,
        now=wiring.now,
        approvals=Approvals(new_id=partial(secrets.token_hex, 8)),
        gates=gates,
        ledger=newest,
        recall=wiring.recollection(settings).lines,
        boxes=partial(_boxes, settings, places),
        chronicle=Chronicle(logbook=lambda: wiring.logbook(settings), node=settings.node) if newest else None,
    )
    warmth = Warmth(folder=settings.home / "prompts", gates=gates, head=chat.head)
    chat.warmth = warmth
    return Chatroom(chat=chat, router=router, gates=gates, grounds=places, warmth=warmth, stores=stores, newest=newest)


def grounds(settings: Settings) -> Grounds:
    """The workspaces of this machine's chats."""
    return Grounds(folder=settings.home / "chats", workspaces=Workspaces(cache=settings.home / "cache"))


def exchange(settings: Settings, kept: Stores, door: Fleet) -> Exchange:
    """What makes missions of this machine's chats, and chats of missions, for whoever the door speaks for."""
    return Exchange(fleet=door, conversations=kept.conversations, grounds=grounds(settings), node=settings.node)


def _boxes(
    settings: Settings,
    grounds: Grounds,
    conversation: str,
    project: Project | None,
    ledger: Ledger | None,
    wanted: Sequence[str],
    stop: Stop,
) -> Toolbox:
    """The tools of one conversation. Commands need a sandbox, unless the fleet says it can do without."""
    ground = grounds.open(conversation, project, stop)
    required = ledger is None or ledger.charter.trust.sandbox == "required"
    sandbox = wiring.sandbox(required=required)
    open_air = frozenset({"run", "shell"}) if sandbox.name == "none" else frozenset[str]()
    rules = ledger.charter.tools if ledger else ToolsPart()
    policy = Policy(asks=open_air | set(rules.ask), denies=frozenset(rules.deny))
    return toolbox.toolbox(ground, sandbox=sandbox, policy=policy, node=settings.node, wanted=wanted)
