"""shiftbook digest run, accept, reject, status: are the briefings true to the log?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings

if TYPE_CHECKING:
    from orchestrator.workflow.journal.review import ReviewResult, Reviews
    from orchestrator.workflow.journal.review_status import ReviewStatus


@click.command("run")
@click.option("--project", default="", help="Only this project; all that have a log if missing.")
@click.option("--dry-run", is_flag=True, help="Say what would change; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print changes, remarks and the commit as JSON.")
def run(project: str, dry_run: bool, as_json: bool) -> None:
    """Reads the entries since the last review and lands what follows for the briefing in one commit.

    Every item cites its entries; standing rules and the log are never touched. With `review.approve = true` in
    fleet.toml the changes wait in projects/NAME/REVIEW_PROPOSAL.md until you accept them.
    """
    _print_reviews(_reviews().run(project, dry_run=dry_run), as_json, dry_run=dry_run)


@click.command("accept")
@click.option("--project", required=True, help="The project whose proposal it is.")
@click.option("--json", "as_json", is_flag=True, help="Print the changes and the commit as JSON.")
def accept(project: str, as_json: bool) -> None:
    """Takes what is ticked in projects/NAME/REVIEW_PROPOSAL.md into the briefing."""
    _print_reviews([_reviews().settle(project, accept=True)], as_json)


@click.command("reject")
@click.option("--project", required=True, help="The project whose proposal it is.")
@click.option("--json", "as_json", is_flag=True, help="Print the commit as JSON.")
def reject(project: str, as_json: bool) -> None:
    """Takes nothing of a proposal; the entries that it rests on count as read."""
    _print_reviews([_reviews().settle(project, accept=False)], as_json)


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print each project's reviews as JSON.")
def status(as_json: bool) -> None:
    """Says when each project was read last, what waits to be read, and what is late or failed."""
    from orchestrator.workflow.journal.review_status import failed_reviews, review_statuses

    fleet = wiring.fleet(load_settings())
    ledger = fleet.ledger()
    found, broken = review_statuses(ledger, fleet.now()), list(failed_reviews(ledger))
    terminal.warn(fleet)
    if as_json:
        told = [vars(one) | {"last": vars(one.last) if one.last else None, "says": one.says} for one in found]
        terminal.print_json({"projects": told, "failed": broken})
        return
    if not found:
        click.echo("No project has a log yet.")
    terminal.print_rows(_row(one) for one in found)
    for words in broken:
        terminal.print_status(words, "failed")


def _row(one: ReviewStatus) -> terminal.Row:
    detail = one.says + (f"\n{one.trouble}" if one.trouble else "")
    return "", one.project, detail, "review" if one.proposed else ""


def _reviews() -> Reviews:
    chosen = load_settings()
    fleet = wiring.fleet(chosen)
    return wiring.reviews(chosen, fleet.bus, fleet.reader, wiring.model(chosen), clone=False)


def _print_reviews(made: list[ReviewResult], as_json: bool, *, dry_run: bool = False) -> None:
    if as_json:
        terminal.print_json([_review_json(one) for one in made])
        return
    if not made:
        click.echo("No project has a log yet.")
    for one in made:
        click.echo(one.says)
        for line in one.lines:
            click.echo(f"  {line}")
    commit = next((one.commit for one in made if one.commit), None)
    if commit:
        click.echo(f"landed as commit {commit[:10]}")
    elif dry_run and any(one.entries for one in made):
        click.echo("nothing was written (--dry-run)")


def _review_json(one: ReviewResult) -> dict[str, Any]:
    proposal = one.proposal
    changes = [{"kind": type(delta).__name__.lower()} | vars(delta) for delta in proposal.deltas]
    return {
        "project": one.project,
        "entries": one.entries,
        "commit": one.commit,
        "awaits": one.needs_acceptance,
        "changes": changes,
        "repeated_blockers": [vars(each) for each in proposal.repeated_blockers],
        "reversed_decisions": [vars(each) for each in proposal.reversed_decisions],
        "untaken_steps": [vars(each) for each in proposal.untaken_steps],
        "stale": [vars(each) for each in proposal.stale],
        "dropped": [vars(each) for each in proposal.dropped_with_reason],
    }
