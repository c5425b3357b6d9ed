"""shiftbook bus: how is the bus beside the ledger, and what becomes of its dead letters?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.core.errors import NotFound, Refused, WrongSetting

if TYPE_CHECKING:
    from orchestrator.core.ports.bus_care import DeadLetter
    from orchestrator.core.settings import Settings
    from orchestrator.workflow.delegation.dead_letter_desk import DeadLetterDesk

MAX_LETTERS = 500
"""So many are listed, and put back or dropped at once."""


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def status(as_json: bool) -> None:
    """Says how the Redis server is that carries missions: what waits there, what a crash may lose, what to mend.

    Exit code 1: it cannot be used.
    """
    from orchestrator.app.factories.bus_factory import open_bus_watch
    from orchestrator.workflow.delegation import bus_report

    watch = open_bus_watch(load_settings())
    if watch is None:
        raise WrongSetting("SHIFTBOOK_REDIS_URL", "it is not set here: missions of this node go by the ledger alone")
    found = watch.condition()
    if as_json:
        terminal.print_json(bus_report.bus_json(found))
    else:
        if not found.trouble:
            terminal.say(f"{bus_report.summary(found)}.")
            terminal.say(f"Redis {found.version}; {bus_report.crash_loss(found)}.")
        for each in bus_report.findings(found):
            terminal.print_status(f"{each.says}: {each.remedy}", "offline" if each.broken else "stale")
    sys.exit(1 if found.trouble else 0)


@click.command("list")
@click.option("--limit", default=50, type=click.IntRange(1, MAX_LETTERS), help="So many of the newest.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def dead_list(limit: int, as_json: bool) -> None:
    """Lists the dead letters, the newest first: what nobody could do, file or record, and why."""
    from orchestrator.workflow.delegation.dead_letter_desk import letter_json

    with _desk(load_settings()) as desk:
        letters = desk.box.letters(limit)
    if as_json:
        terminal.print_json([letter_json(each) for each in letters])
        return
    terminal.print_rows(_row(each) for each in letters)
    if not letters:
        click.echo("No dead letters.")
    elif terminal.for_people():
        terminal.say("`shiftbook bus dead show ID`, then `… retry ID` or `… drop ID`.")


@click.command("show")
@click.argument("letter_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def dead_show(letter_id: str, as_json: bool) -> None:
    """Shows one dead letter whole, without secrets."""
    from orchestrator.workflow.delegation.dead_letter_desk import letter_json

    with _desk(load_settings()) as desk:
        told = letter_json(desk.find(letter_id))
    if as_json:
        terminal.print_json(told)
        return
    for name in ("id", "when", "kind", "job_id", "reason"):
        terminal.print_line((name, str(told[name])))
    click.echo(terminal.printable(told.get("envelope", "")))


@click.command("retry")
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All missions among the newest 500.")
@click.option("--json", "as_json", is_flag=True, help="Print what became of each as JSON.")
def dead_retry(ids: tuple[str, ...], every: bool, as_json: bool) -> None:
    """Puts dead missions back on the bus, with all their attempts: they are filed and done as if they were new.

    Mend first what they died of. One that the ledger has goes on there: `shiftbook mission retry`. Exit code 1: some
    were not put back.
    """
    done, refused = 0, 0
    with _desk(load_settings()) as desk, terminal.json_items(wanted=as_json) as add:
        for letter_id in _wanted(desk, ids, every=every, missions_only=True):
            job_id, why = "", ""
            try:
                job_id = desk.put_back(letter_id).job_id
            except (NotFound, Refused) as error:
                if len(ids) == 1:
                    raise
                why = str(error)
            add({"id": letter_id, "job_id": job_id, "refused": why})
            if not as_json:
                terminal.print_line([why or f"{job_id} is on the bus again"])
            done, refused = done + (not why), refused + bool(why)
    if not done + refused and not as_json:
        click.echo("No dead missions.")
    sys.exit(1 if refused else 0)


@click.command("drop")
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All of the newest 500.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.option("--json", "as_json", is_flag=True, help="Print each letter as JSON, without secrets, before it goes.")
def dead_drop(ids: tuple[str, ...], every: bool, yes: bool, as_json: bool) -> None:
    """Takes dead letters away for good. Nothing brings them back: `--json` prints what they were, without secrets."""
    with _desk(load_settings()) as desk:
        wanted = _wanted(desk, ids, every=every)
        for each in ids:  # one wrong name drops none
            desk.find(each)
        if wanted and not yes and not _agreed(len(wanted), asked=not as_json):
            terminal.say("Nothing was dropped: `--yes` does it without asking.", err=True)
            _drop(desk, [], as_json=as_json)
            sys.exit(1)
        _drop(desk, wanted, as_json=as_json)
    if not wanted and not as_json:
        click.echo("No dead letters.")


def _drop(desk: DeadLetterDesk, wanted: list[str], *, as_json: bool) -> None:
    """One by one, each printed before it goes: what comes next may fail."""
    from orchestrator.workflow.delegation.dead_letter_desk import letter_json

    with terminal.json_items(wanted=as_json) as add:
        for letter_id in wanted:
            try:
                letter = desk.find(letter_id)
                add(letter_json(letter))
                desk.drop(letter_id)
            except NotFound as error:  # somebody was quicker
                terminal.say(str(error), err=True)
            else:
                if not as_json:
                    terminal.print_line([f"{letter_id} ({letter.job_id or letter.kind}) is gone"])


def _agreed(count: int, *, asked: bool) -> bool:
    """Whether the person says so; where nobody can be asked, nothing is done."""
    return asked and sys.stdin.isatty() and click.confirm(f"Drop {count} dead letter{'' if count == 1 else 's'}?")


def _wanted(desk: DeadLetterDesk, ids: tuple[str, ...], *, every: bool, missions_only: bool = False) -> list[str]:
    """Which letters are meant."""
    if every == bool(ids):
        raise WrongSetting("ID", "write which letters (`shiftbook bus dead list`), or --all")
    if not every:
        return list(dict.fromkeys(ids))
    return [each.id for each in desk.box.letters(MAX_LETTERS) if not missions_only or each.kind == "mission"]


def _row(letter: DeadLetter) -> terminal.Row:
    from handoff.secrets.redact import redact

    when = terminal.clock_time(letter.when)
    detail = f"{letter.id} · {letter.kind} · {redact(letter.reason).text}"
    return when, letter.job_id or "no name", detail, "dead"


@contextmanager
def _desk(settings: Settings) -> Iterator[DeadLetterDesk]:
    from orchestrator.app.factories.bus_factory import open_dead_letters
    from orchestrator.workflow.delegation.dead_letter_desk import DeadLetterDesk

    with open_dead_letters(settings) as box:
        yield DeadLetterDesk(box=box, ledger=lambda: wiring.fleet(settings).ledger())
