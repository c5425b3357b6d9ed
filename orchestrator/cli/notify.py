"""shiftbook notify test, list, retry: are people told what happens, and what could they not be told?"""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING, Any

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import WrongSetting

if TYPE_CHECKING:
    from orchestrator.core.ports.notifier import Notifier
    from orchestrator.core.ports.outbox import OutboxItem

UNSET_TEXT = "no address is set: write apprise's URLs into it, such as ntfy://… or mailto://… (docs/notifications.md)"


@click.command("test")
@click.option("--json", "as_json", is_flag=True, help="Print what became of each address as JSON.")
def test(as_json: bool) -> None:
    """Sends a message to every address of SHIFTBOOK_NOTIFY now. Exit code 1 if one was not reached."""
    chosen = load_settings()
    carries = wiring.notifier(chosen)
    if carries is None:
        raise WrongSetting("SHIFTBOOK_NOTIFY", UNSET_TEXT)
    found = {channel.name: _send_test(carries, number, chosen.node) for number, channel in enumerate(carries.channels)}
    if as_json:
        terminal.print_json([{"channel": name, "ok": not why, "why": why} for name, why in found.items()])
    else:
        terminal.print_rows(("", name, why, "failed" if why else "done") for name, why in found.items())
    sys.exit(1 if any(found.values()) else 0)


def _send_test(carries: Notifier, number: int, node: str) -> str:
    """Why a message did not reach the address of that number; empty if it did."""
    from orchestrator.core.ports.notifier import NotDelivered, NotificationMessage

    body = f"This is {node}. What happens in your fleet will be told here."
    message = NotificationMessage(key=f"test-{secrets.token_hex(6)}", title="Shiftbook can reach you", body=body)
    try:
        carries.send(carries.channels[number], message)
    except NotDelivered as error:
        return str(error)
    return ""


@click.command("list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many that went out.")
@click.option("--json", "as_json", is_flag=True, help="Print the notices as JSON.")
def listing(limit: int, as_json: bool) -> None:
    """Shows what waits to be told, what failed and why, and what was told last."""
    from orchestrator.core.ports.notifier import NOTIFICATION_KIND
    from orchestrator.node.notifications.outbox_status import outbox_status

    chosen = load_settings()
    stores = wiring.stores(chosen)
    try:
        stand = outbox_status(stores.outgoing)
        told = [
            parcel for parcel in stores.outgoing.listing(limit=limit, sent=True) if parcel.kind == NOTIFICATION_KIND
        ]
    finally:
        stores.close()
    groups = {"given up": stand.given_up, "failed": stand.resting, "waiting": stand.waiting, "told": tuple(told)}
    rows = [(state, parcel) for state, parcels in groups.items() for parcel in parcels]
    if as_json:
        terminal.print_json([_json(state, parcel) for state, parcel in rows])
    elif rows:
        terminal.print_rows(_row(state, parcel) for state, parcel in rows)
    else:
        set_up = bool(chosen.notify.get_secret_value().strip())
        click.echo(
            "nothing waits to be told, and nothing was told yet" if set_up else f"SHIFTBOOK_NOTIFY: {UNSET_TEXT}"
        )


@click.command("retry")
def retry() -> None:
    """Has everything that failed tried again at once, what was given up too. The node that runs here does it."""
    from orchestrator.node.notifications.outbox_status import retry_failed

    stores = wiring.stores(load_settings())
    try:
        count = retry_failed(stores.outgoing, wiring.now())
    finally:
        stores.close()
    click.echo(f"{count} notice{'s' * (count != 1)} will be tried again by this machine's node")


def _row(state: str, parcel: OutboxItem) -> terminal.Row:
    tries = f"{parcel.tries} tr{'ies' if parcel.tries != 1 else 'y'}: {parcel.error}" if parcel.error else ""
    due = f"tried again {terminal.clock_time(parcel.due)}" if parcel.due and parcel.error else ""
    waits = f"due {terminal.clock_time(parcel.due)}" if parcel.due and not parcel.error else ""
    detail = " · ".join(part for part in (str(parcel.body.get("body", "")), tries, due, waits) if part)
    return terminal.clock_time(parcel.sent), str(parcel.body.get("title", parcel.key)), detail, state


def _json(state: str, parcel: OutboxItem) -> dict[str, Any]:
    words = {name: parcel.body.get(name, "") for name in ("kind", "title", "body", "path")}
    times = {"due": parcel.due, "sent": parcel.sent}
    shown = {name: moment.isoformat() if moment else None for name, moment in times.items()}
    return {"id": parcel.key, "state": state, **words, "tries": parcel.tries, "error": parcel.error, **shown}
