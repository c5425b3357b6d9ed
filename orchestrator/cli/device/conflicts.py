"""shiftbook device conflicts, resolve: what did two devices set at once, and which value stands?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import WrongSetting

if TYPE_CHECKING:
    from mobile_bridge.merge import SyncConflict

    from orchestrator.core.ports.sync_ops import SyncOps


@click.command("conflicts")
@click.option("--all", "settled", is_flag=True, help="Those that are settled, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the conflicts as JSON.")
def conflicts(settled: bool, as_json: bool) -> None:
    """Lists what two devices set at once, and whose value stands until you decide."""
    from orchestrator.workflow.sync_conflicts import list_sync_conflicts

    with _operations() as ops:
        found = list_sync_conflicts(ops, settled=settled)
    if as_json:
        terminal.print_json({"items": [each.json() for each in found]})
        return
    if not found:
        click.echo("Nothing to decide: no two devices set the same thing at once.")
    for each in found:
        click.echo("\n".join(_lines(each)))


@click.command("resolve")
@click.argument("ident", metavar="NAME")
@click.option("--take", default="", metavar="OPERATION", help="The value of this operation stands.")
@click.option("--value", metavar="TEXT", help="This text stands.")
@click.option("--json", "as_json", is_flag=True, help="Print the conflict as JSON.")
def resolve(ident: str, take: str, value: str | None, as_json: bool) -> None:
    """Settles a conflict; every device and node hears of it. What was not taken is kept in the history."""
    from orchestrator.workflow.sync_conflicts import list_sync_conflicts, settle

    if bool(take) == (value is not None):
        raise WrongSetting("resolve", "say one of --take OPERATION and --value TEXT")
    with _operations() as ops:
        settle(ops, ident, now=int(wiring.now().timestamp() * 1000), take=take, value=value)
        one = next(each for each in list_sync_conflicts(ops, settled=True) if each.ident == ident)
    if as_json:
        terminal.print_json(one.json())
    else:
        click.echo(f"{ident} is settled: {_shown(one.standing.value)}")


@contextmanager
def _operations() -> Iterator[SyncOps]:
    stores = wiring.stores(load_settings())
    try:
        yield stores.sync_ops
    finally:
        stores.close()


def _lines(each: SyncConflict) -> Iterator[str]:
    yield each.ident + (f" (settled by {each.resolved_by})" if each.resolved_by else "")
    for member in each.members:
        mark = "stands" if member.key == each.standing.key else "      "
        yield f"  {mark}  {member.key}: {_shown(member.value)}"
    if not each.resolved_by:
        yield f"  `shiftbook device resolve '{each.ident}'` with --take OPERATION or --value TEXT"


def _shown(value: object) -> str:
    from mobile_bridge.operations import encode_value

    from missions.one_line import one_line, printable

    return printable(one_line(value if isinstance(value, str) else encode_value(value), 120))
