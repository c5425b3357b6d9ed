"""shiftbook bench: does this machine keep what is promised of its speed?"""

from __future__ import annotations

import importlib
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from orchestrator.cli import terminal
from orchestrator.cli.commands import BENCH

if TYPE_CHECKING:
    from orchestrator.bench.result import Measurement


def _command(name: str) -> click.Command:
    """The command of `orchestrator.bench.NAME`, which has `measure() -> list[Measurement]`."""
    sentence = BENCH[name][1]

    @click.command(name, help=f"{sentence} Exit code 1 if a bar is not met.")
    @click.option("--json", "as_json", is_flag=True, help="Print the machine and the results as JSON.")
    def run(as_json: bool, **given: int | str) -> None:
        from orchestrator.bench.result import machine

        results: list[Measurement] = importlib.import_module(f"orchestrator.bench.{name}").measure(**given)
        if as_json:
            terminal.print_json({"machine": machine(), "results": [asdict(result) for result in results]})
        else:
            _print(results, machine())
        sys.exit(0 if all(result.met for result in results) else 1)

    return run


bus, chat, handoff, start, sync = map(_command, ("bus", "chat", "handoff", "start", "sync"))
click.option(
    "--bus",
    "over",
    type=click.Choice(["redis", "git"]),
    default="git",
    help="Which bus: git, or a Redis server that is started for it.",
)(bus)
click.option(
    "--postgres",
    default="",
    metavar="URL",
    help="With --bus redis: also beside a task queue in this database (a schema of its own, gone afterwards).",
)(bus)
click.option(
    "--finished",
    type=click.IntRange(0, 1_000_000),
    default=0,
    help="Only how a ledger with so many finished missions does, beside an empty one.",
)(bus)


def _print(results: list[Measurement], machine: dict[str, object]) -> None:
    from rich.text import Text

    from orchestrator.cli.console import STATUS_COLOURS, console, margin_table

    rows = margin_table()
    rows.add_column(justify="right", no_wrap=True)
    rows.add_column()
    for result in results:
        status = "done" if result.met else "failed"
        line = Text("met    " if result.met else "MISSED ", style=f"bold {STATUS_COLOURS[status]}")
        line.append(f"{result.name}: {result.bar}", style="not bold default")
        if result.baseline is not None and result.ratio is not None:
            line.append(f" · {result.ratio:.2f} × {result.baseline:g} {result.unit}", style="not bold dim")
        rows.add_row(f"{result.value:g} {result.unit}", line)
    out = console()
    out.print(rows)
    out.print(" · ".join(f"{key} {value}" for key, value in machine.items()), style="dim")
