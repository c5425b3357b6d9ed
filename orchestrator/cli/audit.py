"""shiftbook audit: who did what in this fleet, by the signed history of its ledger?"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.core.errors import WrongSetting

if TYPE_CHECKING:
    from orchestrator.workflow.audit import AuditEntry

SHOWN_PATHS = 3


@click.command("audit")
@click.option("--by", "who", default="", metavar="NAME", help="Only what this person or node signed.")
@click.option("--unsigned", is_flag=True, help="Only what nobody signed whose word counts.")
@click.option("--path", default="", help="Only what changed this file, or something in this folder.")
@click.option("--since", default="", metavar="DAY", help="Only from this day on (UTC), as the commits say.")
@click.option(
    "-n", "limit", type=click.IntRange(1), default=30, show_default=True, help="At most so many, newest first."
)
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def audit(who: str, unsigned: bool, path: str, since: str, limit: int, as_json: bool) -> None:
    """Shows who did what: each commit of the ledger's branch with whoever signed it, newest first.

    A signature counts if `allowed_signers` lists its key now. A name that a commit only gives itself is shown as that.
    """
    from orchestrator.workflow.audit import read_audit

    if who and unsigned:
        raise WrongSetting("--by", "say --by or --unsigned, not both")
    fleet = wiring.fleet(load_settings())
    ledger = fleet.ledger()
    terminal.warn(fleet)
    wanted = read_audit(ledger, fleet.trust, since=_day(since), who="-" if unsigned else who, path=path)
    found = list(islice(wanted, limit))
    if as_json:
        terminal.print_json([_data(entry) for entry in found])
        return
    terminal.print_rows([_row(entry) for entry in found], [_parts(entry) for entry in found])
    if not found:
        click.echo("nothing: no commit of the ledger's branch is like that")
    elif len(found) == limit:
        click.echo(f"older ones with -n {limit * 10}", err=True)


def _day(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) if text else None
    except ValueError as error:
        raise WrongSetting("--since", f"write a day such as 2026-11-01, not {text!r}") from error


def _data(entry: AuditEntry) -> dict[str, object]:
    return {
        "commit": entry.commit,
        "when": entry.when.isoformat(timespec="seconds"),
        "who": entry.who,
        "roles": list(entry.roles),
        "vouched": entry.vouched,
        "says": entry.says,
        "subject": entry.subject,
        "paths": list(entry.paths),
    }


def _row(entry: AuditEntry) -> terminal.Row:
    who = f"{entry.who} ({', '.join(entry.roles)})" if entry.who else "nobody who counts"
    more = f" and {len(entry.paths) - SHOWN_PATHS} more" if len(entry.paths) > SHOWN_PATHS else ""
    facts = (who, entry.says, ", ".join(entry.paths[:SHOWN_PATHS]) + more, entry.commit[:10])
    detail = " · ".join(fact for fact in facts if fact)
    return f"{entry.when:%Y-%m-%d %H:%M}", entry.subject or "no words", detail, "" if entry.who else "untrusted"


def _parts(entry: AuditEntry) -> tuple[str, ...]:
    """For a pipe: commit, time, who, what is said of that, the commit's words, and every path."""
    return (entry.commit, f"{entry.when:%Y-%m-%dT%H:%M:%SZ}", entry.who, entry.says, entry.subject, *entry.paths)
