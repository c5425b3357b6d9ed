"""shiftbook continuity recall: how much of the evidence does the journal's search find in a public data set?"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import click

from orchestrator.cli import terminal


@click.command("recall")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def recall(file: Path, as_json: bool) -> None:
    """Measures what the journal's search finds in FILE: LoCoMo (locomo10.json) or LongMemEval (longmemeval_s.json).

    Of each question's evidence, the share among the 5 and the 10 best entries. Asks no model.
    """
    from orchestrator.continuity.study_plan import require_statistics

    require_statistics()
    from orchestrator.continuity.recall_data import read_conversations
    from orchestrator.continuity.recall_measure import DEPTHS, measure_recall
    from orchestrator.core.errors import WrongSetting

    found = measure_recall(read_conversations(file), time.perf_counter)
    if not found:
        raise WrongSetting("FILE", f"{file} has no question with evidence")
    if as_json:
        terminal.print_json([asdict(one) for one in found])
        return
    heads = "".join(f"{f'R@{depth}':>7}{'(±1)':>7}" for depth in DEPTHS)
    click.echo(f"{'kind':28}{'questions':>9}{heads}  {f'95 % of R@{DEPTHS[0]}':>14}{'ms':>6}")
    for one in found:
        cells = "".join(f"{one.found[depth]:7.3f}{one.around[depth]:7.3f}" for depth in DEPTHS)
        click.echo(f"{one.kind:28}{one.questions:>9,}{cells}  {one.low:.3f} to {one.high:.3f}{one.milliseconds:6.2f}")
