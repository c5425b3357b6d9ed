"""Checks of the ledger: is all there that it speaks of, and what in it waits for a person?"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from handoff.promotion import LessonStanding
from missions.mission import OPEN
from orchestrator.app import wiring
from orchestrator.app.doctor.check_result import CheckResult, CheckStatus
from orchestrator.app.factories import notifier_factory
from orchestrator.app.ledger_recovery import plan_recovery
from orchestrator.app.ledger_size import RepositorySize, size_warnings, summary
from orchestrator.core.errors import StoreFailed, WrongSetting
from orchestrator.core.own_installation import document_place
from orchestrator.core.settings import Settings
from orchestrator.execution.workspace.project_server import ProjectServer
from orchestrator.ledger.conflicts import list_conflicts
from orchestrator.ledger.node_pages import announced_nodes
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.notifications.elected_node import notifier_order
from orchestrator.node.notifications.outbox_status import outbox_status
from orchestrator.policy.push_allowance import fleet_load
from orchestrator.workflow.assignment.unserved import UnservedMissions
from orchestrator.workflow.journal.memos import memo_count, read_lessons
from orchestrator.workflow.journal.review_status import review_problems, review_statuses
from sync.errors import SyncError
from sync.refs.broken_refs import SET_ASIDE

PROJECT_TIMEOUT_SECONDS = 15.0
NEAR_LIMIT = 0.75
"""The part of the host's pushes that beats may take before work has to wait: they are stretched to half of it."""
MANY_MEMOS = 10_000
"""Memos that are read in a second or two."""


def check_server(settings: Settings) -> Iterator[CheckResult]:
    """Whether the server has lost something that refs there name, or that this machine's clone has."""
    link = wiring.remote(settings)
    try:
        steps = plan_recovery(link)
        aside = [ref for ref in link.seen() if ref.startswith(SET_ASIDE)]
    except SyncError as error:
        yield CheckResult(what="server", health=CheckStatus.POOR, says=str(error), remedy="run this again")
        return
    finally:
        link.close()
    if steps:
        says = "; ".join(f"{step.ref}: {step.says}" for step in steps[:3]) + "; …" * (len(steps) > 3)
        remedy = "`shiftbook ledger recover` gives back what is here"
        yield CheckResult(what="server", health=CheckStatus.BROKEN, says=says, remedy=remedy)
    for ref in aside:
        remedy = f"look at it (`git fetch {settings.ledger} {ref}`), then `git push {settings.ledger} --delete {ref}`"
        yield CheckResult(what="server", health=CheckStatus.POOR, says=f"{ref} was set aside", remedy=remedy)


def check_size(settings: Settings, ledger: LedgerSnapshot) -> Iterator[CheckResult]:
    """How large the ledger is here, and at the server where that is a folder of this machine."""
    disks = [RepositorySize.of("this machine's clone", settings.ledger_home / "ledger.git")]
    server = Path(settings.ledger.removeprefix("file://"))
    if server.is_dir():
        disks.append(RepositorySize.of("the server", server))
    says = f"{len(ledger.open):,} open mission{'s' * (len(ledger.open) != 1)}"
    yield CheckResult(what="size", health=CheckStatus.GOOD, says=says, detail=summary(ledger, disks))
    for one in size_warnings(ledger, disks):
        yield CheckResult(what="size", health=CheckStatus.POOR, says=one.says, remedy=one.remedy)


def check_pushes(ledger: LedgerSnapshot) -> Iterator[CheckResult]:
    """How near the beats alone bring the fleet to what its host allows, where `fleet.toml` says that."""
    load = fleet_load(ledger)
    if load is not None:
        near = load.share > NEAR_LIMIT
        remedy = "let fewer nodes beat, or set a higher bus.beat_seconds in fleet.toml" if near else ""
        health = CheckStatus.POOR if near else CheckStatus.GOOD
        yield CheckResult(what="pushes", health=health, says=load.says, remedy=remedy)


def _unserved(ledger: LedgerSnapshot) -> list[str]:
    """Missions that no node that is up can do, with the reason."""
    unserved = UnservedMissions(ledger)
    queued = (one.mission for one in ledger.open.values() if one.mission.status in OPEN)
    found = ((mission.name, unserved.reason(mission)) for mission in queued if mission.name not in ledger.claims)
    return [f"{name}: {why}" for name, why in found if why]


def check_files(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
    """Whether missions can be read, and whether somebody can do each of them."""
    if not ledger.quarantined and (waits := _unserved(ledger)):
        says = f"{len(ledger.open)} open; {len(waits)} that nobody can do: {'; '.join(waits[:3])}"
        remedy = "`shiftbook mission list` says what each waits for"
        return CheckResult(what="missions", health=CheckStatus.POOR, says=says, remedy=remedy)
    if not ledger.quarantined:
        return CheckResult(what="missions", health=CheckStatus.GOOD, says=f"{len(ledger.open)} open, none quarantined")
    names = ", ".join(bad.path for bad in ledger.quarantined[:5])
    remedy = "`shiftbook mission list --status quarantined` names each reason and line"
    return CheckResult(what="missions", health=CheckStatus.POOR, says=f"quarantined: {names}", remedy=remedy)


def check_conflicts(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
    """Whether values that a merge did not keep wait for a person."""
    waiting = list_conflicts(ledger.store, ledger.tree)
    if not waiting:
        return CheckResult(what="conflicts", health=CheckStatus.GOOD, says="merges kept everything")
    names = ", ".join(sorted({one.mission for one in waiting})[:5])
    remedy = "`shiftbook conflicts list` shows both values of each; you decide"
    return CheckResult(what="conflicts", health=CheckStatus.POOR, says=f"values not kept in {names}", remedy=remedy)


def check_journal(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
    """Whether an old entry was changed or removed."""
    altered = wiring.tamper_check(settings).look(ledger, wiring.fleet(settings).trust)
    if not altered:
        return CheckResult(what="journal", health=CheckStatus.GOOD, says="no old entry was changed or removed")
    more = f" (and {len(altered) - 1} more)" if len(altered) > 1 else ""
    return CheckResult(what="journal", health=CheckStatus.BROKEN, says=altered[0].says + more, remedy=altered[0].remedy)


def check_reviews(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
    """Whether the scheduled reviews are held, and what came of them."""
    wrong = review_problems(ledger, datetime.now(UTC))
    if not wrong:
        said = "; ".join(f"{one.project}: {one.says}" for one in review_statuses(ledger, datetime.now(UTC)))
        return CheckResult(what="reviews", health=CheckStatus.GOOD, says=said or "no project has a log yet")
    remedy = "`shiftbook digest status` tells more; `shiftbook digest run` holds one now"
    return CheckResult(what="reviews", health=CheckStatus.POOR, says="; ".join(wrong), remedy=remedy)


def check_projects(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
    """Whether each project's repository can be worked on from here; all are asked at the same time."""
    servers = [ProjectServer(project=ledger.charter.project(name)) for name in sorted(ledger.charter.projects)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        told = list(pool.map(lambda one: one.trouble(Path("/"), timeout=PROJECT_TIMEOUT_SECONDS), servers))
    wrong = [f"{one.project.name}: {why}" for one, why in zip(servers, told, strict=True) if why]
    if wrong:
        remedy = "mend each as it says; what was parked for it: `shiftbook mission resume NAME`"
        return CheckResult(what="projects", health=CheckStatus.POOR, says="; ".join(wrong), remedy=remedy)
    count = f"{len(servers)} project{'s' * (len(servers) != 1)}"
    return CheckResult(what="projects", health=CheckStatus.GOOD, says=f"{count}, each with its branch")


def check_lessons(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
    """Whether lessons can be read, and whether two of them contradict each other."""
    count = memo_count(ledger)
    if count > MANY_MEMOS:
        says = f"{count:,} memos are too many to read here; `shiftbook memo list --lessons` does"
        return CheckResult(what="lessons", health=CheckStatus.GOOD, says=says)
    taught = read_lessons(ledger)
    if taught.unreadable:
        return CheckResult(
            what="lessons",
            health=CheckStatus.POOR,
            says="; ".join(taught.unreadable[:3]),
            remedy="mend the file and push",
        )
    contested = [one.slug for one in taught.lessons if one.standing is LessonStanding.CONTESTED]
    if contested:
        remedy = "`shiftbook memo show NAME`, then `memo promote` the one that is true and `memo reject` the other"
        return CheckResult(
            what="lessons", health=CheckStatus.POOR, says=f"contested: {', '.join(contested[:5])}", remedy=remedy
        )
    known = sum(one.standing is LessonStanding.KNOWN for one in taught.lessons)
    return CheckResult(what="lessons", health=CheckStatus.GOOD, says=f"{known} known to all, none contested")


def check_notices(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
    """Whether somebody is told what happens, and whether the notices arrive."""
    try:
        carries = notifier_factory.notifier(settings)
        stores = wiring.stores(settings)
    except (WrongSetting, StoreFailed) as error:
        return CheckResult(
            what="notices", health=CheckStatus.BROKEN, says=str(error), remedy="correct it, then run this again"
        )
    try:
        stand = outbox_status(stores.outgoing)
    finally:
        stores.close()
    order = notifier_order(ledger, settings.node if carries else "")
    if stand.trouble:
        remedy = "`shiftbook notify test` shows which address fails; `notify retry` sends what was given up"
        says = f"{stand.trouble} ({stand.error or 'no reason is known'})"
        return CheckResult(what="notices", health=CheckStatus.POOR, says=says, remedy=remedy)
    if not order:
        says = "nobody is told what happens: no node has SHIFTBOOK_NOTIFY"
        remedy = f"how: {document_place('docs/notifications.md')}"
        return CheckResult(what="notices", health=CheckStatus.ABSENT, says=says, remedy=remedy)
    if order[0] not in announced_nodes(ledger):
        remedy = "correct `notify.by` in fleet.toml, or start that node"
        says = f"{order[0]} tells people, and is no node"
        return CheckResult(what="notices", health=CheckStatus.POOR, says=says, remedy=remedy)
    here = f" by {len(carries.channels)} address{'es' * (len(carries.channels) != 1)}" if carries else ""
    return CheckResult(what="notices", health=CheckStatus.GOOD, says=f"{order[0]} tells people{here}; nothing failed")
