"""shiftbook device list, rename, scopes, revoke: which devices are paired, and what may each do?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from orchestrator.api.auth.scopes import DEVICE_SCOPES
from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.core.environment import load_settings

if TYPE_CHECKING:
    from orchestrator.core.ports.paired_devices import PairedDevice, PairedDevices

SCOPE = click.Choice(sorted(DEVICE_SCOPES))
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
NONE = "No device is paired: `shiftbook device pair` shows a code for your phone to scan."


@contextmanager
def paired_devices() -> Iterator[PairedDevices]:
    """The devices of this machine's node."""
    stores = wiring.stores(load_settings())
    try:
        yield stores.paired
    finally:
        stores.close()


@click.command("list")
@click.option("--all", "everything", is_flag=True, help="Revoked ones, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the devices as JSON.")
def list_(everything: bool, as_json: bool) -> None:
    """Lists the paired devices: what each may do, when it was here last."""
    from orchestrator.app.devices.device_facts import device_facts

    with paired_devices() as devices:
        rows = [each for each in devices.listing() if everything or each.revoked is None]
    if as_json:
        terminal.print_json([device_facts(row) for row in rows])
        return
    if not rows:
        terminal.say(NONE)
        return
    terminal.print_rows(
        (terminal.clock_time(row.seen), row.name, _may(row), "revoked" if row.revoked else "paired") for row in rows
    )


@click.command("rename")
@click.argument("device")
@click.argument("name")
@AS_JSON
def rename(device: str, name: str, as_json: bool) -> None:
    """Calls a device otherwise. DEVICE is its name, or the beginning of its id."""
    from mobile_bridge.device_name import check_device_name

    from orchestrator.app.devices.device_facts import choose_device
    from orchestrator.core.errors import WrongSetting

    try:
        neat = check_device_name(name)
    except ValueError as error:
        raise WrongSetting("NAME", str(error)) from error
    with paired_devices() as devices:
        found = choose_device(devices.listing(), device)
        changed = devices.change(found.id, name=neat)
    _tell(changed or found, f"{found.name} is called {neat} now", as_json=as_json)


@click.command("scopes")
@click.argument("device")
@click.argument("scopes", nargs=-1, required=True, type=SCOPE)
@AS_JSON
def scopes(device: str, scopes: tuple[str, ...], as_json: bool) -> None:
    """Says what a device may do from its next request on: all of SCOPES, nothing else."""
    from orchestrator.app.devices.device_facts import choose_device

    with paired_devices() as devices:
        found = choose_device(devices.listing(), device)
        changed = devices.change(found.id, scopes=scopes) or found
    _tell(changed, f"{changed.name} may {_may(changed)} now", as_json=as_json)


@click.command("revoke")
@click.argument("device")
@AS_JSON
def revoke(device: str, as_json: bool) -> None:
    """Shuts a device out at once and for good: what streams to it is cut within a second."""
    from orchestrator.app.devices.device_facts import choose_device

    with paired_devices() as devices:
        found = choose_device(devices.listing(), device)
        devices.revoke(found.id)
        gone = next(each for each in devices.listing() if each.id == found.id)
    _tell(gone, f"{gone.name} is out; it can come back only by a new pairing, with a new key", as_json=as_json)


def _tell(device: PairedDevice, words: str, *, as_json: bool) -> None:
    from orchestrator.app.devices.device_facts import device_facts

    if as_json:
        terminal.print_json(device_facts(device))
    else:
        click.echo(words)


def _may(device: PairedDevice) -> str:
    from orchestrator.app.devices.device_facts import SCOPE_WORDS, ordered_scopes

    return ", ".join(SCOPE_WORDS[scope] for scope in ordered_scopes(device.scopes))
