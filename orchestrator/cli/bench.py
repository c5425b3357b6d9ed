"""shiftbook bench: does this machine keep what is promised of its speed? Each result is told when it is there."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import terminal
from orchestrator.cli.commands import BENCH

if TYPE_CHECKING:
    from orchestrator.bench.result import Measurement

STOPPED = 130
"""The exit code after Ctrl-C."""
VALUE_COLUMNS = 18


def _command(name: str) -> click.Command:
    """The command of `orchestrator.bench.NAME`, which has `measure() -> Iterable[Measurement]`."""
    sentence = BENCH[name][1]

    @click.command(name, help=f"{sentence} Exit code 1 if a bar is not met.")
    @click.option("--json", "as_json", is_flag=True, help="Print the machine and the results as JSON.")
    def run(as_json: bool, **given: object) -> None:
        results: list[Measurement] = []
        stopped = False
        try:
            for result in _measure(name, given):
                results.append(result)
                _print(result, err=as_json)
        except KeyboardInterrupt:
            stopped = True
        finally:  # what was measured is told, whatever came then
            if results or stopped:
                _conclude(results, as_json=as_json, stopped=stopped)
        sys.exit(STOPPED if stopped else 0 if all(result.met for result in results) else 1)

    return run


def _measure(name: str, given: Mapping[str, object]) -> Iterable[Measurement]:
    """Each result when it is there. SIGTERM is as Ctrl-C: what was measured is told, and no node outlives it."""
    usual = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield from importlib.import_module(f"orchestrator.bench.{name}").measure(**given)
    finally:
        signal.signal(signal.SIGTERM, usual)


bus, chat, handoff, past, start, sync = map(_command, ("bus", "chat", "handoff", "past", "start", "sync"))
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
    help="Only how a ledger with so many finished missions does, and how it is joined and searched.",
)(bus)
click.option(
    "--repository",
    "repository_mib",
    type=click.IntRange(0, 100_000),
    default=0,
    metavar="MIB",
    help="Only how soon a workspace of a repository of so many MiB stands.",
)(start)
click.option(
    "--only",
    metavar="ROW",
    multiple=True,
    help="Only this row, such as eight-nodes, idle or finished; with --finished join, line or search.",
)(bus)
click.option(
    "--in",
    "kept",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="With --finished: make that ledger in this folder and leave it there, or take the one that is there.",
)(bus)


def _print(result: Measurement, *, err: bool) -> None:
    from rich.text import Text

    from orchestrator.cli.console import STATUS_COLOURS, console

    value = Text(f"{result.value:g} {result.unit}".rjust(VALUE_COLUMNS) + "  ")
    status = "done" if result.met else "failed"
    line = Text("met    " if result.met else "MISSED ", style=f"bold {STATUS_COLOURS[status]}")
    line.append(f"{result.name}: {result.bar}", style="not bold default")
    if result.baseline is not None and result.ratio is not None:
        line.append(f" · {result.ratio:.2f} × {result.baseline:g} {result.unit}", style="not bold dim")
    console(stderr=err).print(value + line)


def _conclude(results: Sequence[Measurement], *, as_json: bool, stopped: bool) -> None:
    from orchestrator.bench.result import machine

    if as_json:
        told = [asdict(result) for result in results]
        terminal.print_json({"machine": machine(), "results": told, "stopped": stopped})
    else:
        from orchestrator.cli.console import console

        console().print(" · ".join(f"{key} {value}" for key, value in machine().items()), style="dim")
    if stopped:
        terminal.say("stopped: these are the results until then", err=True)
