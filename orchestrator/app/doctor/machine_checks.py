"""Checks of the machine: has it the programs, the sandbox, the model and the room that a node needs?"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from orchestrator.app import wiring
from orchestrator.app.doctor.check_result import CheckResult, CheckStatus
from orchestrator.app.root_file_system import root_folder
from orchestrator.core import disk_space
from orchestrator.core.ports.model_backend import competence_of
from orchestrator.core.settings import Settings
from orchestrator.execution.process.group_sources import describe_groups
from orchestrator.execution.programs.install_lines import INSTALL_LINES
from orchestrator.execution.workspace import disk_usage
from orchestrator.ledger.config.fleet_toml import FleetConfig
from sync.git import Git

MIN_GIT_VERSION = (2, 34)
"""SSH signatures with `gpg.ssh.allowedSignersFile` came with Git 2.34."""
COVERED_PROC = "Can't mount proc"
"""What bubblewrap says where parts of /proc are covered: the kernel then makes no new one (mount_namespaces(7))."""
IN_PROCESS = ("xllamacpp", "llama-cpp-python")
"""Backends whose model takes memory of the node's own process."""


def check_git() -> CheckResult:
    """Whether git is here, and new enough."""
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


def check_program(name: str, package: str, why: str) -> CheckResult:
    """Whether a program is here; `why` says what is impossible without it."""
    path = shutil.which(name)
    if path:
        return CheckResult(what=name, health=CheckStatus.GOOD, says=path)
    return CheckResult(what=name, health=CheckStatus.BROKEN, says=f"not found; {why}", remedy=f"install {package}")


def check_sandbox(settings: Settings) -> CheckResult:
    """Whether commands can be confined."""
    why = wiring.sandbox(required=True, root=root_folder(settings)).missing()
    if why is None:
        root = f", in {settings.rootfs}" if settings.rootfs else ""
        return CheckResult(
            what="sandbox", health=CheckStatus.GOOD, says=f"bubblewrap works: commands run confined{root}"
        )
    remedy = 'install bubblewrap; or set trust.sandbox = "optional" in fleet.toml to run what is trusted most'
    if COVERED_PROC in why:
        remedy = "in a container: start it with --security-opt unmask=ALL (podman) or systempaths=unconfined (Docker)"
    elif settings.rootfs:
        remedy = "mend what SHIFTBOOK_ROOTFS names, or take it out of .env to run with this machine's own folders"
    says = f"{why}; missions with commands are not run here"
    return CheckResult(what="sandbox", health=CheckStatus.POOR, says=says, remedy=remedy)


def check_run_limits() -> CheckResult:
    """Whether a run's memory and processes are held together by a control group."""
    held, says, remedy = describe_groups()
    health = CheckStatus.GOOD if held else CheckStatus.ABSENT
    return CheckResult(what="limits of a run", health=health, says=says, remedy=remedy)


def check_agents(rules: FleetConfig | None = None) -> Iterator[CheckResult]:
    """Each agent's program, with its path and version, or why it does not work here. None is needed.

    With the fleet's rules: those that it describes itself.
    """
    own = rules.agents if rules else {}
    for program in wiring.programs(rules):
        if rules and program.name not in own:
            continue
        why = program.missing()
        what = f"agent {program.name}"
        if why is None:
            path = shutil.which(next(iter(own[program.name].command), program.name) if own else program.name)
            says = f"{program.version()}, {path}"
            yield CheckResult(what=what, health=CheckStatus.GOOD, says=says)
        else:
            says, _, remedy = why.removeprefix(f"{program.name} ").removeprefix("is ").partition(": ")
            remedy = f"`{remedy}`" if remedy in INSTALL_LINES.values() else remedy
            yield CheckResult(what=what, health=CheckStatus.ABSENT, says=says, remedy=remedy)


def check_model(settings: Settings) -> CheckResult:
    """Whether a model answers, and what it is good for."""
    model = wiring.model(settings)
    why = model.missing()
    if why is None:
        judged = competence_of(model)
        health = CheckStatus.POOR if judged.is_toy else CheckStatus.GOOD
        says = f"{model.backend}: {judged.verdict}"
        if model.backend in IN_PROCESS and settings.model_idle:
            says += f"; unloaded after {settings.model_idle:g} idle minutes"
        remedy = judged.way_to_better.removeprefix("better: ") if judged.is_toy else ""
        return CheckResult(what="model", health=health, says=says, remedy=remedy)
    remedy = "`shiftbook models pull embedded` (93 MB), or set SHIFTBOOK_MODEL to a GGUF file"
    says = f"{why}; questions are not answered here"
    return CheckResult(what="model", health=CheckStatus.POOR, says=says, remedy=remedy)


def check_disk(home: Path) -> CheckResult:
    """Whether there is room in the home folder."""
    says, _, detail = disk_usage.last_disk_usage(home).says.partition("; ")
    detail = f"{disk_space.nearest_folder(home)}: {detail}"
    if disk_space.free_bytes(home) >= disk_space.MIN_FREE_BYTES_DOCTOR:
        return CheckResult(what="disk", health=CheckStatus.GOOD, says=says, detail=detail)
    remedy = f"free some space, or move SHIFTBOOK_HOME ({home}) to a larger disk"
    return CheckResult(what="disk", health=CheckStatus.POOR, says=says, remedy=remedy, detail=detail)
