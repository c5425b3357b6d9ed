"""shiftbook memo list, show, promote, reject: what did missions teach, and which lessons are known to all?"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings

if TYPE_CHECKING:
    from handoff.promotion import Lesson
    from orchestrator.workflow.journal.memos import MemoFile, Memos


@click.command("list")
@click.option("--project", help="Only this project's memos.")
@click.option("--lessons", "as_lessons", is_flag=True, help="The lessons in them, with how they stand.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="Lines at most.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def list_(project: str | None, as_lessons: bool, limit: int, as_json: bool) -> None:
    """Lists memos, the newest first, or the lessons that they teach, the most often seen first."""
    memos = _memos()
    if as_lessons:
        taught = memos.teaching()
        found = [one for one in taught.lessons if project is None or project in one.projects][:limit]
        if as_json:
            terminal.print_json({"lessons": [_lesson_json(one) for one in found], "unreadable": taught.unreadable})
            return
        for bad in taught.unreadable:
            click.echo(f"shiftbook: {bad}", err=True)
        rows = [_lesson_row(one) for one in found]
    else:
        filed = list(islice(memos.newest(project), limit))
        if as_json:
            from orchestrator.workflow.reading.journal_page import memo_json

            terminal.print_json([memo_json(one) for one in filed])
            return
        rows = [_row(one) for one in filed]
    if rows:
        terminal.print_rows(rows)
    else:
        click.echo("Nothing to show: a finished mission leaves a memo, and a memo may teach lessons.")


@click.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def show(name: str, as_json: bool) -> None:
    """Shows a memo by its id, or a lesson by its name with everything that was said for and against it."""
    from handoff.memo import render_memo
    from orchestrator.workflow.journal.memos import MemoFile

    found = _memos().find(name)
    if isinstance(found, MemoFile):
        from orchestrator.workflow.reading.journal_page import whole_memo

        terminal.print_json(whole_memo(found)) if as_json else click.echo(render_memo(found.memo), nl=False)
    elif as_json:
        terminal.print_json(_lesson_json(found))
    else:
        terminal.print_rows([_lesson_row(found)])
        for one in found.mentions:
            click.echo(f"  for: {one.text} ({one.memo_id}{f', {one.project}' if one.project else ''})")
        for slug in found.against:
            click.echo(f"  against: {slug}")


@click.command("promote")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print what changed as JSON.")
def promote(name: str | None, as_json: bool) -> None:
    """Makes a lesson known to all: one by its name, all of a memo by its id.

    Without NAME the fleet's rule decides: what was seen in enough missions or projects (`[handoff]` in fleet.toml) or
    marked in its memo becomes known, what is contradicted is contested. The scheduled review does that, too.
    """
    memos = _memos()
    done = memos.decide(name, keep=True) if name else []
    _print_lines([*done, *memos.settle()], as_json)


@click.command("reject")
@click.argument("name")
@click.option("--why", default="", help="The reason, kept with the lesson.")
@click.option("--json", "as_json", is_flag=True, help="Print what changed as JSON.")
def reject(name: str, why: str, as_json: bool) -> None:
    """Keeps a lesson from becoming known, now and in whatever words it comes again."""
    memos = _memos()
    _print_lines([*memos.decide(name, keep=False, why=why), *memos.settle()], as_json)


def _lesson_row(one: Lesson) -> terminal.Row:
    from handoff.promotion import LessonStanding

    shown_as = {
        LessonStanding.DUE: "queued",
        LessonStanding.KNOWN: "done",
        LessonStanding.CONTESTED: "review",
        LessonStanding.CANDIDATE: "",
        LessonStanding.REJECTED: "cancelled",
    }  # a standing in one of the missions' colours
    missions = f"{len(one.missions)} mission{'s' * (len(one.missions) != 1)}"
    where = f" in {', '.join(one.projects)}" if one.projects else ""
    against = f"\ncontradicted by {', '.join(one.against)}" if one.against else ""
    said = "seen once" if one.standing is LessonStanding.CANDIDATE else one.standing.value
    return "", one.text, f"{one.slug} · {said} · {missions}{where}{against}", shown_as[one.standing]


def _lesson_json(one: Lesson) -> dict[str, Any]:
    return asdict(one) | {"missions": one.missions, "projects": one.projects}


def _row(one: MemoFile) -> terminal.Row:
    memo = one.memo
    facts = [memo.memo_id, one.project, f"on {memo.node}", _count(len(memo.lessons_learned))]
    detail = " · ".join(fact for fact in facts if fact)
    return terminal.clock_time(datetime.fromisoformat(memo.created)), memo.summary, detail, ""


def _count(lessons: int) -> str:
    return f"{lessons} lesson{'s' * (lessons != 1)}" if lessons else ""


def _memos() -> Memos:
    return wiring.fleet(load_settings()).memos


def _print_lines(done: list[str], as_json: bool) -> None:
    if as_json:
        terminal.print_json({"changed": done})
        return
    for line in done or ["nothing to change"]:
        click.echo(line)
