"""shiftbook device nearby: which nodes announce themselves on this network, and does this fleet know their keys?"""

from __future__ import annotations

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import Refused


@click.command("nearby")
@click.option("--seconds", type=click.FloatRange(0.5, 60), default=3.0, help="How long to listen. Default: 3.")
@click.option("--json", "as_json", is_flag=True, help="Print the nodes as JSON.")
def nearby(seconds: float, as_json: bool) -> None:
    """Listens on this network for nodes. What they say is believed only if a node's key of the fleet signed it."""
    from mobile_bridge.discovery import listen_for_nodes

    from orchestrator.app.devices.announcing import judge
    from orchestrator.app.devices.device_keys import require_devices_extra
    from orchestrator.app.devices.fleet_identity import fleet_id
    from sync.signatures import Verifier

    require_devices_extra()
    settings = load_settings()
    signers = wiring.fleet(settings).ledger().signers if settings.ledger else ""
    try:
        heard = listen_for_nodes(seconds)
    except OSError as error:
        raise Refused(f"this network cannot be listened to ({error})") from error
    found = judge(heard, fleet=fleet_id(settings), verifier=Verifier(signers))
    if as_json:
        terminal.print_json([each.facts() for each in found])
        return
    rows = [("", each.announcement.node, " ".join(each.announcement.urls), each.standing) for each in found]
    if rows:
        terminal.print_rows(rows)
    else:
        click.echo("No node announces itself on this network; SHIFTBOOK_ANNOUNCE=1 has one do so.")
