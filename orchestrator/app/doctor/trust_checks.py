"""Checks of trust: do this machine's keys count, can its person sign, and are the fleet's rules in order?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestrator.app import identity, wiring
from orchestrator.app.clone_signing import ledger_clones, try_signing
from orchestrator.app.doctor.check_result import CheckResult, CheckStatus
from orchestrator.core.errors import Refused
from orchestrator.core.settings import Settings
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.policy.membership import admission_problem
from sync.objects import load_commit
from sync.signatures import timed_names


def check_keys(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
    """Whether the person's key counts, and for what."""
    speaker = wiring.fleet(settings).bus
    listed = {p.key: p for p in wiring.fleet(settings).principals()}
    me = listed.get(speaker.key)
    if me is None:
        remedy = f"an admin runs: shiftbook fleet admit NAME --role author --key '{speaker.key}'"
        return CheckResult(what="your key", health=CheckStatus.POOR, says="it is not in allowed_signers", remedy=remedy)
    return CheckResult(what="your key", health=CheckStatus.GOOD, says=f"{me.name}: {', '.join(sorted(me.roles))}")


def check_node_key(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
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


def check_timed_lines(ledger: LedgerSnapshot) -> Iterator[CheckResult]:
    """Lines of `allowed_signers` that a person may think to count."""
    for name in timed_names(ledger.signers):
        says = f"{name}'s line has valid-after or valid-before, so it grants nothing: machines would not agree about it"
        remedy = f"an admin takes the option out of allowed_signers, and later: shiftbook fleet revoke {name}"
        yield CheckResult(what="allowed_signers", health=CheckStatus.POOR, says=says, remedy=remedy)


def check_signing(settings: Settings) -> Iterator[CheckResult]:
    """In each of the person's clones something is signed to try."""
    for folder in ledger_clones(settings, Path.cwd()):
        tried = try_signing(folder, settings)
        if not tried.wrong:
            yield CheckResult(what="signing", health=CheckStatus.GOOD, says=f"`git commit` in {folder} signs as you")
        else:
            says = f"{folder}: {tried.wrong}"
            yield CheckResult(what="signing", health=CheckStatus.BROKEN, says=says, remedy=tried.remedy)


def check_clock(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
    """Whether this clock and those of the ledger's authors can both be right."""
    newest = datetime.fromtimestamp(load_commit(ledger.store, ledger.tip).committed, UTC)
    ahead = newest - datetime.now(UTC)
    if ahead <= timedelta(minutes=5):
        return CheckResult(what="clock", health=CheckStatus.GOOD, says=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
    says = f"the ledger's newest commit is {ahead} in the future: this clock or that of its author is wrong"
    return CheckResult(
        what="clock", health=CheckStatus.POOR, says=says, remedy="switch time synchronisation on (timedatectl)"
    )


def check_alarms(settings: Settings, ledger: LedgerSnapshot) -> CheckResult:
    """Whether somebody has tried to change the rules without the right to."""
    if not ledger.alarms:
        return CheckResult(
            what="trust", health=CheckStatus.GOOD, says="every change of the fleet's rules was signed by an admin"
        )
    remedy = "look at that commit; an admin puts back what is in force: `git cat-file blob BLOB > FILE`, commit, push"
    return CheckResult(what="trust", health=CheckStatus.BROKEN, says="; ".join(ledger.alarms), remedy=remedy)
