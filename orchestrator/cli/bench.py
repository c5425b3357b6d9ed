"""shiftbook bench"""

from __future__ import annotations

import importlib
import sys
from dataclasses import asdict

import click
from rich.table import Table
from rich.text import Text

from orchestrator.bench.result import Measurement, machine
from orchestrator.cli import terminal

BENCHES = {
    "bus": "claims, folds, wake-up, idle cost and growth, beside plain Git",
    "chat": "tokens a second through the API, the second turn's first word, 400 streams at once",
    "handoff": "10,000 log entries: assembling, recall, a review of 200",
}
"""Each is a module of `orchestrator.bench` with `measure() -> list[Result]`."""

FINISHED = click.option(
    "--finished",
    type=click.IntRange(0, 1_000_000),
    default=0,
    help="Only how a ledger with so many finished missions does, beside an empty one.",
)


class Benches(click.Group):
    """Loads a benchmark only when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The benchmarks."""
        return list(BENCHES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One benchmark as a command; None for a word that is none."""
        return _command(cmd_name) if cmd_name in BENCHES else None


@click.group("bench", cls=Benches)
def command() -> None:
    """Measures what Shiftbook promises, on this machine."""


def _command(name: str) -> click.Command:
    @click.command(name, help=f"Measures {BENCHES[name]}. Exit code 1 if a bar is not met.", short_help=BENCHES[name])
    @click.option("--json", "as_json", is_flag=True, help="Print the machine and the results as JSON.")
    def run(as_json: bool, **given: int) -> None:
        results: list[Measurement] = importlib.import_module(f"orchestrator.bench.{name}").measure(**given)
        if as_json:
            terminal.print_json({"machine": machine(), "results": [asdict(result) for result in results]})
        else:
            _print(results)
        sys.exit(0 if all(result.met for result in results) else 1)

    return FINISHED(run) if name == "bus" else run


def _print(results: list[Measurement]) -> None:
    rows = Table(
        box=terminal.MARGIN, show_header=False, show_edge=False, border_style=terminal.RULE_COLOUR, padding=(0, 1)
    )
    rows.add_column(justify="right", no_wrap=True)
    rows.add_column()
    for result in results:
        line = Text(
            "met    " if result.met else "MISSED ",
            style=f"bold {terminal.STATUS_COLOURS['done' if result.met else 'failed']}",
        )
        line.append(f"{result.name}: {result.bar}", style="not bold default")
        if result.baseline is not None and result.ratio is not None:
            line.append(f" · {result.ratio:.2f} × {result.baseline:g} {result.unit}", style="not bold dim")
        rows.add_row(f"{result.value:g} {result.unit}", line)
    out = terminal.console()
    out.print(rows)
    told = machine()
    out.print(Text(" · ".join(f"{key} {value}" for key, value in told.items()), style="dim"))
