"""shiftbook fleet invite: how is a machine let in by one link, which its person pastes there?"""

from __future__ import annotations

from datetime import datetime

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import node_settings


@click.command("invite")
@click.argument("name")
@click.option("--hours", type=click.IntRange(1, 720), default=24, show_default=True, help="How long the link counts.")
@click.option("--url", default="", help="Where workers reach this machine (default: SHIFTBOOK_PUBLIC_URL).")
@click.option("--json", "as_json", is_flag=True, help="Print the link as JSON.")
def invite(name: str, hours: int, url: str, as_json: bool) -> None:
    """Makes a link by which one machine joins the fleet as the node NAME. At headquarters; you must be an admin.

    The first machine that uses it owns it. Made again, the older one counts no more.
    """
    from orchestrator.api.auth.tokens import mint
    from orchestrator.app.joining.invitation import expiry
    from orchestrator.app.joining.invitation import invite as make_link

    chosen = node_settings("the link")
    stores = wiring.stores(chosen)

    def make(token: str, scopes: tuple[str, ...], until: datetime | None) -> str:
        return mint(stores.tokens, token, scopes, expires=until)[0]

    try:
        ends = expiry(wiring.now(), hours)
        link = make_link(chosen, wiring.fleet(chosen), stores.tokens, make, name, url=url, until=ends)
    finally:
        stores.close()
    if as_json:
        terminal.print_json({"link": link.text, "node": name, "expires": ends.isoformat(timespec="seconds")})
        return
    click.echo(link.text)
    click.echo(f"{name} joins with it until {ends:%Y-%m-%d %H:%M} UTC, on its machine, by one of", err=True)
    terminal.say("  shiftbook join 'LINK'                  then `shiftbook node run`", err=True)
    click.echo("  shiftbook deploy worker --join 'LINK'  as a service", err=True)
    if link.in_clear:
        click.echo("the address has no TLS: whoever is on the line reads the link, and all that workers send", err=True)
