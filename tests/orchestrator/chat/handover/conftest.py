"""What do the tests of handing over share? A fleet over real git, a project's server, a real store and workspaces."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from orchestrator.app import wiring
from orchestrator.chat.handover.exchange import HandoverService
from orchestrator.chat.tools.workspace import ChatWorkspace, ChatWorkspaces
from orchestrator.core.ports.agent import Project
from orchestrator.core.ports.conversations import Conversation, ConversationTurn
from orchestrator.core.ports.stores import Stores
from orchestrator.core.settings import Settings
from orchestrator.execution.workspace.clone import Workspaces
from orchestrator.ledger.node_pages import LastSeenStore
from orchestrator.workflow.fleet import Fleet
from tests.databases import brought_up
from tests.ledgers import FLEET, Keys, Peer, Town
from tests.orchestrator.repositories import Server


@dataclass
class Bench:
    """One machine: its door to the fleet, its store, its chats' workspaces, and the project's server."""

    town: Town
    ada: Peer
    stores: Stores
    server: Server
    folder: Path

    @property
    def exchange(self) -> HandoverService:
        """As a process makes it; another one is as good."""
        door = Fleet(
            bus=self.ada.bus,
            reader=self.ada.reader,
            trust=self.ada.trust,
            sightings=LastSeenStore(self.folder / "seen.json"),
            now=self.town.clock,
        )
        return HandoverService(
            fleet=door, conversations=self.stores.conversations, grounds=self.grounds, node="desk", sleep=lambda _: None
        )

    @property
    def grounds(self) -> ChatWorkspaces:
        """The workspaces of chats."""
        return ChatWorkspaces(folder=self.folder / "chats", workspaces=Workspaces(cache=self.folder / "cache"))

    def talk(self, *said: str, project: str = "shop") -> Conversation:
        """A conversation in which a person and a model took turns."""
        made = self.stores.conversations.create(project, "phone", said[0])
        for place, text in enumerate(said):
            role = "assistant" if place % 2 else "user"
            self.stores.conversations.append(made.id, ConversationTurn(role=role, content=text))
        return made

    def ground(self, conversation: str) -> ChatWorkspace:
        """A conversation's workspace, as its tools see it."""
        project = Project(name="shop", url=str(self.server.folder))
        return self.grounds.open(conversation, project, threading.Event())


@pytest.fixture
def bench(tmp_path: Path, server: Server) -> Iterator[Bench]:
    """A machine whose person may file missions."""
    keys = Keys(folder=tmp_path / "keys")
    (tmp_path / "keys").mkdir()
    toml = FLEET.format(trust="signed").replace("/srv/shop.git", str(server.folder))
    signers = keys.signers(ada=["admin", "author"])
    town = Town({"fleet.toml": toml, "allowed_signers": signers})
    ada = town.peer("ada", key=keys["ada"])
    ada = replace(ada, bus=replace(ada.bus, key=keys["ada"].public))
    stores = wiring.stores(brought_up(Settings(home=tmp_path / "home")))
    yield Bench(town=town, ada=ada, stores=stores, server=server, folder=tmp_path / "home")
    stores.close()
    town.close()
