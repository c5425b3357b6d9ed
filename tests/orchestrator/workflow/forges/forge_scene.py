"""How do tests make a fleet whose project is on a forge: the scene of approvals, with a stand-in for the forge?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.adapters.forges.forge_http import ForgeHttp
from orchestrator.adapters.forges.forgejo import Forgejo, forgejo_headers
from orchestrator.core.ports.forge import Forge
from orchestrator.ledger.config.forge_place import repository_on_forge
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.forges.pull_delivery import PullDelivery, PullStep
from tests.forge_stand_in.server import ForgeServer, forge_server
from tests.forge_stand_in.state import TOKEN, Pull
from tests.ledgers import Keys, Ticks
from tests.orchestrator.workflow.approval.scene import Scene

ON_FORGE = 'forge = "forgejo"\nforge_url = "{url}/me/shop"\nforge_people = ["Anna", "rev"]\nforge_rounds = 2\n{more}'


@dataclass
class ForgeScene:
    """A signed ledger, a project, and the forge that shows it."""

    scene: Scene
    server: ForgeServer
    ticks: Ticks = field(default_factory=Ticks)

    def forge(self, ledger: LedgerSnapshot, project: str) -> Forge:
        """The adapter, as the product makes it of fleet.toml."""
        part = ledger.charter.projects[project]
        place = repository_on_forge("forgejo", part.forge_url)
        return Forgejo(http=ForgeHttp(api=place.api, auth=forgejo_headers(TOKEN)), repository=place)

    def pulls(self, node: str = "n1") -> PullDelivery:
        """What that node does about pull requests."""
        return PullDelivery(delivery=self.scene.completion(node), forge=self.forge, clock=self.ticks)

    def step(self, name: str = "m", node: str = "n1") -> PullStep | None:
        """A node looks at one mission."""
        return self.pulls(node).step(name)

    def opened(self, files: dict[str, str] | None = None) -> Pull:
        """A result is handed in and approved, and its pull request opened."""
        self.scene.hand_in(files)
        self.scene.door("anna", merges=False).approve("m")
        assert self.step() is not None
        return self.pull

    def again(self, files: dict[str, str], name: str = "m") -> None:
        """The next attempt is handed in and approved."""
        self.scene.hand_in(files, name=name)
        self.scene.door("anna", merges=False).approve(name)

    @property
    def pull(self) -> Pull:
        """The one pull request that there is."""
        (found,) = self.server.state.pulls
        return self.server.state.refresh(found)


@contextmanager
def forge_scene(tmp: Path, keys: Keys, *, more: str = "", text: str = "") -> Iterator[ForgeScene]:
    """A running one. `more` are lines of the project's table, `text` lines of the mission's front matter."""
    scene = Scene(tmp / "scene", keys, on_approval="nothing", more=text)
    with forge_server(scene.server.folder) as server:
        toml = scene.text_of_fleet().replace('on_approval = "nothing"', 'on_approval = "pull_request"')
        toml = toml.rstrip() + "\n" + ON_FORGE.format(url=server.url, more=more)
        scene.peer("anna").push({"fleet.toml": toml})
        try:
            yield ForgeScene(scene, server)
        finally:
            scene.close()
