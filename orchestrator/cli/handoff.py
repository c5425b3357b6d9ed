"""shiftbook handoff"""

from __future__ import annotations

import click

from orchestrator import settings, wiring
from orchestrator.cli import paper
from orchestrator.cli.mission import warn
from orchestrator.context import estimate


@click.group("handoff")
def command() -> None:
    """See what a fresh instance is given."""


@command.command("show")
@click.option("--project", default="", help="A project from fleet.toml.")
@click.option("--task", default="", help="The task that the instance would be given.")
@click.option("--budget", default=4000, show_default=True, help="Tokens at most.")
@click.option("--json", "as_json", is_flag=True, help="Print text, parts and cuts as JSON.")
def show(project: str, task: str, budget: int, as_json: bool) -> None:
    """Prints the assembled handoff; what was cut is said on standard error."""
    now = settings.load()
    fleet, model = wiring.fleet(now), wiring.model(now)
    exact = model.missing() is None
    count = model.count if exact else estimate
    try:
        made = fleet.handoff(project, task, budget=budget, count=count)
    finally:
        model.close()
    warn(fleet)
    if as_json:
        counted = model.name if exact else "estimate: four characters a token"
        parts = [vars(part) | {"tier": part.tier.name if part.tier else ""} for part in made.parts]
        cuts = [vars(cut) | {"tier": cut.tier.name if cut.tier else ""} for cut in made.cut]
        paper.print_json(
            {"text": made.text, "tokens": made.tokens, "counted_with": counted, "parts": parts, "cut": cuts}
        )
        return
    click.echo(made.text)
    click.echo(f"{made.tokens} tokens of {budget}", err=True)
    for cut in made.cut:
        size = f" · {cut.tokens} tokens" if cut.tokens is not None else ""
        click.echo(f"cut: {cut.name} · {cut.title}{size} · {cut.why}", err=True)
