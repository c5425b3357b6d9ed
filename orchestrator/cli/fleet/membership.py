"""shiftbook fleet admit, revoke, rotate, who: who is a member, what may they do, and how is that changed?"""

from __future__ import annotations

from collections.abc import Iterable

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
@click.option("--leave", multiple=True, metavar="LEDGER", help="A fleet that is left out; repeatable.")
def rotate(node: bool, lost: bool, leave: tuple[str, ...]) -> None:
    """Replaces this machine's key with a new one, here and in allowed_signers of every fleet that lists it.

    You must be an admin of them all. What only the old key has signed counts no more; the missions that this concerns
    are listed. A node that runs goes on with its old key: start it again.
    """
    from orchestrator.app import identity
    from orchestrator.core import environment
    from orchestrator.workflow.key_rotation import replace_lost_key, rotate_key

    here = load_settings()
    path = identity.key_path(here, identity.NODE if node else identity.PERSON)
    if lost:
        done, lines = replace_lost_key(wiring.fleet(here), path, now=wiring.now())
        click.echo(f"{done.name} has a new key, {path}. It counts when an admin of the fleet has typed:")
        click.echo("".join(f"  {line}\n" for line in lines), nl=False)
        others = [each.ledger for each in identity.fleets_of(environment.load_settings())]
        _say_left_out((ledger for ledger in others if ledger != here.ledger), done.name, done.key)
        return
    known = {each.ledger: each for each in (here, *identity.fleets_of(environment.load_settings()))}
    unknown = sorted(set(leave) - known.keys())
    if unknown:
        raise WrongSetting("--leave", f"this machine knows {', '.join(sorted(known))}, not {', '.join(unknown)}")
    chosen = {ledger: each for ledger, each in known.items() if ledger not in leave}
    done = rotate_key({ledger: wiring.fleet(each) for ledger, each in chosen.items()}, path, now=wiring.now())
    click.echo(f"{done.name} has a new key in {', '.join(done.ledgers)}; the old one is kept at {done.old}")
    for ledger, name in done.orphans:
        place = "" if ledger == here.ledger else f" (in a clone of {ledger})"
        click.echo(f"{name} was signed by the old key and is untrusted now: shiftbook mission trust {name}{place}")
    _say_left_out(leave, done.name, done.key)
    if node:
        click.echo("start this machine's node again: it signs with the old key until then")


def _say_left_out(ledgers: Iterable[str], name: str, key: str) -> None:
    for ledger in ledgers:
        line = f"shiftbook fleet admit {name} --role ROLE --key '{key}'"
        click.echo(
            f"{ledger} was left out and may list the old key: before you sign anything there, an admin types {line}"
        )


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
