"""What is left of a simulation if it is ended before its end? Its figures and its plot so far, in their files."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from orchestrator.bench.result import machine
from tests.simulation import chart, report
from tests.simulation.run import Simulation


@dataclass(frozen=True, kw_only=True)
class KeptFiles:
    """Where the figures and the plot go; None: nowhere."""

    figures: Path | None = None
    plot: Path | None = None

    def write(self, run: Simulation, wrong: Sequence[str] = (), *, over: bool = False) -> None:
        """Both as they are now. `over`: nothing more comes, and `wrong` is what the checker says. Raises UsageError."""
        if self.figures is not None:
            _replace(self.figures, json.dumps(as_dict(run, wrong, over=over), indent=2) + "\n", "--out")
        if self.plot is not None:
            _replace(self.plot, chart.svg(run), "--plot")


def as_dict(run: Simulation, wrong: Sequence[str], *, over: bool) -> dict[str, object]:
    """For JSON: the figures, on which machine they were found, and whether they are those of the whole run."""
    found = report.figures(run, wrong).as_dict()
    return {"machine": machine(), "over": over, "figures": found, "problems": list(wrong)}


@contextmanager
def stopping(run: Simulation) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the run after the event that it plays; a second one ends the process at once."""
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, _frame: object) -> None:
        run.stopped = True
        signal.signal(number, usual[signal.Signals(number)])

    for number in usual:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, before in usual.items():
            signal.signal(number, before)


def _replace(path: Path, text: str, option: str) -> None:
    """The file is there whole at every moment, the old one or the new one."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise click.UsageError(f"{option}: {path} cannot be written: {error.strerror}") from error
