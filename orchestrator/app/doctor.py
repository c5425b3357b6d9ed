"""The doctor: what is missing on this machine, and how is it mended?"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from handoff.promotion import LessonStanding
from missions.mission import OPEN
from orchestrator.app import identity, wiring
from orchestrator.app.clone_signing import ledger_clones, try_signing
from orchestrator.app.ledger_recovery import plan_recovery
from orchestrator.app.ledger_size import RepositorySize, size_warnings, summary
from orchestrator.core import disk_space
from orchestrator.core.errors import OrchestratorError, Refused, StoreFailed, WrongSetting
from orchestrator.core.model_competence import BETTER_MODEL
from orchestrator.core.ports.model_backend import competence_of
from orchestrator.core.settings import Settings
from orchestrator.execution.process.group_sources import describe_groups
from orchestrator.execution.workspace import disk_usage
from orchestrator.execution.workspace.project_server import ProjectServer
from orchestrator.ledger.conflicts import list_conflicts
from orchestrator.ledger.node_pages import announced_nodes
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.notifications.elected_node import notifier_order
from orchestrator.node.notifications.outbox_status import outbox_status
from orchestrator.policy.membership import admission_problem
from orchestrator.workflow.assignment.unserved import UnservedMissions
from orchestrator.workflow.journal.memos import memo_count, read_lessons
from orchestrator.workflow.journal.review_status import review_problems, review_statuses
from sync.broken_refs import SET_ASIDE
from sync.errors import SyncError
from sync.git import Git
from sync.objects import load_commit
from sync.signatures import timed_names

MIN_GIT_VERSION = (2, 34)
"""SSH signatures with `gpg.ssh.allowedSignersFile` came with Git 2.34."""
PROJECT_TIMEOUT_SECONDS = 15.0
IN_PROCESS = ("xllamacpp", "llama-cpp-python")
"""Backends whose model takes memory of the node's own process."""
MANY_MEMOS = 10_000
"""Memos that are read in a second or two."""


class CheckStatus(StrEnum):
    """How a thing stands."""

    GOOD = "good"
    ABSENT = "not here"
    """Nothing that anybody needs: somebody may want it."""
    POOR = "poor"
    """It works, with something lacking."""
    BROKEN = "broken"


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """One thing that was looked at. `remedy` is empty when nothing needs to be done."""

    what: str
    health: CheckStatus
    says: str
    remedy: str = ""
    detail: str = ""
    """Numbers that few people want to see."""


def run_checks(settings: Settings) -> Iterator[CheckResult]:
    """Everything that a node and a person need, the most basic first."""
    yield _git()
    yield _program("ssh-keygen", "openssh-client", "nothing can be signed or checked without it")
    yield _sandbox()
    held, says, remedy = describe_groups()
    health = CheckStatus.GOOD if held else CheckStatus.ABSENT
    yield CheckResult(what="limits of a run", health=health, says=says, remedy=remedy)
    yield from _agents()
    yield _model(settings)
    yield _disk(settings.home)
    yield from _ledger(settings)


def _git() -> CheckResult:
    if shutil.which("git") is None:
        return CheckResult(what="git", health=CheckStatus.BROKEN, says="not found", remedy="install git")
    said = Git(Path.cwd()).text("version")
    found = re.search(r"(\d+)\.(\d+)", said)
    if found and (int(found[1]), int(found[2])) >= MIN_GIT_VERSION:
        return CheckResult(what="git", health=CheckStatus.GOOD, says=said)
    oldest = ".".join(map(str, MIN_GIT_VERSION))
    return CheckResult(
        what="git", health=CheckStatus.BROKEN, says=f"{said} is too old", remedy=f"install git {oldest} or newer"
    )


def _program(name: str, package: str, why: str) -> CheckResult:
    path = shutil.which(name)
    if path:
        return CheckResult(what=name, health=CheckStatus.GOOD, says=path)
    return CheckResult(what=name, health=CheckStatus.BROKEN, says=f"not found; {why}", remedy=f"install {package}")


def _sandbox() -> CheckResult:
    why = wiring.sandbox(required=True).missing()
    if why is None:
        return CheckResult(what="sandbox", health=CheckStatus.GOOD, says="bubblewrap works: commands run confined")
    remedy = 'install bubblewrap; or set trust.sandbox = "optional" in fleet.toml to run what is trusted most'
    says = f"{why}; missions with commands are not run here"
    return CheckResult(what="sandbox", health=CheckStatus.POOR, says=says, remedy=remedy)


def _agents() -> Iterator[CheckResult]:
    """Each agent's program, with its path and version, or why it does not work here. None is needed."""
    for program in wiring.programs():
        why = program.missing()
        what = f"agent {program.name}"
        if why is None:
            says = f"{program.version()}, {shutil.which(program.name)}"
            yield CheckResult(what=what, health=CheckStatus.GOOD, says=says)
        else:
            says, _, remedy = why.removeprefix(f"{program.name} ").removeprefix("is ").partition(": ")
            yield CheckResult(what=what, health=CheckStatus.ABSENT, says=says, remedy=remedy)


def _model(settings: Settings) -> CheckResult:
    model = wiring.model(settings)
    why = model.missing()
    if why is None:
        judged = competence_of(model)
        health = CheckStatus.POOR if judged.is_toy else CheckStatus.GOOD
        says = f"{model.backend}: {judged.verdict}"
        if model.backend in IN_PROCESS and settings.model_idle:
            says += f"; unloaded after {settings.model_idle:g} idle minutes"
        return CheckResult(what="model", health=health, says=says, remedy=BETTER_MODEL if judged.is_toy else "")
    remedy = "shiftbook models pull embedded (93 MB), or set SHIFTBOOK_MODEL to a GGUF file"
    says = f"{why}; questions are not answered here"
    return CheckResult(what="model", health=CheckStatus.POOR, says=says, remedy=remedy)


def _disk(home: Path) -> CheckResult:
    says, _, detail = disk_usage.last_disk_usage(home).says.partition("; ")
    detail = f"{disk_space.nearest_folder(home)}: {detail}"
    if disk_space.free_bytes(home) >= disk_space.MIN_FREE_BYTES_DOCTOR:
        return CheckResult(what="disk", health=CheckStatus.GOOD, says=says, detail=detail)
    remedy = f"free some space, or move SHIFTBOOK_HOME ({home}) to a larger disk"
    return CheckResult(what="disk", health=CheckStatus.POOR, says=says, remedy=remedy, detail=detail)


def _ledger(settings: Settings) -> Iterator[CheckResult]:
    if not settings.ledger:
        remedy = "run `shiftbook init` for a new ledger, or `shiftbook join URL`"
        yield CheckResult(what="ledger", health=CheckStatus.BROKEN, says="none is set", remedy=remedy)
        return
    fleet = wiring.fleet(settings)
    try:
        ledger = fleet.ledger()
    except (SyncError, OrchestratorError) as error:
        yield CheckResult(
            what="ledger", health=CheckStatus.BROKEN, says=str(error), remedy="mend it, then run this again"
        )
        return
    if fleet.offline:
        remedy = "check the network and SHIFTBOOK_LEDGER; nodes keep their results and hand them in later"
        yield CheckResult(what="remote", health=CheckStatus.POOR, says=fleet.offline, remedy=remedy)
    else:
        yield CheckResult(what="remote", health=CheckStatus.GOOD, says=f"{settings.ledger} answers")
        yield from _server(settings)
    for check in CHECKS:
        yield check(settings, ledger)
    yield from timed_lines(ledger)
    yield from _signing(settings)
    yield from _size(settings, ledger)


def _server(settings: Settings) -> Iterator[CheckResult]:
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


def _size(settings: Settings, ledger: LedgerSnapshot) -> Iterator[CheckResult]:
    """How large the ledger is here, and at the server where that is a folder of this machine."""
    disks = [RepositorySize.of("this machine's clone", settings.ledger_home / "ledger.git")]
    server = Path(settings.ledger.removeprefix("file://"))
    if server.is_dir():
        disks.append(RepositorySize.of("the server", server))
    says = f"{len(ledger.open):,} open mission{'s' * (len(ledger.open) != 1)}"
    yield CheckResult(what="size", health=CheckStatus.GOOD, says=says, detail=summary(ledger, disks))
    for one in size_warnings(ledger, disks):
        yield CheckResult(what="size", health=CheckStatus.POOR, says=one.says, remedy=one.remedy)


def _keys(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
    speaker = wiring.fleet(settings).bus
    listed = {p.key: p for p in wiring.fleet(settings).principals()}
    me = listed.get(speaker.key)
    if me is None:
        remedy = f"an admin runs: shiftbook fleet admit NAME --role author --key '{speaker.key}'"
        return CheckResult(what="your key", health=CheckStatus.POOR, says="it is not in allowed_signers", remedy=remedy)
    return CheckResult(what="your key", health=CheckStatus.GOOD, says=f"{me.name}: {', '.join(sorted(me.roles))}")


def timed_lines(ledger: LedgerSnapshot) -> Iterator[CheckResult]:
    """Lines of `allowed_signers` that a person may think to count."""
    for name in timed_names(ledger.signers):
        says = f"{name}'s line has valid-after or valid-before, so it grants nothing: machines would not agree about it"
        remedy = f"an admin takes the option out of allowed_signers, and later: shiftbook fleet revoke {name}"
        yield CheckResult(what="allowed_signers", health=CheckStatus.POOR, says=says, remedy=remedy)


def _signing(settings: Settings) -> Iterator[CheckResult]:
    """In each of the person's clones something is signed to try."""
    for folder in ledger_clones(settings, Path.cwd()):
        tried = try_signing(folder, settings)
        if not tried.wrong:
            yield CheckResult(what="signing", health=CheckStatus.GOOD, says=f"`git commit` in {folder} signs as you")
        else:
            says = f"{folder}: {tried.wrong}"
            yield CheckResult(what="signing", health=CheckStatus.BROKEN, says=says, remedy=tried.remedy)


def _node_key(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
    """Whether this machine's node may work for the fleet: its key counts, and not its name."""
    what = "node's key"
    try:
        key = identity.node_key(settings).public
    except Refused as error:
        remedy = "restore it; or `shiftbook fleet rotate --node --lost`"
        return CheckResult(what=what, health=CheckStatus.BROKEN, says=str(error), remedy=remedy)
    problem = admission_problem(settings.node, key, wiring.fleet(settings).principals())
    if not problem:
        return CheckResult(what=what, health=CheckStatus.GOOD, says=f"it is that of the node {settings.node}")
    remedy = "have that done if a node is to work here; `shiftbook node run` ends with it until then"
    return CheckResult(what=what, health=CheckStatus.POOR, says=problem, remedy=remedy)


def _clock(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
    newest = datetime.fromtimestamp(load_commit(ledger.store, ledger.tip).committed, UTC)
    ahead = newest - datetime.now(UTC)
    if ahead <= timedelta(minutes=5):
        return CheckResult(what="clock", health=CheckStatus.GOOD, says=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
    says = f"the ledger's newest commit is {ahead} in the future: this clock or that of its author is wrong"
    return CheckResult(
        what="clock", health=CheckStatus.POOR, says=says, remedy="switch time synchronisation on (timedatectl)"
    )


def _unserved(ledger: LedgerSnapshot) -> list[str]:
    """Missions that no node that is up can do, with the reason."""
    unserved = UnservedMissions(ledger)
    queued = (one.mission for one in ledger.open.values() if one.mission.status in OPEN)
    found = ((mission.name, unserved.reason(mission)) for mission in queued if mission.name not in ledger.claims)
    return [f"{name}: {why}" for name, why in found if why]


def _files(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
    if not ledger.quarantined and (waits := _unserved(ledger)):
        says = f"{len(ledger.open)} open; {len(waits)} that nobody can do: {'; '.join(waits[:3])}"
        remedy = "`shiftbook mission list` says what each waits for"
        return CheckResult(what="missions", health=CheckStatus.POOR, says=says, remedy=remedy)
    if not ledger.quarantined:
        return CheckResult(what="missions", health=CheckStatus.GOOD, says=f"{len(ledger.open)} open, none quarantined")
    names = ", ".join(bad.path for bad in ledger.quarantined[:5])
    remedy = "`shiftbook mission list --status quarantined` names each reason and line"
    return CheckResult(what="missions", health=CheckStatus.POOR, says=f"quarantined: {names}", remedy=remedy)


def _conflicts(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
    waiting = list_conflicts(ledger.store, ledger.tree)
    if not waiting:
        return CheckResult(what="conflicts", health=CheckStatus.GOOD, says="merges kept everything")
    names = ", ".join(sorted({one.mission for one in waiting})[:5])
    remedy = "`shiftbook conflicts list` shows both values of each; you decide"
    return CheckResult(what="conflicts", health=CheckStatus.POOR, says=f"values not kept in {names}", remedy=remedy)


def _alarms(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
    if not ledger.alarms:
        return CheckResult(
            what="trust", health=CheckStatus.GOOD, says="every change of the fleet's rules was signed by an admin"
        )
    remedy = "look at that commit; an admin puts back what is in force: `git cat-file blob BLOB > FILE`, commit, push"
    return CheckResult(what="trust", health=CheckStatus.BROKEN, says="; ".join(ledger.alarms), remedy=remedy)


def _journal(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
    altered = wiring.tamper_check(settings).look(ledger, wiring.fleet(settings).trust)
    if not altered:
        return CheckResult(what="journal", health=CheckStatus.GOOD, says="no old entry was changed or removed")
    more = f" (and {len(altered) - 1} more)" if len(altered) > 1 else ""
    return CheckResult(what="journal", health=CheckStatus.BROKEN, says=altered[0].says + more, remedy=altered[0].remedy)


def _reviews(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
    wrong = review_problems(ledger, datetime.now(UTC))
    if not wrong:
        said = "; ".join(f"{one.project}: {one.says}" for one in review_statuses(ledger, datetime.now(UTC)))
        return CheckResult(what="reviews", health=CheckStatus.GOOD, says=said or "no project has a log yet")
    remedy = "`shiftbook digest status` tells more; `shiftbook digest run` holds one now"
    return CheckResult(what="reviews", health=CheckStatus.POOR, says="; ".join(wrong), remedy=remedy)


def _projects(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
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


def _lessons(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
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


def _notices(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
    try:
        carries = wiring.notifier(settings)
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
        remedy = "docs/notifications.md"
        return CheckResult(what="notices", health=CheckStatus.ABSENT, says=says, remedy=remedy)
    if order[0] not in announced_nodes(ledger):
        remedy = "correct `notify.by` in fleet.toml, or start that node"
        says = f"{order[0]} tells people, and is no node"
        return CheckResult(what="notices", health=CheckStatus.POOR, says=says, remedy=remedy)
    here = f" by {len(carries.channels)} address{'es' * (len(carries.channels) != 1)}" if carries else ""
    return CheckResult(what="notices", health=CheckStatus.GOOD, says=f"{order[0]} tells people{here}; nothing failed")


CHECKS: tuple[Callable[[Settings, LedgerSnapshot], CheckResult], ...] = (
    _keys,
    _node_key,
    _clock,
    _files,
    _conflicts,
    _alarms,
    _journal,
    _projects,
    _reviews,
    _lessons,
    _notices,
)
