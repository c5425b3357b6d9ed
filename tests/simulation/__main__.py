"""A fleet in virtual time, from the command line: `make simulate`, `python -m tests.simulation --help`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from orchestrator.bench.result import machine
from orchestrator.cli import terminal
from orchestrator.cli.console import MARGIN, RULE_COLOUR, console, margin_table
from tests.simulation import check, report
from tests.simulation.advice import Advice, Trial, advise
from tests.simulation.kept import KeptFiles, as_dict, stopping
from tests.simulation.run import Simulation
from tests.simulation.scenario import DAY, Host, Scenario

USUAL = Scenario()
SHOWN = 5
"""Problems that are told one by one."""
STOPPED = 130
"""The exit code after Ctrl-C."""


@click.command("python -m tests.simulation")
@click.option(
    "--nodes", type=click.IntRange(1, 10_000), default=USUAL.nodes, show_default=True, help="HQ and the rest."
)
@click.option(
    "--missions",
    type=click.IntRange(1, 1_000_000),
    default=USUAL.missions,
    show_default=True,
    help="Missions, filed at random moments.",
)
@click.option(
    "--days",
    type=click.FloatRange(0, 366, min_open=True),
    default=USUAL.seconds / DAY,
    show_default=True,
    help="In so many days they are filed.",
)
@click.option(
    "--beat-seconds",
    type=click.FloatRange(0, 3600, min_open=True),
    default=USUAL.beat_seconds,
    show_default=True,
    help="bus.beat_seconds of fleet.toml.",
)
@click.option(
    "--fetch-seconds",
    nargs=2,
    type=click.FloatRange(0, 86_400, min_open=True),
    default=USUAL.fetch_seconds,
    show_default=True,
    help="bus.poll_seconds of fleet.toml: shortest and longest pause.",
)
@click.option(
    "--pushes-a-minute",
    type=click.FloatRange(0),
    default=0.0,
    help="What the host allows one repository, beats included. Default: no limit.",
)
@click.option("--untold", is_flag=True, help="fleet.toml does not say what the host allows: beats stay as they are.")
@click.option("--cores", type=click.IntRange(1), default=USUAL.host.cores, show_default=True, help="Of the Git server.")
@click.option(
    "--crash-days",
    type=click.FloatRange(0),
    default=USUAL.crash_days,
    show_default=True,
    help="Days between a node's power cuts; 0: none.",
)
@click.option(
    "--cut-days",
    type=click.FloatRange(0),
    default=USUAL.cut_days,
    show_default=True,
    help="Days between losses of a node's line; 0: none.",
)
@click.option("--hosted", is_flag=True, help="The repository is with a hoster, not on HQ's own disk.")
@click.option("--webhooks", is_flag=True, help="With --hosted: the host rings headquarters when a branch has moved.")
@click.option("--results-branch", is_flag=True, help="bus.results_branch of fleet.toml.")
@click.option("--seed", default=USUAL.seed, show_default=True, help="The same seed gives the same week.")
@click.option("--recommend", is_flag=True, help="Try intervals for such a fleet, and name the best.")
@click.option(
    "--plot", "plot_to", type=click.Path(dir_okay=False, path_type=Path), help="Write an SVG of the waits here."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the figures as JSON here, four times a virtual day and at the end.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def command(
    nodes: int,
    missions: int,
    days: float,
    beat_seconds: float,
    fetch_seconds: tuple[float, float],
    pushes_a_minute: float,
    untold: bool,
    cores: int,
    crash_days: float,
    cut_days: float,
    hosted: bool,
    webhooks: bool,
    results_branch: bool,
    seed: int,
    recommend: bool,
    plot_to: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Simulates a fleet in virtual time, with the code that real nodes run.

    Shows how long missions wait, what the Git server gets to do, how much work is done twice and how the repository
    grows. Ctrl-C ends it with the figures until then. Exit code 1 if a mission is lost, not finished, or has not
    exactly one accepted result.
    """
    if fetch_seconds[0] > fetch_seconds[1]:
        raise click.UsageError("--fetch-seconds: give the shorter pause first")
    if recommend and (plot_to or out):
        raise click.UsageError("--plot and --out tell of one run: leave --recommend out")
    plan = replace(
        USUAL,
        nodes=nodes,
        missions=missions,
        seconds=days * DAY,
        beat_seconds=beat_seconds,
        fetch_seconds=fetch_seconds,
        crash_days=crash_days,
        cut_days=cut_days,
        hq_on_host=not hosted,
        webhooks=webhooks,
        results_branch=results_branch,
        told=not untold,
        host=Host(cores=cores, pushes_a_minute=pushes_a_minute),
        seed=seed,
    )
    if recommend:
        _recommend(plan, as_json=as_json)
    else:
        _simulate(plan, KeptFiles(figures=out, plot=plot_to), as_json=as_json)


def _said(line: str) -> None:
    click.echo(line, err=True)


def _simulate(plan: Scenario, files: KeptFiles, *, as_json: bool) -> None:
    run = Simulation(plan=plan, say=_said, keep=files.write)
    with stopping(run):
        run.run()
    wrong = [] if run.stopped else check.problems(run)
    files.write(run, wrong, over=not run.stopped)
    found = as_dict(run, wrong, over=not run.stopped)
    if as_json:
        terminal.print_json(found)
    else:
        _print(report.figures(run, wrong).as_dict())
    _tell_problems(wrong)
    if run.stopped:
        _said(f"stopped on day {run.now / DAY:.2f}: these are the figures until then")
    sys.exit(STOPPED if run.stopped else 1 if wrong else 0)


def _tell_problems(wrong: Sequence[str]) -> None:
    for line in wrong[:SHOWN]:
        _said(line)
    if len(wrong) > SHOWN:
        _said(f"… and {len(wrong) - SHOWN:,} more")


def _print(figures: dict[str, Any]) -> None:
    rows = margin_table()
    rows.add_column(justify="right", no_wrap=True)
    rows.add_column()
    for name, value in figures.items():
        rows.add_row(name.replace("_", " "), _shown(value))
    console().print(rows)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return " · ".join(f"{key} {number:,g}" for key, number in value.items())
    if isinstance(value, tuple):
        return " to ".join(f"{number:g}" for number in value)
    return f"{value:,}"


def _recommend(plan: Scenario, *, as_json: bool) -> None:
    advice = advise(plan, _said)
    if as_json:
        terminal.print_json({"machine": machine(), **_as_dict(advice)})
    else:
        _print_trials(advice)
    sys.exit(0 if advice.best else 1)


def _as_dict(advice: Advice) -> dict[str, object]:
    return {
        "trials": [asdict(trial) for trial in advice.trials],
        "best": asdict(advice.best) if advice.best else None,
        "reason": advice.reason,
    }


def _print_trials(advice: Advice) -> None:
    table = Table(box=MARGIN, show_edge=False, border_style=RULE_COLOUR, padding=(0, 1))
    for head in ("beat s", "fetch s", "claimed p95", "on the branch p95", "pushes/min", "server", ""):
        table.add_column(head, justify="right" if head else "left", no_wrap=bool(head))
    for trial in advice.trials:
        mark = "recommended" if trial is advice.best else trial.why_not
        table.add_row(*_cells(trial), mark)
    out = console()
    out.print(table)
    out.print(Text(advice.reason))


def _cells(trial: Trial) -> tuple[str, ...]:
    low, high = trial.fetch_seconds
    setting = (f"{trial.beat_seconds:g}", f"{low:g} to {high:g}")
    found = trial.figures
    if found is None:
        return (*setting, "", "", "", "")
    waits = (found.claimed.get("p95"), found.folded.get("p95"))
    return (
        *setting,
        *("" if wait is None else f"{wait:,g} s" for wait in waits),
        f"{found.pushes_a_minute:g}",
        f"{found.host_busy:.0%}",
    )


if __name__ == "__main__":
    command()
