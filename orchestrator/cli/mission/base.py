"""shiftbook mission"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO

import click
from rich.syntax import Syntax

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.mission import decisions, handover, orders, project
from orchestrator.cli.mission.decisions import warn as warn
from orchestrator.core import settings
from orchestrator.core.errors import OrchestratorError, WrongSetting
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from orchestrator.ledger.result_report import format_duration
from orchestrator.workflow.fleet import MissionDetail
from orchestrator.workflow.mission_view import MissionView
from sync import files
from sync.errors import SyncError

ENDED_STATES = {"done", "cancelled", "dead", "review", "parked", "quarantined", "untrusted"}


@click.group("mission")
def command() -> None:
    """File missions and follow them."""


for each in (*orders.COMMANDS, decisions.diff, decisions.approve, decisions.reject, *handover.COMMANDS):
    command.add_command(each)


@command.command("new")
@click.argument("text", nargs=-1)
@click.option("--name", default="", help="The file's name; made from the title or the text if missing.")
@click.option("--title")
@click.option("--task", help="general_task or coding_task.")
@click.option("--project", help="A project from fleet.toml; without it, the one that the text means.")
@click.option("--no-project", is_flag=True, help="It belongs to no project; none is looked for.")
@click.option("--priority", type=click.IntRange(0, 9), help="Higher first; 1 if missing.")
@click.option("--agent", help="builtin, command, claude, codex, gemini, opencode, aider or auto.")
@click.option("--run", "run_line", help="The command line of a mission for `--agent command`.")
@click.option("--to", multiple=True, help="A node, a role or a capability; may be given several times.")
@click.option("--after", "depends_on", multiple=True, help="A mission that must be done before.")
@click.option("--scope", multiple=True, help="Paths that may change, as in .gitignore; may be given several times.")
@click.option("--timeout", "timeout_seconds", type=click.IntRange(1), help="Seconds.")
@click.option("--max-retries", type=click.IntRange(0), help="Attempts in all.")
@click.option("--json", "as_json", is_flag=True, help="Print the name as JSON.")
def new(
    text: tuple[str, ...], name: str, run_line: str | None, no_project: bool, as_json: bool, **fields: object
) -> None:
    """Files a mission that says TEXT (or what stands on standard input), signed by you."""
    body = " ".join(text) or ("" if sys.stdin.isatty() else sys.stdin.read())
    given = {key: list(value) if isinstance(value, tuple) else value for key, value in fields.items()}
    if run_line:
        given |= {"agent": fields.get("agent") or "command", "run": run_line}
    if not body.strip() and not run_line:
        raise WrongSetting("TEXT", "say what is to be done, for example: shiftbook mission new Fix the log-in")
    fleet = wiring.fleet(settings.load())
    anywhere = run_line and fields["task"] != "coding_task"  # a line runs where its author says, which may be nowhere
    if no_project or not (anywhere or fields["project"] or fields["task"] == "review" or body.startswith("---")):
        given["project"] = project.choose_project(fleet.ledger, body, fields, none=no_project)
    made = fleet.new(body, given, name=name)  # type: ignore[arg-type]  # click gives scalars
    if as_json:
        terminal.print_json({"name": made, "path": f"missions/{made}.md"})
    else:
        click.echo(f"filed missions/{made}.md; follow it with `shiftbook mission watch {made}`")


@command.command("list")
@click.option("--status", multiple=True, help="Only these states, for example queued, running, dead, quarantined.")
@click.option("--all", "everything", is_flag=True, help="Archived missions, too.")
@click.option("--limit", type=click.IntRange(0), default=500, help="Finished missions at most, the newest; 0: all.")
@click.option("--json", "as_json", is_flag=True, help="Print the missions as JSON.")
def list_(status: tuple[str, ...], everything: bool, limit: int, as_json: bool) -> None:
    """Lists missions: what waits for somebody first, then what runs, then what is queued."""
    fleet = wiring.fleet(settings.load())
    archived = everything or bool({"done", "cancelled"} & set(status))
    found = fleet.missions(archived=archived, statuses=status, limit=limit)
    views = [view for view in found if not status or view.status in status]
    views.sort(key=_order)
    warn(fleet)
    if archived and limit and sum(view.path.startswith("missions/archive/") for view in views) >= limit:
        click.echo(f"shiftbook: of the finished missions only the newest {limit}; --limit 0 lists all", err=True)
    if as_json:
        terminal.print_json([view.json() for view in views])
    elif not views:
        click.echo("Nothing to show. File a mission with `shiftbook mission new`, or look at all with --all.")
    else:
        terminal.console().print(terminal.shift_lines(mission_row(view) for view in views))


def _order(view: MissionView) -> tuple[int, float, str]:
    first = ["quarantined", "untrusted", "dead", "review", "parked", "running", "failed", "queued", "done", "cancelled"]
    when = view.finished.timestamp() if view.finished else 0.0
    return first.index(view.status), -view.priority if not when else -when, view.name


def mission_row(view: MissionView) -> tuple[str, str, str, str]:
    """A mission as a shift line: the sentence a colleague would write."""
    if view.status in {"quarantined", "untrusted"}:
        where = f"line {view.line}: " if view.line else ""
        return "", view.title, f"{where}{view.reason}\n{view.hint}", view.status
    who = f"{view.agent} on {view.node}" if view.node else view.agent
    facts = [view.project, who, f"attempt {view.attempt}" if view.attempt else "", _duration_text(view)]
    cost = f"${view.cost_usd:.2f}" if view.cost_usd else ""
    facts += [cost, view.reason]
    detail = " · ".join(fact for fact in facts if fact)
    return terminal.clock_time(view.finished or view.started), view.title, detail, view.status


def _duration_text(view: MissionView) -> str:
    seconds = (view.finished - view.started).total_seconds() if view.started and view.finished else 0.0
    return format_duration(seconds) if seconds >= 1 else ""  # the file keeps whole seconds


@command.command("show")
@click.argument("name")
@click.option("--why", is_flag=True, help="Only each rule that fired, and how far its agent is trusted.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def show(name: str, why: bool, as_json: bool) -> None:
    """Shows one mission: its file with the result, the diff, the memo, late work."""
    fleet = wiring.fleet(settings.load())
    detail = fleet.mission(name)
    warn(fleet)
    if why:
        decisions.print_explanation(fleet.approval.why(detail.view.name), as_json=as_json)
        return
    if as_json:
        parts = {key: getattr(detail, key) for key in ("text", "diff", "output", "memo", "memo_path")}
        late = [
            {"name": one.name, "ref": one.ref, "which": one.which, "node": one.node, "wrong": one.wrong}
            for one in detail.late
        ]
        disputes = [asdict(one) for one in detail.disputes]
        terminal.print_json(detail.view.json() | parts | {"late": late, "conflicts": disputes})
    else:
        print_detail(detail)


def print_detail(detail: MissionDetail) -> None:
    """One mission for people."""
    out = terminal.console()
    out.print(terminal.shift_lines([mission_row(detail.view)]))
    for late in detail.late:
        adopt = f"`shiftbook mission adopt {detail.view.name} --late {late.which}` makes it the result"
        kept = f"late work of {late.node}" if late.node else "late work"
        words = f"\n{kept} is kept at {late.ref}\n{late.wrong or adopt}"
        out.print(words, soft_wrap=True)
    for one in detail.disputes:
        out.print(f"\nnot kept: {one.says}\n`shiftbook conflicts show {one.ident}`", soft_wrap=True)
    if detail.text:
        out.print("\n" + detail.text.rstrip())
    if detail.diff:
        out.print("\nDiff")
        out.print(Syntax(detail.diff.rstrip(), "diff", theme="ansi_dark", background_color="default", word_wrap=True))
    if detail.memo:
        out.print(f"\nMemo ({detail.memo_path})\n\n{detail.memo.rstrip()}")


@command.command("watch")
@click.argument("name")
@click.option("--timeout", type=float, default=0.0, help="Give up after so many seconds; 0: never.")
@click.option("--json", "as_json", is_flag=True, help="Print each change as JSON, one object a line.")
def watch(name: str, timeout: float, as_json: bool) -> None:
    """Follows one mission until it ends. Exit code 0 if it is done, 1 if not."""
    now = settings.load()
    fleet = wiring.fleet(now)
    deadline = time.monotonic() + timeout if timeout else float("inf")
    before, printed, view = "", 0, fleet.mission(name).view
    while True:
        state = f"{view.status} {view.node} {view.attempt} {view.reason}"
        if state != before:
            _print_change(view, as_json)
            before = state
        if view.status in ENDED_STATES or time.monotonic() > deadline:
            break
        said = AttemptDirs(now.home / "work").of(view.name, view.epoch) / "progress.txt"
        printed = _print_progress(said, printed, as_json)
        time.sleep(1.0)
        view = fleet.mission(name).view
    sys.exit(0 if view.status in {"done", "review"} else 1)


def _print_change(view: MissionView, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(view.json(), ensure_ascii=False))
    else:
        terminal.console().print(terminal.shift_lines([mission_row(view)]))


def _print_progress(path: Path, printed: int, as_json: bool) -> int:
    """What the running attempt says, if it runs on this machine. Returns how many characters were shown so far."""
    if as_json or not path.exists():
        return printed
    text = path.read_text(encoding="utf-8", errors="replace")
    click.echo(terminal.printable_diff(text[printed:]), nl=False)
    return len(text)


@command.command("adopt")
@click.argument("name")
@click.option("--late", "which", default="", metavar="EPOCH-NODE", help="Which late work; needed if there is more.")
@click.option("--json", "as_json", is_flag=True, help="Print what was adopted as JSON.")
def adopt(name: str, which: str, as_json: bool) -> None:
    """Makes late work the mission's result, on your word. Exit code 3 if there is none, 4 if it may not be."""
    fleet = wiring.fleet(settings.load())
    wanted = fleet.mission(name).view.name
    late = fleet.adoption.adopt(wanted, which)
    view = fleet.mission(wanted).view
    if as_json:
        terminal.print_json(view.json() | {"adopted": late is not None})
    elif late is None:
        click.echo(f"{wanted} has this result already: late work {view.adopted_from}, adopted by {view.adopted_by}")
    else:
        click.echo(f"the late work of {late.node} is {wanted}'s result now; the earlier ones stand above it")


@command.command("edit")
@click.argument("name")
@click.option("--file", "source", type=click.File("rb"), help="Take the new text from this file (-: standard input).")
@click.option("--json", "as_json", is_flag=True, help="Print what could not be kept as JSON.")
def edit(name: str, source: IO[bytes] | None, as_json: bool) -> None:
    """Opens a mission in your editor and lands what you saved, merged with what others changed meanwhile."""
    now = settings.load()
    fleet = wiring.fleet(now)
    base = fleet.source(name)
    mine = source.read() if source else _in_editor(base)
    if mine == base:
        click.echo("nothing was changed", err=True)
        return
    try:
        disputes = fleet.edit(name, base, mine)
    except (OrchestratorError, SyncError):
        path = now.home / "unsent" / f"{Path(name).name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace(path, mine)
        click.echo(f"shiftbook: your text is kept in {path}", err=True)
        raise
    if as_json:
        terminal.print_json([asdict(one) for one in disputes])
        return
    click.echo(f"{name} is changed")
    for one in disputes:
        click.echo(f"not kept: {one.says}; `shiftbook conflicts show {one.ident}`")


def _in_editor(base: bytes) -> bytes:
    text = click.edit(base.decode("utf-8", "surrogateescape"), extension=".md")
    return base if text is None else text.encode("utf-8", "surrogateescape")
