"""shiftbook notify test, list, retry: are people told what happens, and what could they not be told?"""

from __future__ import annotations

import json
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
    from orchestrator.core.settings import Settings

UNSET_TEXT = "no address is set: write apprise's URLs into it, such as ntfy://… or mailto://…"


@click.command("test")
@click.option("--device", default="", help="Ring this device instead, or `all` that subscribed at this node.")
@click.option("--json", "as_json", is_flag=True, help="Print what became of each address as JSON.")
def test(device: str, as_json: bool) -> None:
    """Sends a message to every address of SHIFTBOOK_NOTIFY now. Exit code 1 if one was not reached."""
    from orchestrator.app.factories import notifier_factory

    chosen = load_settings()
    if device:
        _told(_ring(chosen, device), as_json)
    carries = notifier_factory.notifier(chosen)
    if carries is None:
        from orchestrator.core.own_installation import document_place

        raise WrongSetting("SHIFTBOOK_NOTIFY", f"{UNSET_TEXT} ({document_place('docs/notifications.md')})")
    found = {channel.name: _send_test(carries, number, chosen.node) for number, channel in enumerate(carries.channels)}
    _told(found, as_json)


def _told(found: dict[str, str], as_json: bool) -> None:
    """Says why each was not reached, and ends."""
    if as_json:
        terminal.print_json([{"channel": name, "ok": not why, "why": why} for name, why in found.items()])
    else:
        terminal.print_rows(("", name, why, "failed" if why else "done") for name, why in found.items())
    sys.exit(1 if any(found.values()) else 0)


def _ring(chosen: Settings, device: str) -> dict[str, str]:
    """Rings devices; why one was not reached, by its name."""
    from orchestrator.app.factories import notifier_factory
    from orchestrator.core.errors import NotFound
    from orchestrator.core.ports.notifier import NotDelivered
    from orchestrator.core.ports.push import PushMessage

    carrier, stores = notifier_factory.push_carrier(chosen), wiring.stores(chosen)
    if carrier is None:
        from orchestrator.core.own_installation import extra_command

        raise WrongSetting("--device", f"what rings browsers is not installed: {extra_command('devices')}")
    try:
        there = [one for one in stores.push.every() if device in ("all", one.device)]
    finally:
        stores.close()
    if not there:
        raise NotFound("no device {!r} subscribed here: in the app, open Settings and turn notifications on", device)
    words = {"title": "Shiftbook can reach you", "body": f"This is {chosen.node}.", "tag": "test", "open": "/"}
    payload = json.dumps(words).encode()
    message = PushMessage(payload=payload, ttl_seconds=600, topic=secrets.token_urlsafe(12), urgent=True)
    found: dict[str, str] = {}
    for one in there:
        try:
            carrier.send(one, message)
            found[one.device] = ""
        except NotDelivered as error:
            found[one.device] = str(error)
    return found


@click.command("rotate-key")
def rotate_key() -> None:
    """Makes a new key for pushes. Devices are rung again once they have been opened, and so have subscribed anew."""
    from orchestrator.app.factories import notifier_factory

    notifier_factory.rotate_push_key(load_settings())
    click.echo("the next push is signed with a new key; restart this machine's node, and open the app on each device")


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
