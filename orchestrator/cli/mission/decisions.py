"""A person's decisions: shiftbook mission diff, approve and reject; and why a mission is where it is."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from orchestrator.cli import terminal
from orchestrator.cli.mission.name import mission_argument, named_mission
from orchestrator.core.errors import NotFound, WrongSetting

if TYPE_CHECKING:
    from orchestrator.workflow.approval.decide import Approval, DecisionResult

DELIVERY_SECONDS, DELIVERY_POLL_SECONDS = 10.0, 0.5
"""Seconds for which an approval waits for a node that merges, and between two looks."""


@click.command("diff")
@mission_argument
@click.option("--stat", is_flag=True, help="Only the files: lines, binaries, modes, renames.")
@click.option("--json", "as_json", is_flag=True, help="Print the files and the diff as JSON.")
def diff(name: str, stat: bool, as_json: bool) -> None:
    """Shows what the last attempt changed; in colour and page by page on a terminal."""
    from orchestrator.workflow.approval.diff_view import parse_diff

    fleet, name = named_mission(name)
    detail = fleet.mission(name)
    terminal.warn(fleet)
    if not detail.diff:
        raise NotFound(f"{detail.view.name} changed no files of a project")
    found = parse_diff(detail.diff)
    if as_json:
        files = [{"path": f.path, "added": f.added, "removed": f.removed, "notes": list(f.notes)} for f in found]
        terminal.print_json(
            {"name": detail.view.name, "branch": detail.view.branch, "files": files, "diff": detail.diff}
        )
        return
    from rich.text import Text

    from orchestrator.cli.mission import diff_page

    summary = diff_page.file_summary(found)
    diff_page.print_lines(
        [summary] if stat else [summary, Text(""), *diff_page.diff_lines(detail.diff)], paged=not stat
    )


@click.command("approve")
@mission_argument
@click.option("--merge", "how", flag_value="merge", help="Merge its branch into the project's default branch.")
@click.option("--push", "how", flag_value="push", help="Push its branch as approved/NAME.")
@click.option("--pull-request", "how", flag_value="pull_request", help="Have headquarters open a pull request of it.")
@click.option("--nothing", "how", flag_value="nothing", help="Accept the result and leave the branch where it is.")
@click.option("--attempt", type=click.IntRange(1, 9), help="Of several attempts the one with this number.")
@click.option("--best", is_flag=True, help="Of several attempts: tests passed, then the cheapest, then fewest lines.")
@click.option("-m", "--message", default="", help="A word that stands beside the decision.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
def approve(name: str, how: str | None, attempt: int | None, best: bool, message: str, as_json: bool) -> None:
    """Accepts a result that waits in review. Without an option the project's on_approval says what its branch does.

    Of several attempts the others are called off, and their branches taken away.

    Exit code 4: it is decided already, or does not wait; 1: the branch went back to review.
    """
    fleet, name = named_mission(_attempt_of(name, attempt, best=best) if attempt or best else name)
    wanted = fleet.mission(name).view
    if not as_json:
        terminal.say(f"this {fleet.approval.plan(wanted.name, how or '')}")
    decided = fleet.approval.approve(wanted.name, how=how or "", comment=message, commit=wanted.commit or "")
    decided = _wait_for_delivery(fleet.approval, decided)
    if as_json:
        terminal.print_json(decided.json())
    else:
        place = fleet.mission(wanted.name).view.reason if decided.queued else ""
        terminal.say(_describe_decision(decided, place or ""))
    sys.exit(1 if decided.then and decided.then.refused else 0)


def _attempt_of(word: str, attempt: int | None, *, best: bool) -> str:
    """The name of the attempt that is meant. Raises NotFound, Refused and WrongSetting."""
    from orchestrator.app import wiring
    from orchestrator.cli.clone.here import load_settings
    from orchestrator.cli.mission.side_by_side import compared
    from orchestrator.workflow.approval.group_choice import best_attempt

    if attempt and best:
        raise WrongSetting("--best", "it chooses by itself: leave --attempt out")
    group, found = compared(wiring.fleet(load_settings()), word)
    if best:
        return best_attempt(group, found).name
    chosen = next((each.name for each in found if each.number == attempt), "")
    if not chosen:
        raise NotFound("no attempt {} of {}: there are {}", attempt, group, ", ".join(str(one.number) for one in found))
    return chosen


def _wait_for_delivery(approval: Approval, decided: DecisionResult) -> DecisionResult:
    """The decision with what a node made of it, if it was faster than this machine and is done soon."""
    deadline = time.monotonic() + DELIVERY_SECONDS
    if decided.how == "pull_request" or decided.queued:
        return decided
    while decided.how and decided.then is None and not decided.trouble and time.monotonic() < deadline:
        decided = replace(decided, then=approval.delivered(decided.mission))
        if decided.then is None:
            time.sleep(DELIVERY_POLL_SECONDS)
    return decided


def _describe_decision(decided: DecisionResult, place: str) -> str:
    """What an approval came to, in one line. `place` is where it stands in a merge queue."""
    then = decided.then
    if decided.queued:
        return f"{decided.mission} is {place}"
    if then and then.refused:
        return f"{decided.mission} is back in review: {then.refused}"
    if then:
        done = "merged" if decided.how == "merge" else f"pushed as approved/{decided.mission}"
        return f"{decided.mission} is approved and {done} ({then.oid[:10]})"
    if decided.trouble:
        return f"{decided.mission} is approved; its branch waits, and a node tries again: {decided.trouble}"
    if decided.how == "pull_request":
        return (
            f"{decided.mission} is approved; headquarters opens its pull request: `shiftbook mission show` tells where"
        )
    stays = f"its branch stays as it is; {decided.note}" if decided.note else "it left no branch to merge"
    return f"{decided.mission} is approved; {f'a node will {decided.how} its branch' if decided.how else stays}"


@click.command("reject")
@mission_argument
@click.option("-m", "--message", default="", help="What is wrong with it; the next attempt reads it.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
def reject(name: str, message: str, as_json: bool) -> None:
    """Sends a result back to be done again, with a comment that the next attempt reads.

    Also one that is approved and waits in a merge queue. Exit code 4: it is decided already, or a node merges it now.
    """
    fleet, name = named_mission(name)
    wanted = fleet.mission(name).view
    decided = fleet.approval.reject(wanted.name, message, commit=wanted.commit or "")
    if as_json:
        terminal.print_json(decided.json())
    else:
        click.echo(f"{decided.mission} is rejected and queued again; {decided.note}")


@click.command("deliver")
@mission_argument
@click.option("--json", "as_json", is_flag=True, help="Print what was pushed as JSON.")
def deliver(name: str, as_json: bool) -> None:
    """Pushes the branch of a result that waits in review, where its node could not push it at the time.

    Its node tries that by itself; this does it now, from here. Exit code 4: it is there already, or the server refuses.
    """
    fleet, name = named_mission(name)
    done = fleet.approval.deliver(fleet.mission(name).view.name)
    if as_json:
        terminal.print_json({"mission": done.mission, "oid": done.oid})
    else:
        click.echo(f"the branch of {done.mission} is on the project's server now ({done.oid[:10]})")


@click.command("adopt")
@mission_argument
@click.option("--late", "which", default="", metavar="EPOCH-NODE", help="Which late work; needed if there is more.")
@click.option("--json", "as_json", is_flag=True, help="Print what was adopted as JSON.")
def adopt(name: str, which: str, as_json: bool) -> None:
    """Makes late work the mission's result, on your word. Exit code 3 if there is none, 4 if it may not be."""
    fleet, name = named_mission(name)
    wanted = fleet.mission(name).view.name
    late = fleet.adoption.adopt(wanted, which)
    view = fleet.mission(wanted).view
    if as_json:
        terminal.print_json(view.json() | {"adopted": late is not None})
    elif late is None:
        click.echo(f"{wanted} has this result already: late work {view.adopted_from}, adopted by {view.adopted_by}")
    else:
        click.echo(f"the late work of {late.node} is {wanted}'s result now; the earlier ones stand above it")
