"""shiftbook log export: how does a person take the journal away, to train a model on it?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.core.errors import WrongSetting

if TYPE_CHECKING:
    from orchestrator.workflow.journal.training_set import TrainingSet

MAX_CONSENT_CHARS = 500


@click.command("export")
@click.option(
    "--format",
    "shape",
    type=click.Choice(["chat-jsonl", "sft", "dpo"]),
    default="chat-jsonl",
    help="chat-jsonl: entries; sft: accepted work; dpo: accepted beside not accepted work.",
)
@click.option("--project", help="Only this project's log.")
@click.option("--since", default="", metavar="DAY", help="Only entries from this day on, such as 2026-11-01.")
@click.option("--consent", default="", metavar="TEXT", help="The licence or consent under which sft and dpo are given.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write here instead.")
@click.option("--force", is_flag=True, help="With -o: replace a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="With -o: print how many rows there are, as JSON.")
def export(
    shape: str, project: str | None, since: str, consent: str, output: Path | None, force: bool, as_json: bool
) -> None:
    """Prints the journal as a training set, one row a line, always JSON. Secrets are taken out.

    chat-jsonl is one conversation an entry. sft has `messages`: what was asked, and the result that was accepted. dpo
    has `prompt`, `chosen` (that result) and `rejected` (an attempt at the same that was not accepted). Both need
    --consent, or handoff.training_consent in fleet.toml; its words stand in every row.
    """
    from orchestrator.workflow.journal.training_set import write_rows

    output = None if output == Path("-") else output
    if as_json and output is None:
        raise WrongSetting("--json", "the rows go to standard output: say where they go instead, with -o FILE")
    try:
        day = datetime.fromisoformat(since).date().isoformat() if since else ""
    except ValueError as error:
        raise WrongSetting("--since", f"{since!r} is not a day, such as 2026-11-01") from error
    examples = _training_set(shape, project, day, consent) if shape != "chat-jsonl" else None
    rows = (
        examples.rows() if examples is not None else wiring.logbook(load_settings()).export(project=project, since=day)
    )
    count = write_rows(output, rows, force=force) if output else _print_rows(rows)
    _tell(shape, count, output, examples, as_json)


def _training_set(shape: str, project: str | None, since: str, consent: str) -> TrainingSet:
    from orchestrator.workflow.journal.known_project import require_project
    from orchestrator.workflow.journal.training_set import TrainingSet, TrainingShape

    fleet = wiring.fleet(load_settings())
    ledger = fleet.ledger()
    terminal.warn(fleet)
    said = " ".join((consent or ledger.charter.handoff.training_consent).split())
    if not said:
        why = (
            "say under which licence or consent others' work is given to a trainer, here or as handoff.training_consent"
        )
        raise WrongSetting("--consent", f"{why} in fleet.toml; nothing was written")
    if len(said) > MAX_CONSENT_CHARS:
        raise WrongSetting(
            "--consent", f"it has {len(said)} characters, and each row repeats it: {MAX_CONSENT_CHARS} at most"
        )
    if project:
        require_project(ledger, project)
    return TrainingSet(ledger=ledger, shape=TrainingShape(shape), consent=said, project=project or None, since=since)


def _print_rows(rows: Iterator[dict[str, Any]]) -> int:
    from orchestrator.workflow.journal.training_set import json_line

    count = 0
    for row in rows:
        sys.stdout.buffer.write(json_line(row))
        count += 1
    sys.stdout.buffer.flush()
    return count


def _tell(shape: str, count: int, output: Path | None, examples: TrainingSet | None, as_json: bool) -> None:
    """How many rows there are, and what is none."""
    skipped = dict(sorted(examples.skipped.items())) if examples else {}
    if as_json:
        consent = examples.consent if examples else ""
        terminal.print_json(
            {"format": shape, "rows": count, "skipped": skipped, "consent": consent, "output": str(output)}
        )
        return
    what = {"chat-jsonl": "conversation", "sft": "example", "dpo": "preference"}[shape]
    click.echo(f"{count} {what}{'s' * (count != 1)}" + (f" in {output}" if output else ""), err=True)
    for why, number in skipped.items():
        click.echo(f"left out {number}: {why}", err=True)
