"""How is what speaks to forges put together: an adapter for each project, with this machine's token for its host?"""

from __future__ import annotations

from collections.abc import Callable

from orchestrator import __version__
from orchestrator.adapters.forges.forge_http import ForgeHttp
from orchestrator.adapters.forges.forgejo import Forgejo, forgejo_headers
from orchestrator.adapters.forges.github import GitHub, github_headers
from orchestrator.adapters.forges.gitlab import GitLab, gitlab_headers
from orchestrator.app import wiring
from orchestrator.app.factories.node_parts import NodeParts
from orchestrator.core.ports.forge import Forge
from orchestrator.core.ports.stores import Cursors
from orchestrator.core.settings import Settings
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from orchestrator.ledger.config.fleet_toml import ProjectPart
from orchestrator.ledger.config.forge_place import repository_on_forge, token_host
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.policy.authorization import Trust
from orchestrator.workflow.approval.delivery import BranchDelivery
from orchestrator.workflow.fleet import Fleet
from orchestrator.workflow.forges.forge_turn import ForgeTurn
from orchestrator.workflow.forges.issue_intake import IssueIntake
from orchestrator.workflow.forges.pull_delivery import PullDelivery
from orchestrator.workflow.mission_filing import supplier_filing

ADAPTERS: dict[str, tuple[Callable[..., Forge], Callable[[str], dict[str, str]]]] = {
    "github": (GitHub, github_headers),
    "gitlab": (GitLab, gitlab_headers),
    "forgejo": (Forgejo, forgejo_headers),
}


def project_forge(settings: Settings, part: ProjectPart) -> Forge | None:
    """The adapter for a project's forge; None where it has none, or this machine has no token for it.

    The token is bound to a host on this machine: what fleet.toml says sends it nowhere else. Raises WrongSetting for an
    address without TLS.
    """
    if not part.forge:
        return None
    place = repository_on_forge(part.forge, part.forge_url or part.url)
    token = settings.tokens_of_forges.get(token_host(place))
    if token is None:
        return None
    made, headers = ADAPTERS[place.kind]
    http = ForgeHttp(api=place.api, auth=headers(token.get_secret_value()), agent=f"shiftbook/{__version__}")
    return made(http=http, repository=place)


def build_forge_turn(parts: NodeParts) -> ForgeTurn:
    """What looks at the fleet's forges from this machine: where it has no token for any, at what goes by git alone."""
    settings = parts.settings

    def forge(ledger: LedgerSnapshot, project: str) -> Forge | None:
        found = ledger.charter.projects.get(project)
        return project_forge(settings, found) if found is not None else None

    delivery = BranchDelivery(
        bus=parts.bus,
        reader=wiring.reader(settings, parts.link),  # its thread's own
        trust=Trust(parts.link.store),
        cache=settings.home / "cache",
        sandbox=wiring.sandbox(required=True),
        folders=AttemptDirs(settings.home / "work"),
    )
    tokens = bool(settings.forge_tokens)
    pulls = PullDelivery(delivery=delivery, forge=forge, clock=wiring.clock, by_git_alone=not tokens)
    intake = issue_intake(settings, parts.stores.marks) if tokens else None
    return ForgeTurn(pulls=pulls, intake=intake, forge=forge, clock=wiring.clock)


def issue_intake(settings: Settings, marks: Cursors) -> IssueIntake:
    """What files issues; signed as what suppliers send is."""
    opened: list[Fleet] = []

    def fleet() -> Fleet:
        if not opened:
            opened.append(wiring.fleet(settings))
        return opened[0]

    file = supplier_filing("forge", fleet, marks, edited=True)

    def file_and_close(text: str, name: str, key: str) -> str:
        try:
            return file(text, name, key)
        finally:
            while opened:
                opened.pop().bus.remote.close()

    return IssueIntake(marks=marks, file=file_and_close)
