"""shiftbook mission show: what is shown of one mission, and by which rules is it where it is?"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

import click

from orchestrator.cli import terminal
from orchestrator.cli.mission.listing import mission_line, mission_row
from orchestrator.cli.mission.name import mission_argument, named_mission

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from missions.frontmatter import FrontMatter
    from orchestrator.workflow.approval.explain import Explanation
    from orchestrator.workflow.mission_detail import MissionDetail

IN_THE_ROW = {"title", "status", "project", "agent", "node", "attempt", "reason"}
"""Fields that the entry at the top says already."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@click.command("show")
@mission_argument
@click.option("--why", is_flag=True, help="Only each rule that fired, and how far its agent is trusted.")
@click.option("--raw", is_flag=True, help="Only the mission's file, as it is.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def show(name: str, why: bool, raw: bool, as_json: bool) -> None:
    """Shows one mission: its result first, then what was asked, its fields and the diff. Late work is named, too."""
    fleet, name = named_mission(name)
    detail = fleet.mission(name)
    terminal.warn(fleet)
    if why:
        explanation = fleet.approval.why(detail.view.name)
        terminal.print_json(explanation.json()) if as_json else _print_explanation(explanation)
    elif as_json:
        from orchestrator.workflow.reading.mission_page import mission_json
        from orchestrator.workflow.reading.queue_page import queue_place

        ledger = fleet.ledger()
        terminal.print_json(mission_json(ledger, detail, queue_place(fleet, ledger, detail.view)))
    elif raw:
        click.echo(detail.text, nl=False)
    else:
        _print_detail(detail)


def _print_detail(detail: MissionDetail) -> None:
    """The page of a mission, through the terminal's pager where it is longer than the terminal; plain into a pipe."""
    if not terminal.for_people():
        _print_plain(detail)
        return
    from rich.text import Text

    from orchestrator.cli.console import shift_lines
    from orchestrator.cli.mission import diff_page

    notes = map(terminal.broken, _notes(detail))
    page: list[RenderableType] = [shift_lines([mission_row(detail.view)]), *map(Text, notes)]
    for heading, words in _parts(detail):
        page += [Text(f"\n{heading}", style="bold"), Text(words)]
    if detail.diff:
        page += [Text("\nDiff", style="bold"), *diff_page.diff_lines(detail.diff)]
    diff_page.print_lines(page, paged=True)


def _print_plain(detail: MissionDetail) -> None:
    """The same for a pipe: nothing is drawn, so what draws is not loaded."""
    terminal.print_line(mission_line(detail.view))
    parts = [*_notes(detail), *(f"\n{heading}\n{words}" for heading, words in _parts(detail))]
    if detail.diff:
        parts.append("\nDiff\n" + detail.diff.rstrip("\n"))
    for part in parts:
        click.echo(terminal.printable(part))


def _notes(detail: MissionDetail) -> Iterator[str]:
    """Late work, and what a merge could not keep, each with what to do about it."""
    for late in detail.late:
        adopt = f"`shiftbook mission adopt {detail.view.name} --late {late.which}` makes it the result"
        kept = f"late work of {late.node}" if late.node else "late work"
        yield f"\n{kept} is kept at {late.ref}\n{late.wrong or adopt}"
    for one in detail.disputes:
        yield f"\nnot kept: {one.says}\n`shiftbook conflicts show {one.ident}`"


def _parts(detail: MissionDetail) -> Iterator[tuple[str, str]]:
    """What the file says, as a person reads it: each thing once, the newest attempt first."""
    from missions.result_section import attempt_sections, without_repeat

    for section in attempt_sections(detail.text):
        heading, _, words = without_repeat(section).partition("\n")
        yield heading.strip("# "), words.strip()
    if detail.evidence:
        from orchestrator.cli.mission.evidence import evidence_lines

        told = "\n".join(evidence_lines(detail.evidence))
        yield "Evidence", f"{told}\n`shiftbook mission evidence {detail.view.name} FILE` shows one"
    asked = _asked(detail.text)
    if asked.strip() != detail.view.title.strip():
        yield "Asked", asked
    yield "Fields", _fields(detail)


def _front_matter(text: str) -> FrontMatter | None:
    """The file in its two parts; None where it cannot be read."""
    from missions import frontmatter

    try:
        return frontmatter.split(text.removeprefix(frontmatter.BYTE_ORDER_MARK))
    except frontmatter.Malformed:
        return None


def _asked(text: str) -> str:
    """The person's words, without the front matter; the whole file where it cannot be read."""
    from missions import document

    read = _front_matter(text)
    return document.body_of(read.body).strip() if read else text.strip()


def _fields(detail: MissionDetail) -> str:
    """The front matter as a table, and where the mission's file and memo are."""
    read = _front_matter(detail.text)
    found = {key: value for key, value in read.fields.items() if key not in IN_THE_ROW} if read else {}
    memo = detail.memo_path.rpartition("/")[2].removesuffix(".md")
    found |= {"file": detail.view.path, **({"memo": f"shiftbook memo show {memo}"} if memo else {})}
    wide = max(map(len, found))
    return "\n".join(f"{key:<{wide}}  {_value_text(value)}".rstrip() for key, value in found.items())


def _value_text(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone():%Y-%m-%d %H:%M:%S %Z}"
    if isinstance(value, str) and _TIME.fullmatch(value):
        return _value_text(datetime.fromisoformat(value))
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else " ".join(str(value).split())


def _print_explanation(why: Explanation) -> None:
    """The rules that fired, as lines that a colleague would write."""
    from rich.text import Text

    from orchestrator.cli.console import STATUS_COLOURS, console

    out = console()
    for rule in why.rules:
        mark = Text(" ✓ ", style=STATUS_COLOURS["done"]) if rule.passed else Text(" ✗ ", style=STATUS_COLOURS["failed"])
        out.print(mark + Text(f"{rule.rule}: ", style="bold") + Text(rule.says), soft_wrap=True)
    if why.standing is not None:
        out.print(f"   the agent here is {why.standing.says}", style="dim", soft_wrap=True)
        for name in why.standing.missions:
            out.print(f"     {name}", style="dim", soft_wrap=True)
    if why.tools is not None:
        out.print(f"   it may use: {', '.join(why.tools) or 'no tool'}", style="dim", soft_wrap=True)
