"""Checks of the web page: is there one in this installation, and does this node serve it?"""

from __future__ import annotations

from mobile_bridge.built_page import read_built_page

from orchestrator.app.doctor.check_result import CheckResult, CheckStatus
from orchestrator.app.web_process import served_at
from orchestrator.core.own_installation import reinstall_command
from orchestrator.core.roles import PAGE_SWITCH
from orchestrator.core.settings import Settings

WHAT = "page"


def check_page(settings: Settings) -> CheckResult:
    """A page that is lacking is poor where this node serves one; a worker that serves none lacks nothing."""
    page = read_built_page()
    if page is None:
        health = CheckStatus.POOR if settings.policy.page else CheckStatus.ABSENT
        says = "none is in this installation: it could not be built when that was made"
        return CheckResult(what=WHAT, health=health, says=says, remedy=f"`{reinstall_command()}`")
    if not settings.policy.page:
        says = f"a {settings.role.value} serves none unless it is told to"
        remedy = f"{PAGE_SWITCH} has it do so"
        return CheckResult(what=WHAT, health=CheckStatus.ABSENT, says=says, remedy=remedy)
    url = served_at(settings.home)
    where = f"served at {url}/app/" if url else "`shiftbook node run` serves it"
    return CheckResult(what=WHAT, health=CheckStatus.GOOD, says=where, detail=f"version {page.page}")
