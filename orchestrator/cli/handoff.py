"""shiftbook handoff"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from pathlib import Path

import click

from orchestrator.app import wiring
from orchestrator.cli import agents_file, terminal
from orchestrator.cli.mission.base import warn
from orchestrator.core import settings
from orchestrator.workflow.journal import document_check
from orchestrator.workflow.journal.context import estimate_tokens


@click.group("handoff")
def command() -> None:
    """See what a fresh instance is given, and check the documents that it is given."""


command.add_command(agents_file.command)


@command.command("show")
@click.option("--project", default="", help="A project from fleet.toml.")
@click.option("--task", default="", help="The task that the instance would be given.")
@click.option("--budget", default=4000, show_default=True, help="Tokens at most.")
@click.option("--model", "model_file", default="", metavar="FILE", help="Count with this GGUF file's tokenizer.")
@click.option("--json", "as_json", is_flag=True, help="Print text, parts and cuts as JSON.")
def show(project: str, task: str, budget: int, model_file: str, as_json: bool) -> None:
    """Prints the assembled handoff; what was cut is said on standard error."""
    now = settings.load(model=model_file) if model_file else settings.load()
    fleet, model = wiring.fleet(now), wiring.model(now)
    exact = model.missing() is None
    count = model.count if exact else estimate_tokens
    try:
        made = fleet.handoff(project, task, budget=budget, count=count)
    finally:
        model.close()
    warn(fleet)
    if as_json:
        counted = model.name if exact else "estimate: four characters a token"
        parts = [vars(part) | {"tier": part.tier.name if part.tier else ""} for part in made.parts]
        cuts = [vars(cut) | {"tier": cut.tier.name if cut.tier else ""} for cut in made.cut]
        terminal.print_json(
            {"text": made.text, "tokens": made.tokens, "counted_with": counted, "parts": parts, "cut": cuts}
        )
        return
    click.echo(made.text)
    click.echo(f"{made.tokens} tokens of {budget}", err=True)
    for cut in made.cut:
        size = f" · {cut.tokens} tokens" if cut.tokens is not None else ""
        click.echo(f"cut: {cut.name} · {cut.title}{size} · {cut.why}", err=True)


@command.command("check")
@click.argument(
    "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), default=Path(), metavar="[DIR]"
)
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), help="Judge what is out of date as of this day.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(folder: Path, today: datetime | None, as_json: bool) -> None:
    """Checks the handoff documents of any folder, a ledger or not. Exit code 1 if something is wrong.

    Looks at PORTFOLIO_CONTEXT.md, PROJECT_CONTEXT.md, SESSION_BRIEFING.md and SESSION_LOG.md wherever they stand:
    missing or empty tiers, over budget, out of date, paths that are gone, contradictions, steps that nobody took,
    broken links, encodings that Git cannot merge. Works as a pre-commit hook and as a CI step.
    """
    day: date = today.date() if today else datetime.now(UTC).date()
    found = document_check.check_documents(folder, today=day.isoformat())
    if as_json:
        terminal.print_json([vars(one) for one in found])
    else:
        for one in found:
            click.echo(f"{one.file}:{one.line}: {one.rule}: {one.why} → {one.what_to_do}")
        click.echo(f"{len(found)} finding{'s' * (len(found) != 1)}" if found else "nothing is wrong", err=True)
    sys.exit(1 if found else 0)
