"""shiftbook fleet admit, revoke, rotate, who: who is a member, what may they do, and how is that changed?"""

from __future__ import annotations

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.core.errors import WrongSetting

SHOWN_KEY_CHARS = 12


@click.command("admit")
@click.argument("name")
@click.option("--role", "roles", multiple=True, required=True, help="admin, author or node; repeatable.")
@click.option("--key", required=True, metavar="KEY", help="The public key, or the path of a .pub file.")
def admit(name: str, roles: tuple[str, ...], key: str) -> None:
    """Lets a person or a machine in: adds its key to allowed_signers. You must be an admin."""
    from sync import files

    path = files.expand_home(key)
    try:
        text = path.read_text(encoding="utf-8") if path.suffix == ".pub" else key
    except OSError as error:
        raise WrongSetting("--key", f"{path} cannot be read: {error.strerror}") from error
    wiring.fleet(load_settings()).membership.admit(name, frozenset(roles), text)
    click.echo(f"{name} is in: {', '.join(sorted(roles))}")


@click.command("revoke")
@click.argument("name")
def revoke(name: str) -> None:
    """Takes a person's or a machine's keys out of allowed_signers. You must be an admin."""
    wiring.fleet(load_settings()).membership.revoke(name)
    click.echo(f"{name} is out: nothing that its key signed counts from now on")


@click.command("rotate")
@click.option("--node", is_flag=True, help="The node's key instead of yours.")
@click.option("--lost", is_flag=True, help="The old key is gone: make a new one, which an admin then lets in.")
def rotate(node: bool, lost: bool) -> None:
    """Replaces this machine's key with a new one, in allowed_signers and here. You must be an admin.

    What only the old key has signed counts no more; the missions that this concerns are listed. A node that runs goes
    on with its old key: start it again.
    """
    from orchestrator.workflow.key_rotation import replace_lost_key, rotate_key

    chosen = load_settings()
    path = chosen.home / "keys" / ("node" if node else "person")
    if lost:
        done, lines = replace_lost_key(wiring.fleet(chosen), path, now=wiring.now())
        click.echo(f"{done.name} has a new key, {path}. It counts when an admin of the fleet has typed:")
        click.echo("".join(f"  {line}\n" for line in lines), nl=False)
        return
    done = rotate_key(wiring.fleet(chosen), path, now=wiring.now())
    click.echo(f"{done.name} has a new key; the old one is kept at {done.old}")
    if any((chosen.home / "fleets").glob("*")):
        click.echo(
            "other fleets that this home has seen still list the old key: an admin of each has to type"
            f" shiftbook fleet admit {done.name} --role … --key '{done.key}' there, before you sign anything in them"
        )
    for name in done.orphans:
        click.echo(f"{name} was signed by the old key and is untrusted now: shiftbook mission trust {name}")
    if node:
        click.echo("start this machine's node again: it signs with the old key until then")


@click.command("who")
@click.option("--json", "as_json", is_flag=True, help="Print the principals as JSON.")
def who(as_json: bool) -> None:
    """Lists who may do what. On a terminal keys are shortened; a pipe and `--json` get them whole."""
    people = wiring.fleet(load_settings()).principals()
    if as_json:
        terminal.print_json([{"name": p.name, "roles": sorted(p.roles), "key": p.key} for p in people])
        return
    rows = [(person.name, ", ".join(sorted(person.roles)), person.key) for person in people]
    terminal.print_columns([(*row[:2], short_key(row[2])) for row in rows] if terminal.for_people() else rows)


def short_key(key: str) -> str:
    """A key's kind and its last letters: its beginning is that of all of its kind."""
    kind, _, text = key.partition(" ")
    text = text.split(" ")[0]
    return f"{kind} …{text[-SHOWN_KEY_CHARS:]}" if len(text) > SHOWN_KEY_CHARS else key
