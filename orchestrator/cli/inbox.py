"""shiftbook inbox, and shiftbook alone: what waits for the person at this machine, and what is the next step?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.settings import Settings
    from orchestrator.workflow.inbox import Inbox, InboxItem

FIRST_STEPS = """
No fleet is set on this machine yet.
  shiftbook demo           shows one at work, in a folder that is thrown away
  shiftbook project add .  typed in your project's clone, begins one
  shiftbook join URL       joins one that is there"""
QUESTION_TIMEOUT_SECONDS = 0.5


@click.command("inbox")
@click.option("--json", "as_json", is_flag=True, help="Print what waits as JSON.")
@click.pass_context
def inbox(context: click.Context, as_json: bool) -> None:
    """Shows what waits for you, and the next step of each.

    Results to look at, missions that no node may or can take, values that a merge could not keep, proposals of a
    digest, and what a chat on this machine asks.
    """
    chosen = load_settings()
    if not chosen.ledger and not as_json:
        click.echo(context.find_root().get_help())
        terminal.say(FIRST_STEPS)
        terminal.say_past()
        return
    fleet = wiring.fleet(chosen)
    found = fleet.inbox(_questions(chosen))
    terminal.warn(fleet)
    if as_json:
        terminal.print_json({"items": [item.json() for item in found.items], "under_way": found.under_way})
    else:
        _print(found)


def _print(found: Inbox) -> None:
    if found.items:
        terminal.print_rows(map(_row, found.items), lines=map(_line, found.items))
    elif terminal.for_people():
        terminal.say("Nothing waits for you.")
    if terminal.for_people():
        terminal.say(_summary(found))


def _row(item: InboxItem) -> terminal.Row:
    detail = " · ".join(part for part in (item.name, item.says) if part) + (f"\n→ {item.step}" if item.step else "")
    return terminal.clock_time(item.when), item.title, detail, item.kind


def _line(item: InboxItem) -> tuple[str, ...]:
    return item.name, item.kind, item.when.isoformat() if item.when else "", item.title, item.says, f"→ {item.step}"


def _summary(found: Inbox) -> str:
    counts = ", ".join(f"{count} {state}" for state, count in found.under_way.items())
    if counts:
        return f"\n{counts}: `shiftbook mission list`"
    return '\nNothing is under way: `shiftbook mission new "what is to be done"` files a mission.'


def _questions(settings: Settings) -> Iterator[InboxItem]:
    """What chats of the node that runs here ask; nothing where none runs, or where it does not tell us."""
    from orchestrator.app.web_process import served_at
    from orchestrator.workflow.inbox import question_item

    url = served_at(settings.home)
    if not url:
        return
    import httpx

    try:
        answer = httpx.get(f"{url}/chat/approvals", timeout=QUESTION_TIMEOUT_SECONDS, trust_env=False)
        asked = answer.json()["approvals"] if answer.status_code == 200 else []
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError):
        return
    for one in asked:
        yield question_item(one["id"], one["act"], one["arguments"])
