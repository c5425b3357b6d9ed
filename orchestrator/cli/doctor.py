"""shiftbook doctor: what is missing on this machine, as a person reads it?"""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from orchestrator.cli import terminal
from orchestrator.core.environment import load_settings

if TYPE_CHECKING:
    from orchestrator.app.doctor import CheckResult


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(as_json: bool) -> None:
    """Says what is missing on this machine and how to mend it. Exit code 1 if something is broken."""
    from orchestrator.app.doctor import CheckStatus, run_checks

    findings = list(run_checks(load_settings()))
    if as_json:
        terminal.print_json([asdict(finding) for finding in findings])
    else:
        _print(findings)
    sys.exit(1 if any(finding.health is CheckStatus.BROKEN for finding in findings) else 0)


def _print(findings: list[CheckResult]) -> None:
    from rich.text import Text

    from orchestrator.app.doctor import CheckStatus
    from orchestrator.cli.console import STATUS_COLOURS, console, margin_table

    status_by_health = {CheckStatus.GOOD: "done", CheckStatus.POOR: "review", CheckStatus.BROKEN: "failed"}
    rows = margin_table()
    rows.add_column(justify="right", style="dim", no_wrap=True)
    rows.add_column()
    for finding in findings:
        line = Text(f"{finding.health.value:<7}", style=f"bold {STATUS_COLOURS[status_by_health[finding.health]]}")
        line.append(finding.says, style="not bold default")
        if finding.remedy:
            line.append(f"\n→ {finding.remedy}", style="not bold default")
        rows.add_row(finding.what, line)
    console().print(rows)
