"""shiftbook log tail, show, add, search: how do people read, write and search the journal?"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.core.errors import WrongSetting

if TYPE_CHECKING:
    from handoff.entry import Entry
    from orchestrator.ledger.session_logs import LogFile
    from orchestrator.workflow.journal.search_index import SearchHit

SECTION_BY_FLAG = {
    "start": "Starting Context",
    "did": "Work Accomplished",
    "decided": "Decisions",
    "changed": "Code Changes",
    "blocked": "Blockers",
    "learned": "Lessons",
    "next": "For Next Instance",
    "tests": "Test Status",
}


@click.command("add")
@click.argument("text", nargs=-1)
@click.option("--project", default="", help="A project from fleet.toml; the fleet's own log if missing.")
@click.option("--title", default="", help="A few words for the entry's heading.")
@click.option("--mission", default="", help="The mission that it is about.")
@click.option("--start", help="What you found when you began.")
@click.option("--did", help="What was done (the same as TEXT).")
@click.option("--decided", multiple=True, help="What was decided and why; may be given several times.")
@click.option("--changed", multiple=True, help="A file that was changed; may be given several times.")
@click.option("--blocked", multiple=True, help="What is in the way; may be given several times.")
@click.option("--learned", multiple=True, help="A lesson; may be given several times.")
@click.option("--next", multiple=True, help="What comes next; may be given several times.")
@click.option("--tests", help="How the tests stand.")
@click.option("--json", "as_json", is_flag=True, help="Print the entry's id and place as JSON.")
def add(
    text: tuple[str, ...], project: str, title: str, mission: str, as_json: bool, **flags: str | tuple[str, ...] | None
) -> None:
    """Appends an entry, signed by you. TEXT (`-`, or nothing: what stands on standard input) is what was done.

    On standard input, headings such as `### Decisions` head sections. Secrets are taken out before anything is written.
    """
    from handoff.errors import HandoffError
    from orchestrator.workflow.journal.log import parse_sections

    given = {SECTION_BY_FLAG[name]: _bullet_list(value) for name, value in flags.items() if value}
    typed = terminal.given_text(text, needed=not given)
    said = parse_sections(typed) if typed.strip() else {}
    both = {name: "\n\n".join(part for part in (said.get(name), given.get(name)) if part) for name in {*said, *given}}
    chosen = load_settings()
    fleet = wiring.fleet(chosen)
    mission = fleet.full_name(mission) if mission else ""
    try:
        made = wiring.logbook(chosen, fleet).add(both, project=project, title=title, mission=mission)
    except HandoffError as error:
        raise WrongSetting("TEXT", str(error)) from error
    if as_json:
        terminal.print_json(vars(made))
        return
    click.echo(f"added {made.entry_id} to {made.path}")
    if made.redacted:
        click.echo(f"{made.redacted} secret{'s' * (made.redacted != 1)} taken out before it was written", err=True)


def _bullet_list(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else "\n".join(f"- {point}" for point in value)


@click.command("tail")
@click.option("--project", help="Only this project's log.")
@click.option("-n", "--limit", default=10, show_default=True, type=click.IntRange(1, 1000), help="Entries at most.")
@click.option("--json", "as_json", is_flag=True, help="Print the entries as JSON.")
def tail(project: str | None, limit: int, as_json: bool) -> None:
    """Lists the newest entries of the journal, of all logs or of one project's."""
    chosen = load_settings()
    fleet = wiring.fleet(chosen)
    found = wiring.logbook(chosen, fleet).newest(project=project, limit=limit)
    terminal.warn(fleet)
    if as_json:
        from orchestrator.workflow.journal.entry_places import entry_json

        terminal.print_json([entry_json(fleet.bus.store, file, entry) for file, entry in found])
    elif not found:
        terminal.say("The journal is empty: a finished mission writes into it, and so does `shiftbook log add`.")
    else:
        terminal.print_rows((_entry_row(*one) for one in found), lines=(_entry_line(*one) for one in found))


@click.command("show")
@click.argument("entry")
@click.option("--json", "as_json", is_flag=True, help="Print the entry as JSON.")
def show(entry: str, as_json: bool) -> None:
    """Shows one entry whole, by its id or the beginning of it."""
    from orchestrator.workflow.approval.diff_view import printable_diff

    chosen = load_settings()
    fleet = wiring.fleet(chosen)
    file, found = wiring.logbook(chosen, fleet).entry(entry)
    if as_json:
        from orchestrator.workflow.journal.entry_places import entry_json

        terminal.print_json(entry_json(fleet.bus.store, file, found))
    else:
        click.echo(printable_diff(found.raw.strip()))


def _entry_row(file: LogFile, entry: Entry) -> terminal.Row:
    from missions.one_line import one_line

    done = one_line(entry.section("Work Accomplished") or entry.section(""), 200)
    title = entry.title or one_line(entry.section("Starting Context"), 100) or done or entry.entry_id
    by = " on ".join(part for part in (entry.agent, entry.node) if part)
    facts = (entry.entry_id, by, done if done != title else "")
    when = datetime.fromisoformat(entry.when) if entry.when else None
    return terminal.clock_time(when), title, " · ".join(fact for fact in facts if fact), file.project


def _entry_line(file: LogFile, entry: Entry) -> tuple[str, ...]:
    _, title, detail, project = _entry_row(file, entry)
    return entry.entry_id, project, entry.when, title, detail


@click.command("search")
@click.argument("query", nargs=-1, required=True)
@click.option("--project", help="Only this project's log.")
@click.option("--all", "everywhere", is_flag=True, help="In all transcripts of agents' programs on this machine.")
@click.option("--limit", default=5, show_default=True, type=click.IntRange(1, 100), help="Matches at most.")
@click.option("--wait", is_flag=True, help="Read the whole journal first, however long that takes.")
@click.option("--json", "as_json", is_flag=True, help="Print matches and their neighbours as JSON.")
def search(
    query: tuple[str, ...], project: str | None, everywhere: bool, limit: int, wait: bool, as_json: bool
) -> None:
    """Finds what earlier sessions said, in all logs, older months included. Exit code 1 if there is nothing.

    What no search has read yet is read first, the newest first, for a few seconds; where more is left, a line says so.
    With --all it looks into what claude, codex, gemini, opencode and aider wrote down on this machine, imported or not:
    it needs no fleet, and the first time it makes an index.
    """
    from orchestrator.workflow.journal.search_index import PATIENCE_SECONDS

    if everywhere:
        from orchestrator.cli.journal.past import search_all

        if project:
            raise WrongSetting("--project", "leave it out with --all, which looks everywhere")
        search_all(" ".join(query), limit=limit, as_json=as_json)
    chosen = load_settings()
    fleet = wiring.fleet(chosen)
    logbook, patience = wiring.logbook(chosen, fleet), math.inf if wait else PATIENCE_SECONDS
    found = logbook.search(" ".join(query), project=project, limit=limit, patience=patience)
    terminal.warn(fleet)
    _tell_unsearched(logbook.unsearched())
    if as_json:
        terminal.print_json([vars(one) for one in found])
    elif not found:
        click.echo("Nothing in the logs says that.", err=True)
    else:
        terminal.print_rows(_row(one) for one in found if not one.neighbour)
    sys.exit(0 if found else 1)


def _tell_unsearched(left: Sequence[LogFile]) -> None:
    if left:
        since = f", from {left[0].month} back" if left[0].month else ""
        click.echo(
            f"Not searched yet: {len(left):,} files of the journal{since}. Search again, or with --wait.", err=True
        )


def _row(found: SearchHit) -> terminal.Row:
    when = datetime.fromisoformat(found.when) if found.when else None
    title = found.heading or found.entry_id
    return terminal.clock_time(when), title, f"{found.text}\n{found.path} · {found.entry_id}", found.project
