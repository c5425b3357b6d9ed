"""Checks of projects' forges: is there a token for each, and which right does it lack?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from orchestrator.app.doctor.check_result import CheckResult, CheckStatus
from orchestrator.app.factories.forge_factory import project_forge
from orchestrator.core.errors import WrongSetting
from orchestrator.core.own_installation import document_place
from orchestrator.core.ports.forge import Forge, ForgeFailed
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings
from orchestrator.ledger.config.fleet_toml import ProjectPart
from orchestrator.ledger.config.forge_place import repository_on_forge, token_host
from orchestrator.ledger.snapshot import LedgerSnapshot

WHAT, DOCS = "forge", "docs/forges.md"
MAX_NAMED = 5


def check_forges(
    settings: Settings,
    ledger: LedgerSnapshot,
    forge: Callable[[Settings, ProjectPart], Forge | None] = project_forge,
) -> Iterator[CheckResult]:
    """One result for each project that is on a forge. A worker speaks to none, and says nothing."""
    if settings.role is Role.LOCAL_WORKER:
        return
    for name, part in sorted(ledger.charter.projects.items()):
        if part.forge_by == "git":
            yield _by_git(name, part)
        elif part.forge:
            yield _check(name, part, settings, forge)
        elif left := [each for each in ledger.open if _is_left(ledger, each, name)]:
            says = (
                f"{name} is on no forge any more, and nobody looks at the pull request of {', '.join(left[:MAX_NAMED])}"
            )
            yield CheckResult(
                what=WHAT, health=CheckStatus.POOR, says=says, remedy=f"`shiftbook project edit {name} --forge …`"
            )


def _is_left(ledger: LedgerSnapshot, mission: str, project: str) -> bool:
    """Whether a mission goes on with a pull request of a project."""
    found = ledger.open[mission].mission
    return found.about == project and found.pull_state in {"open", "changing"}


def _by_git(name: str, part: ProjectPart) -> CheckResult:
    """A project whose pull requests are pushed: no API is asked, here or elsewhere."""
    says = (
        f"{name}: pull requests on {part.forge} by git alone, without a token; comments, CI, closed ones and issues do"
        " not come back"
    )
    if part.forge_people:
        says += f" (forge_people is of no use: {', '.join(part.forge_people[:MAX_NAMED])})"
        return CheckResult(what=WHAT, health=CheckStatus.POOR, says=says, remedy=f'forge_by = "api"; {_how()}')
    return CheckResult(what=WHAT, health=CheckStatus.GOOD, says=says)


def _check(
    name: str, part: ProjectPart, settings: Settings, forge: Callable[[Settings, ProjectPart], Forge | None]
) -> CheckResult:
    try:
        found = forge(settings, part)
        rights = found.rights() if found is not None else None
    except (ForgeFailed, WrongSetting) as error:
        return CheckResult(what=WHAT, health=CheckStatus.BROKEN, says=f"{name}: {error}", remedy=_how())
    if rights is None:
        host = token_host(repository_on_forge(part.forge, part.forge_url or part.url)) if part.forge else ""
        says = f"{name} is on {host}, and this machine has no token for it: nothing is opened or read there from here"
        says += ", nor by any other node while this one is the first"
        return CheckResult(
            what=WHAT,
            health=CheckStatus.POOR,
            says=says,
            remedy=f"SHIFTBOOK_FORGE_TOKENS={host}=…; {_how()}",
        )
    if rights.missing:
        says = f"{name}: the token of {rights.user or 'its app'} may not {'; '.join(rights.missing)}"
        return CheckResult(what=WHAT, health=CheckStatus.POOR, says=says, remedy="give it that on the forge")
    heard = f"; {len(part.forge_people)} people are heard there" if part.forge_people else "; nobody is heard there"
    return CheckResult(what=WHAT, health=CheckStatus.GOOD, says=f"{name}: {rights.user or 'its app'} may write{heard}")


def _how() -> str:
    return f"how: {document_place(DOCS)}"
