"""Checks of the bus beside the ledger: can missions go over Redis, and what would a crash of it lose?"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.app.doctor.check_result import CheckResult, CheckStatus
from orchestrator.app.factories.bus_factory import open_bus_watch
from orchestrator.core.errors import WrongSetting
from orchestrator.core.own_installation import document_place
from orchestrator.core.ports.bus_care import BusWatch
from orchestrator.core.settings import Settings
from orchestrator.workflow.delegation import bus_report

WHAT = "redis"


def check_bus(settings: Settings) -> Iterator[CheckResult]:
    """How it is, and each thing that is to be mended. Nothing where no Redis is set."""
    try:
        watch = open_bus_watch(settings)
    except WrongSetting as error:
        remedy = f"how: {document_place('docs/redis.md')}"
        yield CheckResult(what=WHAT, health=CheckStatus.BROKEN, says=str(error), remedy=remedy)
        return
    if watch is not None:
        yield from watched(watch)


def watched(watch: BusWatch) -> Iterator[CheckResult]:
    """The results of one look."""
    found = watch.condition()
    if not found.trouble:
        says = f"{bus_report.summary(found)}; {bus_report.crash_loss(found)}"
        memory = f"Redis {found.version}, {found.memory_bytes / 1024 / 1024:.0f} MiB used"
        yield CheckResult(what=WHAT, health=CheckStatus.GOOD, says=says, detail=memory)
    for each in bus_report.findings(found):
        health = CheckStatus.BROKEN if each.broken else CheckStatus.POOR
        yield CheckResult(what=WHAT, health=health, says=each.says, remedy=each.remedy)
