"""shiftbook device pair, confirm: how does a phone come in? It scans a code, both show digits, a person compares."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.device.listing import SCOPE
from orchestrator.cli.terminal import printable
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import Refused

if TYPE_CHECKING:
    from orchestrator.app.devices.device_pairing import DevicePairing
    from orchestrator.core.ports.paired_devices import PairedDevice, Pairing
    from orchestrator.core.ports.stores import Stores
    from orchestrator.core.settings import Settings

SERVED_SECONDS = 10.0
"""Seconds that what serves here may take to answer."""
LOOK_SECONDS = 0.3
"""Seconds between two looks at how far the device is."""


@click.command("pair")
@click.option("--scope", "scopes", multiple=True, type=SCOPE, help="What it may do; repeatable. Default: look.")
@click.option("--name", default="", help="What to call it; else as it calls itself.")
@click.option("--json", "as_json", is_flag=True, help="Print the link as JSON and do not wait; `confirm` ends it.")
def pair(scopes: tuple[str, ...], name: str, as_json: bool) -> None:
    """Shows a code for a device to scan, once and within five minutes, and asks you to compare."""
    from orchestrator.api.auth.scopes import LEAST_SCOPES
    from orchestrator.app.devices.device_facts import ticket_facts
    from orchestrator.app.devices.fleet_identity import fleet_id
    from orchestrator.app.devices.own_addresses import node_urls, page_url

    settings = load_settings()
    if not as_json:
        require_served(settings)
    stores = wiring.stores(settings)
    try:
        door = open_pairing(settings, stores)
        wanted = frozenset(scopes) or LEAST_SCOPES
        ticket, begun = door.begin(fleet=fleet_id(settings), scopes=wanted, urls=node_urls(settings), name=name)
        facts = ticket_facts(ticket, begun, page_url(settings))
        if as_json:
            terminal.print_json(facts)
            return
        _show(str(facts["link"]), settings)
        device = _compare(door, _wait(door, begun))
    finally:
        stores.close()
    terminal.say(_welcome(device))


@click.command("confirm")
@click.argument("pairing")
@click.option("--code", required=True, help="The six digits that the device shows.")
@click.option("--json", "as_json", is_flag=True, help="Print the device as JSON.")
def confirm(pairing: str, code: str, as_json: bool) -> None:
    """Lets in the device that waits in a pairing of `shiftbook device pair --json`."""
    from orchestrator.app.devices.device_facts import device_facts

    settings = load_settings()
    stores = wiring.stores(settings)
    try:
        device = open_pairing(settings, stores).confirm(pairing, code)
    finally:
        stores.close()
    if as_json:
        terminal.print_json(device_facts(device))
    else:
        terminal.say(_welcome(device))


def open_pairing(settings: Settings, stores: Stores) -> DevicePairing:
    """The pairings of this machine's node. Raises Refused without the extra."""
    from orchestrator.app.devices.device_keys import device_key, require_devices_extra
    from orchestrator.app.devices.device_pairing import DevicePairing

    require_devices_extra()
    return DevicePairing(
        pairings=stores.pairings,
        devices=stores.paired,
        key=device_key(settings),
        node=settings.node,
        now=wiring.now,
        random=os.urandom,
    )


def require_served(settings: Settings) -> None:
    """Raises Refused where no device could open the link: nothing answers here, or what answers serves no page."""
    import httpx

    from orchestrator.app.web_process import served_at
    from orchestrator.core.roles import PAGE_SWITCH

    url = served_at(settings.home)
    start = "shiftbook node run" if settings.policy.page else f"{PAGE_SWITCH} shiftbook node run"
    lacking = f"nothing is served here, so no device could come in: `{start}` in another terminal, then this again"
    if not url:
        raise Refused(lacking)
    try:
        asked = {"Accept": "text/html"}
        answer = httpx.get(f"{url}/app/", headers=asked, timeout=SERVED_SECONDS, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Refused(lacking) from error
    if answer.status_code == 404:
        why = printable(answer.text.partition("\n")[0][:300])
        raise Refused(f"no device could come in: {url}/app/ answers “{why}” (`shiftbook doctor` says more)")


def _show(link: str, settings: Settings) -> None:
    import segno

    segno.make(link, error="l", micro=False).terminal(compact=True)
    click.echo("Scan this with the device, or open the link there. It counts once, for five minutes:\n")
    click.echo(f"  {link}\n")
    if settings.http is not None and settings.http.loopback and not settings.public_url:
        terminal.say(
            f"shiftbook: only this machine reaches this node ({settings.http.host}); for a phone set "
            "SHIFTBOOK_HTTP=0.0.0.0:8823, or SHIFTBOOK_PUBLIC_URL to the address of a proxy with TLS",
            err=True,
        )


def _wait(door: DevicePairing, pairing: Pairing) -> Pairing:
    """Waits until a device has claimed it. Raises Refused when its time is over."""
    from orchestrator.core.ports.paired_devices import PairingState

    click.echo("Waiting for the device …", err=True)
    while pairing.state in (PairingState.OPEN, PairingState.CLAIMED):
        time.sleep(LOOK_SECONDS)
        pairing = door.look(pairing.id)
    if pairing.state is PairingState.REFUSED:
        raise Refused(f"nothing was paired: {pairing.why}")
    return pairing


def _compare(door: DevicePairing, pairing: Pairing) -> PairedDevice:
    """Asks the person. Raises Refused when the codes differ."""
    from orchestrator.app.devices.device_facts import SCOPE_WORDS, ordered_scopes

    may = ", ".join(SCOPE_WORDS[scope] for scope in ordered_scopes(pairing.scopes))
    click.echo(f"\n{pairing.name or pairing.claimed_name} asks to come in. It may then {may}.")
    rivals = door.look(pairing.id).rivals
    if rivals:
        click.echo(f"Beware: {rivals} more came with the same code. Say no if one of them was not yours.")
    click.echo(f"\n    {pairing.code[:3]} {pairing.code[3:]}\n")
    if not click.confirm("Does the device show the same digits?", default=False):
        door.refuse(pairing.id, "the codes differed")
        raise Refused("nothing was paired: `shiftbook device pair` shows a new code")
    return door.confirm(pairing.id, pairing.code)


def _welcome(device: PairedDevice) -> str:
    return (
        f"{device.name} is paired. `shiftbook device scopes` changes what it may do, "
        "`shiftbook device revoke` shuts it out"
    )
