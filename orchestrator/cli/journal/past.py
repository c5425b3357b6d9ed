"""shiftbook log import, open, search --all: how does a person's own past come into the journal, and is looked up?"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.core.errors import WrongSetting

if TYPE_CHECKING:
    from orchestrator.workflow.past.transcript_import import ImportPlan, SessionDraft
    from orchestrator.workflow.past.transcript_index import TranscriptHit

PROGRAMS = ("claude", "codex", "gemini", "opencode", "aider")
LINES_OF_THEIR_OWN = ("opencode", "aider")
"""Programs whose lines are counted in a session, and not in its file."""
MAX_SHOWN, MAX_ODD_SHOWN = 10, 5
MAX_TEXT_CHARS = 300
TOLD_EVERY_SECONDS = 1.0


@click.command("import")
@click.argument("program", type=click.Choice(PROGRAMS))
@click.option("--since", default="", metavar="DAY", help="Only sessions that went on from this day on, 2026-11-01.")
@click.option("--from", "folder", type=click.Path(path_type=Path), help="Read here, not where the program keeps them.")
@click.option("--project", help="Write into this project's log, whichever folder a session was in.")
@click.option("--raw", is_flag=True, help="Also write what was asked and said, whole, without secrets.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print each session as JSON.")
def import_(
    program: str, since: str, folder: Path | None, project: str | None, raw: bool, dry_run: bool, as_json: bool
) -> None:
    """Makes journal entries of the sessions that a program wrote down on this machine, one each.

    What was asked, what was run and failed, which files were touched, how it ended, each with its place; secrets are
    taken out. Again it adds nothing; a session that has gone on since gets a following entry.
    """
    from orchestrator.app.factories.past_factory import transcript_import, transcript_source
    from orchestrator.workflow.journal.known_project import require_project

    day = _day(since)
    source = transcript_source(program, folder)
    chosen = load_settings()
    fleet = wiring.fleet(chosen)
    if project:
        require_project(fleet.ledger(), project)
    importing = transcript_import(chosen, fleet)
    with _Progress("reading transcripts") as progress:
        plan = importing.plan(source, since=day, project=project, raw=raw, tell=progress.of)
    commit = None if dry_run else importing.write(plan)
    terminal.warn(fleet)
    if as_json:
        terminal.print_json(_plan_json(plan) | {"dry_run": dry_run, "commit": commit})
    else:
        _print_plan(plan, dry_run=dry_run, commit=commit)


def _day(since: str) -> str:
    try:
        return datetime.fromisoformat(since).date().isoformat() if since else ""
    except ValueError as error:
        raise WrongSetting("--since", f"{since!r} is not a day, such as 2026-11-01") from error


def _plan_json(plan: ImportPlan) -> dict[str, object]:
    counts = {key: getattr(plan, key) for key in ("program", "found", "known", "older", "empty")}
    told = {"sessions": [one.json() for one in plan.drafts], "odd": [asdict(one) for one in plan.odd]}
    return counts | told | {"passed": [asdict(one) for one in plan.passed]}


def _print_plan(plan: ImportPlan, *, dry_run: bool, commit: str | None) -> None:
    shown = plan.drafts[-MAX_SHOWN:]
    terminal.print_rows(map(_draft_row, shown), lines=map(_draft_line, plan.drafts))
    _tell_odd(plan)
    if not terminal.for_people():
        return
    grown = sum(one.grown for one in plan.drafts)
    counts = {
        "new": len(plan.drafts) - grown,
        "grown": grown,
        "in the journal already": plan.known,
        "older": plan.older,
        "without words": plan.empty,
    }
    parts = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count) or "none"
    terminal.say(f"\n{plan.found:,} session{'s' * (plan.found != 1)} of {plan.program}: {parts}")
    secrets = sum(one.redacted for one in plan.drafts)
    if secrets:
        terminal.say(f"{secrets:,} secret{'s' * (secrets != 1)} taken out")
    if dry_run:
        terminal.say("Nothing was written: leave --dry-run out.")
    elif commit:
        terminal.say(f"Written in {commit[:12]}: `shiftbook log search WORDS`; a place opens by `shiftbook log open`.")
    terminal.say_past()


def _tell_odd(plan: ImportPlan) -> None:
    for one in plan.passed[:MAX_ODD_SHOWN]:
        terminal.say(f"shiftbook: not read: {terminal.printable(one.place)} {one.why}", err=True)
    for odd in plan.odd[:MAX_ODD_SHOWN]:
        place = f"{terminal.printable(odd.place)}:{odd.line}"
        terminal.say(f"shiftbook: passed over: {place}: {terminal.printable(odd.why)}", err=True)
    more = max(0, len(plan.passed) - MAX_ODD_SHOWN) + max(0, len(plan.odd) - MAX_ODD_SHOWN)
    if more:
        terminal.say(f"shiftbook: and {more:,} more: --json lists them", err=True)


def _draft_row(one: SessionDraft) -> terminal.Row:
    counts = one.counts
    failed = f", {counts.failed} failed" if counts.failed else ""
    facts = (f"{counts.files} files", f"{counts.commands} commands{failed}", f"ended {counts.ended}", one.entry.model)
    when = datetime.fromisoformat(one.entry.when) if one.entry.when else None
    return terminal.clock_time(when), one.entry.title, " · ".join(filter(None, facts)), one.project


def _draft_line(one: SessionDraft) -> tuple[str, ...]:
    return one.entry.entry_id, one.project, one.entry.when, one.entry.title, one.counts.ended


@click.command("open")
@click.argument("citation")
@click.option("--from", "folder", type=click.Path(path_type=Path), help="Read here, as the import of it did.")
@click.option("--around", default=2, show_default=True, type=click.IntRange(0, 100), help="So much before and behind.")
@click.option("--json", "as_json", is_flag=True, help="Print the place as JSON.")
def open_(citation: str, folder: Path | None, around: int, as_json: bool) -> None:
    """Shows the place in a transcript that an entry or a search names, such as claude:SESSION:12."""
    from orchestrator.app.factories.past_factory import transcript_source
    from orchestrator.workflow.past.session_entry import Citation
    from orchestrator.workflow.past.transcript_place import open_place

    at = Citation.read(citation)
    if at is None:
        raise WrongSetting("CITATION", f"{citation!r} is none: write PROGRAM:SESSION:LINE, as entries and searches do")
    found = open_place([transcript_source(at.program, folder)], at, around=around)
    if as_json:
        terminal.print_json(asdict(found))
        return
    click.echo(terminal.printable(found.path))
    for one in found.lines:
        mark = ">" if one.cited else " "
        click.echo(f"\n{mark} {one.line} {one.kind} {one.when}".rstrip())
        click.echo(terminal.printable(one.text))


def search_all(query: str, *, limit: int, as_json: bool) -> None:
    """Finds words in all transcripts of this machine; exits with 1 where there are none."""
    from orchestrator.app.factories.past_factory import transcript_index, transcript_sources

    index = transcript_index(load_settings())
    with _Progress("indexing transcripts") as progress:
        state = index.refresh(transcript_sources(), lambda done, of, rows: progress.of(done, of))
    with index.opened() as searching:
        found = searching.search(query, limit)
    if as_json:
        terminal.print_json([asdict(one) for one in found])
    elif not found:
        click.echo(f"Nothing in {state.transcripts:,} transcripts of this machine says that.", err=True)
    else:
        terminal.print_rows(map(_hit_row, found), lines=map(_hit_line, found))
    sys.exit(0 if found else 1)


def _hit_row(one: TranscriptHit) -> terminal.Row:
    from missions.one_line import one_line, printable

    when = datetime.fromisoformat(one.when) if one.when else None
    text = one_line(printable(one.text), MAX_TEXT_CHARS)
    place = f"{one.citation}\n{printable(one.path)}" + (f":{one.line}" if one.program not in LINES_OF_THEIR_OWN else "")
    return terminal.clock_time(when), text, f"{one.kind} · {printable(one.folder)}\n{place}", one.program


def _hit_line(one: TranscriptHit) -> tuple[str, ...]:
    from missions.one_line import one_line, printable

    return one.citation, one.when, one.kind, one.folder, one_line(printable(one.text), MAX_TEXT_CHARS)


class _Progress:
    """Says on standard error how far it is, once a second, where a person looks."""

    def __init__(self, doing: str) -> None:
        self._doing, self._told = doing, time.monotonic()
        self._shown = False

    def __enter__(self) -> _Progress:
        return self

    def of(self, done: int, of: int) -> None:
        """So many of so many."""
        if sys.stderr.isatty() and time.monotonic() - self._told > TOLD_EVERY_SECONDS:
            self._told, self._shown = time.monotonic(), True
            click.echo(f"\r{self._doing}: {done:,} of {of:,}\x1b[K", nl=False, err=True)

    def __exit__(self, *_error: object) -> None:
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)
