"""shiftbook token new, list, revoke: who may use this node's HTTP API, and for what?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from orchestrator.api.auth.scopes import SCOPES
from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.core.environment import load_settings

if TYPE_CHECKING:
    from orchestrator.core.ports.tokens import TokenRow

SCOPE = click.Choice(sorted(SCOPES))


@click.command("new")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, type=SCOPE, help="What for; repeatable. Default: chat.")
@click.option("--days", type=click.IntRange(1, 3650), help="How long it lasts; without: until it is revoked.")
@click.option("--device", help="The device that it belongs to, or any. With --scope sync the one called NAME.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def new(name: str, scopes: tuple[str, ...], days: int | None, device: str | None, as_json: bool) -> None:
    """Makes a token and shows it, this once. From the first on, your own programs need one too."""
    from orchestrator.api.auth.tokens import device_of, mint

    stores = wiring.stores(load_settings())
    try:
        expires = wiring.now() + timedelta(days=days) if days else None
        secret, row = mint(
            stores.tokens, name, scopes or ("chat",), expires=expires, device=device or device_of(name, scopes)
        )
    finally:
        stores.close()
    if as_json:
        terminal.print_json({"token": secret, **_data(row)})
        return
    click.echo(secret)
    click.echo(f"{_sentence(row)}; it is shown only now", err=True)


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the tokens as JSON.")
def listing(as_json: bool) -> None:
    """Lists the tokens, without what would let anybody in."""
    stores = wiring.stores(load_settings())
    try:
        rows = stores.tokens.listing()
    finally:
        stores.close()
    if as_json:
        terminal.print_json([_data(row) for row in rows])
        return
    for row in rows:
        click.echo(_sentence(row))
    if not rows:
        click.echo("No token was made yet: your own programs on this machine need none, and nobody else gets in.")


@click.command("revoke")
@click.argument("name")
def revoke(name: str) -> None:
    """Shuts a token out, from the next request on."""
    from orchestrator.api.auth.tokens import revoke as revoke_token

    stores = wiring.stores(load_settings())
    try:
        revoke_token(stores.tokens, name)
        left = any(row.revoked is None for row in stores.tokens.listing())
    finally:
        stores.close()
    click.echo(f"{name} is out")
    if not left:
        click.echo(
            "No token is left: your own programs on this machine need none now, and nobody else gets in.", err=True
        )


def _data(row: TokenRow) -> dict[str, Any]:
    times = {name: getattr(row, name) for name in ("created", "expires", "used", "revoked")}
    told = {name: when.isoformat(timespec="seconds") if when else None for name, when in times.items()}
    return {"name": row.name, "scopes": sorted(row.scopes), "device": row.device, "state": _state(row), **told}


def _state(row: TokenRow) -> str:
    if row.revoked is not None:
        return "revoked"
    return "expired" if row.expires is not None and row.expires <= wiring.now() else "in force"


def _sentence(row: TokenRow) -> str:
    until = f"until {row.expires:%Y-%m-%d %H:%M} UTC" if row.expires else "until it is revoked"
    used = f", used last {row.used:%Y-%m-%d %H:%M} UTC" if row.used else ""
    device = f", device {row.device}" if row.device else ""
    return f"{row.name}: {', '.join(sorted(row.scopes))}{device}, {until}, {_state(row)}{used}"
