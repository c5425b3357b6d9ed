"""shiftbook template list, new: what comes again and again, and how is it written?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.core.errors import WrongSetting

if TYPE_CHECKING:
    from orchestrator.workflow.fleet import Fleet
    from orchestrator.workflow.recurring.overview import TemplatesOverview, TemplateView


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print templates and problems as JSON.")
def list_(as_json: bool) -> None:
    """Lists templates: when each is due next, and how its last missions went."""
    fleet = wiring.fleet(load_settings())
    shown = overview(fleet)
    if as_json:
        terminal.print_json(shown.json())
        return
    terminal.warn(fleet)
    terminal.print_rows([template_row(view) for view in shown.views], [template_line(view) for view in shown.views])
    for problem in shown.problems:
        terminal.print_status(problem, "quarantined")
    if not shown.views and not shown.problems:
        terminal.say(
            'No templates yet. `shiftbook template new nightly --every "0 3 * * *" Run the long tests` is one.'
        )


@click.command("new")
@click.argument("name")
@click.argument("text", nargs=-1)
@click.option("--every", default="", help='When a mission of it is due, as cron: "0 7 * * 1-5". Without it: by hand.')
@click.option("--timezone", default="", help="The time zone of --every, such as Europe/Berlin; UTC if missing.")
@click.option("--catch-up", type=click.Choice(["latest", "all", "none"]), help="Which missed times are made up for.")
@click.option("--overlap", type=click.Choice(["wait", "allow"]), help="Whether one waits for the last one to be done.")
@click.option("--project", help="A project.")
@click.option("--task", help="general_task or coding_task.")
@click.option("--agent", help="builtin, command, claude, codex, gemini, opencode, aider, qwen, copilot or auto.")
@click.option("--run", help="The command line of missions for `--agent command`.")
@click.option("--budget", "budget_usd", type=click.FloatRange(0), help="What each mission may cost, in USD.")
@click.option("--json", "as_json", is_flag=True, help="Print name and path as JSON.")
def new(name: str, text: tuple[str, ...], as_json: bool, **fields: str | float | None) -> None:
    """Writes a template NAME of missions that say TEXT (`-`, or nothing: what is on standard input), signed by you."""
    from orchestrator.workflow.recurring.by_hand import write_template

    body = terminal.given_text(text)
    if fields["run"]:
        fields["agent"] = fields["agent"] or "command"
    elif not body.strip():
        raise WrongSetting("TEXT", "say what is to be done each time")
    fleet = wiring.fleet(load_settings())
    said = {key: value for key, value in fields.items() if value not in (None, "")}
    made = write_template(fleet.bus, fleet.reader, name, body, said)
    if as_json:
        terminal.print_json({"name": made.name, "path": made.path})
        return
    following = "follow it with `shiftbook template list`"
    by_hand = f"file a mission of it with `shiftbook mission new --template {made.name}`"
    terminal.say(f"wrote {made.path}; {following if made.every else by_hand}")


def overview(fleet: Fleet) -> TemplatesOverview:
    """The ledger's templates."""
    from orchestrator.workflow.recurring.overview import templates_overview

    ledger = fleet.ledger()
    return templates_overview(ledger, lambda commit: fleet.trust.signer(ledger, commit), fleet.now())


def template_row(view: TemplateView) -> terminal.Row:
    """A template as an entry."""
    one = view.template
    when = f"{one.every} {one.timezone}" if one.every else "by hand"
    upcoming = f"next {view.next:%a %Y-%m-%d %H:%M}" if view.next and view.who else ""
    needs = f"needs {', '.join(one.parameters)}" if one.parameters else ""
    detail = " · ".join(part for part in (when, view.picture, upcoming, needs) if part)
    return "", one.name, detail + (f"\n→ {view.hint}" if view.hint else ""), "" if view.who else "untrusted"


def template_line(view: TemplateView) -> tuple[str, ...]:
    """A template in a pipe: name, when, zone, next time, the states of its last missions."""
    one, following = view.template, view.next.isoformat() if view.next else ""
    return one.name, one.every, one.timezone, following, ",".join(status for _, status in view.last)
