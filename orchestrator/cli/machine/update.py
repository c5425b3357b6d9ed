"""shiftbook update: how does this machine's program come to a newer version, and back?"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import terminal
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import NotFound, Refused, WrongSetting

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.app.updates.updater import Updater
    from orchestrator.app.updates.version_dirs import VersionDirs

MAX_SIGNERS_BYTES = 64 * 1024
NOT_ONE_OF_OURS = (
    "this program was not installed by `shiftbook update`: update it as you installed it (`uv tool upgrade shiftbook`, "
    "`pipx upgrade shiftbook`, pip), or say --into FOLDER --from URL --signers FILE once"
)


@click.command("update")
@click.argument("tag", default="")
@click.option("--check", is_flag=True, help="Only say whether there is a newer release.")
@click.option("--back", is_flag=True, help="Go back to the version before.")
@click.option("--into", type=click.Path(path_type=Path), help="Begin: the folder in which versions are kept.")
@click.option("--from", "url", default="", help="Begin: the repository that holds the releases.")
@click.option("--signers", type=click.Path(path_type=Path), help="Begin: whose signatures count (ALLOWED SIGNERS).")
@click.option("--wait", default=300.0, show_default=True, help="Seconds in which a node must do a round with it.")
@click.option("--within", type=click.FloatRange(min=0), help="Seconds for the running work; then it is queued again.")
@click.option("--now", is_flag=True, help="As --within 0; also for an update that waits for the work already.")
@click.option("--fleet", "whole", is_flag=True, help="File an order for the nodes of the fleet instead, as an admin.")
@click.option("--node", "nodes", multiple=True, metavar="NODE", help="With --fleet: only this node; repeatable.")
@click.option("--to", "release", default="", metavar="TAG", help="With --fleet: the release.")
@click.option("--call-off", is_flag=True, help="With --fleet: cancel what is left of the order that goes on.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def update(
    tag: str,
    check: bool,
    back: bool,
    into: Path | None,
    url: str,
    signers: Path | None,
    wait: float,
    within: float | None,
    now: bool,
    whole: bool,
    nodes: tuple[str, ...],
    release: str,
    call_off: bool,
    as_json: bool,
) -> None:
    """Goes to the newest signed release, or to TAG (v1.2.3), and back by itself if the node does not work with it.

    It is installed beside the version that runs, with the packages that its lock names, by their hashes. The node
    goes over to it when its running work is done, which may take hours; `--now` does not wait for that. `--into`
    begins: a service then starts FOLDER/start.

    `--fleet --to TAG` files a mission for each node: one after the other does the same, headquarters last. `fleet`
    shows where that stands; a node that comes back with its old version stops it.
    """
    if whole or nodes or release or call_off:
        if not whole or check or back or into or url or signers or now or within is not None:
            raise WrongSetting("--fleet", "--node, --to and --call-off go with --fleet, and nothing else does")
        from orchestrator.cli.machine.fleet_update import call_off_roll, file_roll

        call_off_roll(as_json=as_json) if call_off else file_roll(release or tag, nodes, as_json=as_json)
        return
    dirs = _versions(into, url, signers)
    told: list[str] = []

    def say(line: str) -> None:
        told.append(line)
        if not as_json:
            click.echo(line)

    if back:
        before = dirs.current
        _go_back(dirs, say)
        newest = before
    elif now and dirs.awaits_work and not check:
        say(_hurry(dirs))
        newest = dirs.current
    else:
        newest = _go(_updater(dirs, wait, 0.0 if now else within, say), tag, say, only_look=check)
    if as_json:
        terminal.print_json({"current": dirs.current, "newest": newest, "did": told})


def _hurry(dirs: VersionDirs) -> str:
    """Has the node that ends its work for an update stop it; a line that says so."""
    from orchestrator.app.updates.going_back import node_follows

    if not node_follows(load_settings(), dirs):
        return f"no node of these versions runs here: {dirs.current} is next to be started"
    dirs.hurry()
    return f"{dirs.current} waits no longer: the node's running work goes back into the queue"


def _go(updater: Updater, tag: str, say: Callable[[str], None], *, only_look: bool) -> str:
    """Goes to a release, or only says that there is one; returns which is the newest."""
    dirs = updater.dirs
    wanted = updater.wanted(tag)
    for name, why in updater.source.refused.items():
        click.echo(f"shiftbook: {name} does not count: {why}", err=True)
    if wanted is None:
        say(f"{dirs.current} is the newest release" if dirs.current else "there is no release that counts")
        return dirs.current
    if only_look:
        say(f"{wanted.tag} is newer than {dirs.current}, signed by {wanted.signer}: shiftbook update")
    else:
        updater.update(wanted)
    return wanted.tag


def _versions(into: Path | None, url: str, signers: Path | None) -> VersionDirs:
    """The versions that are meant: those that this program is one of, or new ones."""
    from orchestrator.app.updates.version_dirs import VersionDirs, running_version

    if into is not None:
        dirs = VersionDirs(into.absolute())
        if dirs.prefix.exists():
            dirs.check_owner()
        _begin(dirs, url, signers)
    elif url or signers:
        raise WrongSetting("--into", "name the folder in which versions are kept, too")
    else:
        own = running_version()
        if own is None:
            raise Refused(NOT_ONE_OF_OURS)
        dirs = own[0]
    dirs.check_owner()
    return dirs


@click.command("update-check", hidden=True)
def update_check() -> None:
    """Says whether this version can open the node's database and settings. The version that runs asks the next one."""
    from orchestrator import __version__
    from orchestrator.app import wiring
    from orchestrator.app.node_process import run_node  # the parts of a node can be loaded
    from orchestrator.app.updates import plug_ins

    assert callable(run_node)
    wiring.stores(load_settings()).close()
    terminal.print_json({"version": __version__, "plug_ins": plug_ins.installed()})


@click.command("update-revoked", hidden=True)
def update_revoked() -> None:
    """Says who is revoked. The version that comes back asks the one that goes, whose database it cannot read."""
    from orchestrator.app.kept_revocations import read_revocations

    terminal.print_json(read_revocations(load_settings()).as_plain())


@click.command("update-back", hidden=True)
@click.option("--trial", is_flag=True, help="Only if a version is on trial.")
@click.argument("prefix", type=click.Path(path_type=Path))
def update_back(trial: bool, prefix: Path) -> None:
    """Makes the version before the current one again. PREFIX/start calls it when the one on trial keeps ending."""
    from orchestrator.app.updates.going_back import go_back
    from orchestrator.app.updates.version_dirs import VersionDirs

    dirs = VersionDirs(prefix.absolute())
    why = f"{dirs.trial.new} did no round" if trial and dirs.trial else ""
    click.echo(go_back(dirs, load_settings(), only_trial=trial, starting=trial, why=why), err=True)


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """What was chosen when the folder was begun."""

    url: str
    extras: tuple[str, ...]


def _begin(dirs: VersionDirs, url: str, signers: Path | None) -> None:
    from orchestrator.app.updates.installation import installed_extras
    from sync import files
    from sync.signatures import read_signers

    if dirs.current:
        raise Refused(f"{dirs.prefix} holds {dirs.current} already: {dirs.program(dirs.current)} update")
    if not url or signers is None:
        raise WrongSetting("--into", "say --from URL and --signers FILE, too: whose releases are to run here?")
    with signers.open("rb") as file:
        text = file.read(MAX_SIGNERS_BYTES)
    if not read_signers(text.decode("utf-8", "replace")):
        raise WrongSetting("--signers", f"{signers} names no key: a line is NAME ssh-ed25519 AAAA…")
    dirs.prepare()
    files.replace(dirs.prefix / "release_signers", text)
    files.replace(dirs.prefix / "source.json", json.dumps({"url": url, "extras": installed_extras()}))


def _updater(dirs: VersionDirs, wait: float, within: float | None, say: Callable[[str], None]) -> Updater:
    from missions.plain_data import read_json
    from orchestrator.app.updates import installation
    from orchestrator.app.updates.releases import ReleaseSource
    from orchestrator.app.updates.updater import Updater

    try:
        found = read_json((dirs.prefix / "source.json").read_bytes())
        choice = _Choice(url=str(found["url"]), extras=tuple(map(str, found["extras"])))
        signers = (dirs.prefix / "release_signers").read_text("utf-8", "replace")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WrongSetting(str(dirs.prefix), f"where its releases come from cannot be read: {error}") from error
    source = ReleaseSource(url=choice.url, folder=dirs.prefix / "source.git", signers=signers)

    def install(tree: Path, folder: Path) -> None:
        installation.install(tree, folder, choice.extras, say)

    return Updater(
        dirs=dirs,
        source=source,
        settings=load_settings(),
        install=install,
        say=say,
        trial_seconds=wait,
        work_seconds=within,
    )


def _go_back(dirs: VersionDirs, say: Callable[[str], None]) -> None:
    """Has the version before do it: only that one knows what database it can read. Raises NotFound, Refused."""
    from orchestrator.app.updates.updater import BACK_SECONDS
    from orchestrator.app.updates.version_process import run_version

    old = (dirs.trial.old if dirs.trial else "") or dirs.before
    if not old:
        raise NotFound(f"there is no version before {dirs.current}")
    words = [str(dirs.program(old)), "update-back", str(dirs.prefix)]
    try:
        done = run_version(words, BACK_SECONDS)
    except subprocess.TimeoutExpired as error:
        took = f"{old} was ended: it did not go back within {BACK_SECONDS:g} s"
        raise Refused(f"{took}; `{' '.join(words)}` does it again, and {dirs.current} is current now") from error
    said = done.stderr.strip()
    if done.returncode:
        raise Refused(f"{old} did not go back: {said.removeprefix('shiftbook: ') or f'exit code {done.returncode}'}")
    say(said or f"{dirs.current} is current again")
