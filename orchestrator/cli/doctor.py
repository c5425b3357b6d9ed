"""shiftbook doctor"""

from __future__ import annotations

import sys
from dataclasses import asdict

import click
from rich.table import Table
from rich.text import Text

from orchestrator.app import doctor
from orchestrator.app.doctor import CheckStatus
from orchestrator.cli import terminal
from orchestrator.core import settings

COLOUR_BY_STATUS = {
    CheckStatus.GOOD: terminal.STATUS_COLOURS["done"],
    CheckStatus.POOR: terminal.STATUS_COLOURS["review"],
    CheckStatus.BROKEN: terminal.STATUS_COLOURS["failed"],
}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(as_json: bool) -> None:
    """Says what is missing on this machine and how to mend it. Exit code 1 if something is broken."""
    findings = list(doctor.run_checks(settings.load()))
    if as_json:
        terminal.print_json([asdict(finding) for finding in findings])
    else:
        _print(findings)
    sys.exit(1 if any(finding.health is CheckStatus.BROKEN for finding in findings) else 0)


def _print(findings: list[doctor.CheckResult]) -> None:
    rows = Table(
        box=terminal.MARGIN, show_header=False, show_edge=False, border_style=terminal.RULE_COLOUR, padding=(0, 1)
    )
    rows.add_column(justify="right", style="dim", no_wrap=True)
    rows.add_column()
    for finding in findings:
        line = Text(f"{finding.health.value:<7}", style=f"bold {COLOUR_BY_STATUS[finding.health]}")
        line.append(finding.says, style="not bold default")
        if finding.remedy:
            line.append(f"\n→ {finding.remedy}", style="not bold default")
        rows.add_row(finding.what, line)
    terminal.console().print(rows)
