"""shiftbook mission diff, approve and reject; and why a mission is where it is."""

from __future__ import annotations

import io
import sys

import click
from rich.console import Console
from rich.text import Text

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.core import settings
from orchestrator.core.errors import NotFound
from orchestrator.workflow.approval import diff_view as diffs
from orchestrator.workflow.approval.decide import DecisionResult
from orchestrator.workflow.approval.explain import Explanation
from orchestrator.workflow.fleet import Fleet

DIFF_COLOURS = {"+": "#2e9d5f", "-": "#c8473a", "@": "#4f78cf"}
"""The colours of the design's diffs, bright enough on a dark terminal and dark enough on a light one."""
HEADER_PREFIXES = ("index ", "--- ", "+++ ", "old mode ", "new mode ", "new file ", "deleted file ", "rename ")


@click.command("diff")
@click.argument("name")
@click.option("--stat", is_flag=True, help="Only the files: lines, binaries, modes, renames.")
@click.option("--json", "as_json", is_flag=True, help="Print the files and the diff as JSON.")
def diff(name: str, stat: bool, as_json: bool) -> None:
    """Shows what the last attempt changed; in colour and page by page on a terminal."""
    fleet = wiring.fleet(settings.load())
    detail = fleet.mission(name)
    warn(fleet)
    if not detail.diff:
        raise NotFound(f"{detail.view.name} changed no files of a project")
    found = diffs.parse_diff(detail.diff)
    if as_json:
        files = [{"path": f.path, "added": f.added, "removed": f.removed, "notes": list(f.notes)} for f in found]
        terminal.print_json(
            {"name": detail.view.name, "branch": detail.view.branch, "files": files, "diff": detail.diff}
        )
        return
    parts = [_stat(found)] if stat else [_stat(found), Text(""), *_lines(detail.diff)]
    _show(parts, paged=not stat)


def warn(fleet: Fleet) -> None:
    """Says what is wrong with what is shown: it is old, or something on the branch is not followed."""
    if fleet.offline:
        click.echo(f"shiftbook: {fleet.offline}; showing what was last seen", err=True)
    for alarm in fleet.alarms:
        click.echo(f"shiftbook: {alarm}", err=True)


def _stat(found: list[diffs.FileChange]) -> Text:
    """The files with their lines, and what their lines do not say."""
    out = Text()
    wide = min(60, max((len(one.path) for one in found), default=0))
    for one in found:
        out.append(f" {diffs.printable_diff(one.path):<{wide}}  ")
        out.append(f"+{one.added}", style=DIFF_COLOURS["+"])
        out.append(" ")
        out.append(f"−{one.removed}", style=DIFF_COLOURS["-"])
        out.append(f"  {diffs.printable_diff(', '.join(one.notes))}\n" if one.notes else "\n", style="bold #b0720c")
    added, removed = sum(one.added for one in found), sum(one.removed for one in found)
    out.append(f" {len(found)} file{'s' * (len(found) != 1)}, +{added} −{removed} lines", style="dim")
    return out


def _lines(diff: str) -> list[Text]:
    """A diff's lines in their colours. Below its first `@@` a file has no headers, whatever a line looks like."""
    found, heads = [], True
    for line in diffs.printable_diff(diff.rstrip("\n")).split("\n"):
        starts = line.startswith("diff --git ")
        heads = starts or (heads and not line.startswith("@@ "))
        style = (
            "bold"
            if starts
            else "dim"
            if heads and line.startswith(HEADER_PREFIXES)
            else DIFF_COLOURS.get(line[:1], "")
        )
        found.append(Text(line, style=style))
    return found


def _show(parts: list[Text], *, paged: bool) -> None:
    """On a terminal through its pager; else as plain text."""
    if not (paged and sys.stdout.isatty()):
        for part in parts:
            terminal.console().print(part, soft_wrap=True)
        return
    page = io.StringIO()
    inner = Console(
        file=page,
        force_terminal=True,
        color_system="truecolor",
        width=terminal.console().width,
        highlight=False,
        markup=False,
    )
    for part in parts:
        inner.print(part, soft_wrap=True)
    click.echo_via_pager(page.getvalue(), color=True)


@click.command("approve")
@click.argument("name")
@click.option("--merge", "how", flag_value="merge", help="Merge its branch into the project's default branch.")
@click.option("--push", "how", flag_value="push", help="Push its branch as approved/NAME.")
@click.option("--nothing", "how", flag_value="nothing", help="Accept the result and leave the branch where it is.")
@click.option("-m", "--message", default="", help="A word that stands beside the decision.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
def approve(name: str, how: str | None, message: str, as_json: bool) -> None:
    """Accepts a result that waits in review. Without an option the project's on_approval says what its branch does.

    Exit code 4: it is decided already, or does not wait; 1: the branch went back to review.
    """
    fleet = wiring.fleet(settings.load())
    wanted = fleet.mission(name).view
    decided = fleet.approval.approve(wanted.name, how=how or "", comment=message, commit=wanted.commit)
    if as_json:
        terminal.print_json(decided.json())
    else:
        click.echo(_describe_decision(decided))
    sys.exit(1 if decided.then and decided.then.refused else 0)


def _describe_decision(decided: DecisionResult) -> str:
    """What an approval came to, in one line."""
    then = decided.then
    if then and then.refused:
        return f"{decided.mission} is back in review: {then.refused}"
    if then:
        done = "merged" if decided.how == "merge" else f"pushed as approved/{decided.mission}"
        return f"{decided.mission} is approved and {done} ({then.oid[:10]})"
    if decided.trouble:
        return f"{decided.mission} is approved; its branch waits, and a node tries again: {decided.trouble}"
    stays = "its branch stays as it is (`--merge` or projects.NAME.on_approval in fleet.toml say otherwise)"
    return f"{decided.mission} is approved; {f'a node will {decided.how} its branch' if decided.how else stays}"


@click.command("reject")
@click.argument("name")
@click.option("-m", "--message", default="", help="What is wrong with it; the next attempt reads it.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
def reject(name: str, message: str, as_json: bool) -> None:
    """Sends a result back to be done again, with a comment that the next attempt reads."""
    fleet = wiring.fleet(settings.load())
    wanted = fleet.mission(name).view
    decided = fleet.approval.reject(wanted.name, message, commit=wanted.commit)
    if as_json:
        terminal.print_json(decided.json())
    else:
        click.echo(f"{decided.mission} is rejected and queued again; the next attempt reads your comment")


def print_explanation(why: Explanation, *, as_json: bool) -> None:
    """The rules that fired, as lines that a colleague would write."""
    if as_json:
        terminal.print_json(why.json())
        return
    out = terminal.console()
    for rule in why.rules:
        mark = Text(" ✓ " if rule.passed else " ✗ ", style=DIFF_COLOURS["+"] if rule.passed else DIFF_COLOURS["-"])
        out.print(mark + Text(f"{rule.rule}: ", style="bold") + Text(rule.says), soft_wrap=True)
    if why.standing is not None:
        out.print(Text(f"   the agent here is {why.standing.says}", style="dim"), soft_wrap=True)
        for name in why.standing.missions:
            out.print(Text(f"     {name}", style="dim"), soft_wrap=True)
    if why.tools is not None:
        out.print(Text(f"   it may use: {', '.join(why.tools) or 'no tool'}", style="dim"), soft_wrap=True)
