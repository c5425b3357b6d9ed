"""Checks of a person's clones: do the pre-push hook and the merge driver there start this program?"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from orchestrator.app.clone_programs import HOOK_WORDS, clone_programs
from orchestrator.app.clone_signing import ledger_clones
from orchestrator.app.doctor.check_result import CheckResult, CheckStatus
from orchestrator.core.settings import Settings
from sync.git import Git


def check_clones(settings: Settings) -> Iterator[CheckResult]:
    """Both in each of the clones that are known: the folder that is watched, and the one around this folder."""
    for folder in ledger_clones(settings, Path.cwd()):
        for one in clone_programs(Git(folder), folder, settings.branch):
            if one.own:
                says = f"{folder}: {one.own}; `shiftbook check` is not asked before a push"
                yield CheckResult(what=one.what, health=CheckStatus.ABSENT, says=says)
            elif one.wrong:
                lost = "; " + ("files go out unlooked at" if one.what == HOOK_WORDS else "Git merges by line instead")
                yield CheckResult(
                    what=one.what,
                    health=CheckStatus.POOR,
                    says=f"{folder}: {one.wrong}{'' if one.works else lost}",
                    remedy=f"`shiftbook init {shlex.quote(str(folder))}` sets it up again",
                )
            else:
                yield CheckResult(what=one.what, health=CheckStatus.GOOD, says=f"this program's, in {folder}")
