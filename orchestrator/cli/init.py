"""shiftbook init, join: how does a person get a ledger, a new one or a fleet's?"""

from __future__ import annotations

import shlex
import sys
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import terminal
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import Refused

if TYPE_CHECKING:
    from orchestrator.app.init_guard import RepositoryInUse
    from orchestrator.app.setup import LedgerSetup


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--remote", default="", metavar="URL", help="Share it through this repository instead of one beside it.")
@click.option("--here", is_flag=True, help="Make it in FOLDER though that is a repository with work in it already.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def init(folder: Path, remote: str, here: bool, as_json: bool) -> None:
    """Makes a ledger in FOLDER (default: here), or completes the one that is there.

    A ledger is an ordinary Git repository, and usually has a folder of its own: in a project's repository it asks
    first. Running it twice changes nothing.
    The first time, on a terminal, it asks for an agent, a repository and where to tell you; Enter goes on.
    """
    from orchestrator.app import setup
    from orchestrator.app.init_guard import repository_in_use, undone_on_failure

    used = repository_in_use(folder)
    if used and not here:
        _require_consent(folder, used)
    with undone_on_failure(folder) if used and used.top == folder.resolve() else nullcontext():
        made = setup.init(folder, load_settings(), remote=remote)
    first = bool(made.done) and made.works_for == made.remote and not as_json
    asks = first and sys.stdin.isatty() and sys.stdout.isatty()
    _report(made, as_json, says_next=not asks)  # the questions end with a next step of their own
    if first:
        terminal.say_past()
    if asks:
        from orchestrator.cli.first_questions import ask

        ask(made.folder)


def _require_consent(folder: Path, used: RepositoryInUse) -> None:
    """Asks; off a terminal it raises Refused with the line that says yes."""
    usual = "usually it has a folder of its own: `shiftbook init ~/fleet`"
    if not sys.stdin.isatty():
        raise Refused(f"{used.says}; {usual}. `shiftbook init {shlex.quote(str(folder))} --here` makes it there")
    terminal.say(f"{used.says}; {usual}.")
    click.confirm("make the ledger there all the same?", default=False, abort=True)


@click.command("join")
@click.argument("url")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def join(url: str, folder: Path | None, as_json: bool) -> None:
    """Clones the ledger at URL into FOLDER, set up so that a plain `git commit` and `git push` just work.

    URL may be a link of `shiftbook fleet invite`, which lets this machine's node in as well; - reads it from standard
    input, so that it stands in no list of processes.
    """
    from orchestrator.app import setup
    from orchestrator.app.joining.join_link import is_link, read_link
    from orchestrator.core.repository_address import clone_folder

    url = sys.stdin.readline().strip() if url == "-" else url
    if is_link(url):
        from orchestrator.app.joining.link_use import join_by_link

        link = read_link(url)
        if link.in_clear:
            click.echo(f"{link.server} has no TLS: whoever is on the line reads the link", err=True)
        _report(join_by_link(link, folder, load_settings()), as_json)
        return
    _report(setup.join(url, folder or clone_folder(url), load_settings()), as_json)


def _report(made: LedgerSetup, as_json: bool, *, says_next: bool = True) -> None:
    """Says what was done and, if nobody else does, what comes next."""
    if as_json:
        terminal.print_json(
            {key: str(value) if isinstance(value, Path) else value for key, value in asdict(made).items()}
        )
        return
    for line in (*made.done, *made.mended):
        terminal.say(line)
    if not made.done and not made.mended:
        terminal.say(f"nothing to do: {made.folder} is a ledger, shared through {made.remote}")
    if made.works_for != made.remote:
        terminal.say(f"\nThis machine's node still works for {made.works_for}.")
        terminal.say(f"What you type in {made.folder} goes to {made.remote}; to have the node work for it, write")
        terminal.say(f"SHIFTBOOK_LEDGER={made.remote} into {made.environment} and start the node again.")
    if made.admit:
        waits = [*["missions that you push"][made.known :], *["this machine's node"][made.node_known :]]
        click.echo(f"\n{' and '.join(waits).capitalize()} wait until an admin of the fleet has typed:")
        for line in made.admit:
            click.echo(f"  {line}")
    if made.known and says_next:
        run = "; then `shiftbook node run`" if made.works_for == made.remote else ""
        terminal.say(f"\nNext: write {made.folder / 'missions' / 'hello.md'}, commit, push{run}.")
