"""shiftbook device ca: an authority of one's own, where no public one gives this node a certificate."""

from __future__ import annotations

import platform

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.core.environment import load_settings

SECURE_PORT = 8824
"""That is proposed: the one after that of plain HTTP."""


@click.command("ca")
@click.option("--host", "hosts", multiple=True, help="A name or address; repeatable. Default: all of this machine's.")
@click.option("--json", "as_json", is_flag=True, help="Print the files as JSON.")
def authority(hosts: tuple[str, ...], as_json: bool) -> None:
    """Makes a root, once, and a certificate of it for this node; again, to renew that."""
    from orchestrator.app.devices.device_keys import require_devices_extra
    from orchestrator.app.devices.own_addresses import network_addresses
    from orchestrator.app.devices.own_authority import TLS_FOLDER, OwnAuthority

    require_devices_extra()
    settings = load_settings()
    own = (f"{platform.node().partition('.')[0].lower() or settings.node}.local", *network_addresses(), "localhost")
    made = OwnAuthority(folder=settings.home / TLS_FOLDER, now=wiring.now()).ensure(
        f"Shiftbook {settings.node}", hosts or own
    )
    if as_json:
        terminal.print_json(made)
        return
    click.echo(f"Have each device trust {made['root']}, and compare there:\n\n  {made['fingerprint']}\n")
    click.echo("  Android   Settings > Security > Encryption and credentials > Install a certificate > CA certificate")
    click.echo("  iOS       open the file, install the profile, then Settings > General > About > Certificate Trust")
    click.echo("  Firefox   Settings > Privacy > View Certificates > Authorities > Import\n")
    click.echo(f"This node serves with it at SHIFTBOOK_HTTPS=0.0.0.0:{SECURE_PORT}, and renews it before it ends.")
    click.echo(f"For a proxy before it: {made['certificate']} and {made['key']}, until {made['until'][:10]}.")
    click.echo("This command makes both anew; the root stays.")
