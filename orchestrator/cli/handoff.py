"""shiftbook handoff show, check, agents-file: what is a fresh instance given, and is what it is given true?"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.core.errors import WrongSetting

if TYPE_CHECKING:
    from handoff.warnings.warning_index import SaidWarning

FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


@click.command("show")
@click.option("--project", default="", help="A project from fleet.toml.")
@click.option("--task", default="", help="The task that the instance would be given.")
@click.option("--budget", default=4000, show_default=True, help="Tokens at most.")
@click.option("--model", "model_file", default="", metavar="FILE", help="Count with this GGUF file's tokenizer.")
@click.option("--at", "action", metavar="COMMAND", help="Print what the journal warns of at this command or path.")
@click.option("--json", "as_json", is_flag=True, help="Print text, parts and cuts as JSON.")
def show(project: str, task: str, budget: int, model_file: str, action: str | None, as_json: bool) -> None:
    """Prints the assembled handoff; what was cut is said on standard error.

    With --at 'pytest tests/x.py' it prints instead what the journal warns of at that command, or path: lessons and
    failures, three at most, each with its entry and with how many runs it helped and how many it hurt. What is not said
    any more, because it hurt, is on standard error.
    """
    if action is not None:
        _print_warnings(action, project, as_json)
        return
    from orchestrator.workflow.journal.context import estimate_tokens

    chosen = load_settings(model=model_file) if model_file else load_settings()
    fleet, model = wiring.fleet(chosen), wiring.model(chosen)
    exact = model.missing() is None
    count = model.count if exact else estimate_tokens
    try:
        made = fleet.handoff(project, task, budget=budget, count=count)
    finally:
        model.close()
    terminal.warn(fleet)
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


def _print_warnings(action: str, project: str, as_json: bool) -> None:
    """What would be said at an action."""
    if not action.strip():
        raise WrongSetting("--at", "say a command or a path, for example: --at 'pytest tests/x.py'")
    chosen = load_settings()
    fleet = wiring.fleet(chosen)
    book = wiring.logbook(chosen, fleet)
    found = book.warnings(action, project=project or None)
    gone = book.warnings(action, project=project or None, withdrawn=True)
    terminal.warn(fleet)
    if as_json:
        terminal.print_json(
            [
                {
                    "text": one.text,
                    "entry": one.entry_id,
                    "author": one.author,
                    "about": one.about,
                    "when": one.when,
                    "line": one.line,
                    "quoted": one.quoted,
                    "helped": one.counts.helped,
                    "hurt": one.counts.hurt,
                    "withdrawn": one.counts.withdrawn,
                }
                for one in (*found, *gone)
            ]
        )
        return
    for one in found:
        terminal.say(terminal.printable(f"{one.line}{_counted(one)}"))
    for one in gone:
        click.echo(terminal.printable(f"not said any more: {one.line}{_counted(one)}"), err=True)
    if not found:
        click.echo("the journal warns of nothing there", err=True)
    else:
        click.echo(f"the whole entry: shiftbook log show {found[0].entry_id}", err=True)


def _counted(one: SaidWarning) -> str:
    helped, hurt = one.counts.helped, one.counts.hurt
    return f" · helped {helped}, hurt {hurt}" if helped or hurt else ""


@click.command("check")
@click.argument("folder", type=FOLDER, default=Path(), metavar="[DIR]")
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), help="Judge what is out of date as of this day.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(folder: Path, today: datetime | None, as_json: bool) -> None:
    """Checks the handoff documents of any folder, a ledger or not. Exit code 1 if something is wrong.

    Looks at PORTFOLIO_CONTEXT.md, PROJECT_CONTEXT.md, SESSION_BRIEFING.md and SESSION_LOG.md wherever they stand:
    missing or empty tiers, over budget, out of date, paths that are gone, contradictions, steps that nobody took,
    broken links, encodings that Git cannot merge. Works as a pre-commit hook and as a CI step.
    """
    from orchestrator.workflow.journal.document_check import check_documents

    day: date = today.date() if today else datetime.now(UTC).date()
    found = check_documents(folder, today=day.isoformat())
    if as_json:
        terminal.print_json([vars(one) for one in found])
    else:
        for one in found:
            click.echo(f"{one.file}:{one.line}: {one.rule}: {one.why} → {one.what_to_do}")
        click.echo(f"{len(found)} finding{'s' * (len(found) != 1)}" if found else "nothing is wrong", err=True)
    sys.exit(1 if found else 0)


@click.command("agents-file")
@click.option("--project", default="", help="A project from fleet.toml.")
@click.option("--budget", default=4000, show_default=True, type=click.IntRange(100), help="Tokens at most.")
@click.option("--write", "folder", type=FOLDER, metavar="DIR", help="Write into this folder's files instead.")
@click.option("--remove", is_flag=True, help="With --write: take the handoff out of them again.")
@click.option("--json", "as_json", is_flag=True, help="Print the text, or what was written, as JSON.")
def agents_file(project: str, budget: int, folder: Path | None, remove: bool, as_json: bool) -> None:
    """Prints the handoff as an AGENTS.md, for agents that are not run by the fleet.

    With --write it goes between markers into DIR/AGENTS.md, and a line that points there into DIR/CLAUDE.md; what
    stands outside the markers is not touched. Do it again whenever the handoff has changed.
    """
    from handoff.agents_file import insert_handoff
    from orchestrator.execution.workspace import agents_md
    from orchestrator.workflow.journal.context import estimate_tokens

    if remove:
        if folder is None:
            raise WrongSetting("--remove", "say where, with --write DIR")
        _print_paths(agents_md.remove_from_folder(folder), as_json)
        return
    fleet = wiring.fleet(load_settings())
    made = fleet.handoff(project, "", budget=budget, count=estimate_tokens)
    terminal.warn(fleet)
    handoff = made.head + made.log  # without the date and the task, so that it only changes when the handoff does
    if folder is not None:
        _print_paths([one.path for one in agents_md.write_handoff(folder, handoff) if one.changed], as_json)
    elif as_json:
        terminal.print_json({"text": insert_handoff("", handoff), "tokens": made.tokens})
    else:
        click.echo(insert_handoff("", handoff), nl=False)


def _print_paths(paths: list[Path], as_json: bool) -> None:
    if as_json:
        terminal.print_json({"written": [str(path) for path in paths]})
        return
    for path in paths:
        click.echo(f"wrote {path}")
    if not paths:
        click.echo("nothing to change")
