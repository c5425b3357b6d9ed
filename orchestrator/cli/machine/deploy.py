"""shiftbook deploy hq, worker: how does this machine's node become a service that is started and watched over?"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import terminal
from orchestrator.core.errors import WrongSetting

if TYPE_CHECKING:
    from orchestrator.app.deployment.installer import DeploymentReport, Installer
    from orchestrator.app.deployment.layout import Deployment

EXISTING = click.Path(path_type=Path)


def _common(command: Any) -> Any:
    """The options of both verbs."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print what is changed as JSON."),
        click.option("--force", is_flag=True, help="Also where a file of ours was edited; it is kept beside."),
        click.option("--remove", is_flag=True, help="Take the service away; its home and the backups stay."),
        click.option("--dry-run", is_flag=True, help="Change nothing; show each file and step."),
        click.option(
            "--root", type=EXISTING, default=Path("/"), help="Write the files below this folder, run nothing."
        ),
        click.option("--memory", default="80%", metavar="SIZE", help="The most memory it may take, with its agents."),
        click.option("--program", type=EXISTING, help="The shiftbook that is started (default: this one)."),
    ):
        command = option(command)
    return command


@click.command("hq")
@click.option("--domain", default="", help="The name under which the fleet reaches it, by TLS.")
@click.option("--certificate", type=EXISTING, help="The TLS certificate (default: certbot's for the domain).")
@click.option("--certificate-key", type=EXISTING, help="Its private key.")
@click.option("--no-proxy", is_flag=True, help="Set up no nginx: another proxy with TLS stands before it.")
@_common
def hq(domain: str, certificate: Path | None, certificate_key: Path | None, no_proxy: bool, **common: Any) -> None:
    """Makes this machine the fleet's headquarters: a service with nginx before it and a daily backup.

    Needs root. Running it again changes only what is not as it should be.
    """
    from orchestrator.app.deployment.layout import Site

    if not domain and not common["remove"]:
        raise WrongSetting("--domain", "name the host under which the fleet reaches headquarters, such as hq.example")
    if (certificate is None) != (certificate_key is None):
        raise WrongSetting("--certificate", "it comes with its --certificate-key")
    live = Path("/etc/letsencrypt/live") / domain
    site = Site(
        domain=domain.lower(),
        certificate=certificate or live / "fullchain.pem",
        certificate_key=certificate_key or live / "privkey.pem",
    )
    wanted = _deployment(common, headquarters=True, site=None if no_proxy else site)
    settings = {
        "FACTORY_ROLE": "HEADQUARTERS",
        "SHIFTBOOK_SERVE_GIT": "1",
        "SHIFTBOOK_HTTP": site.upstream,
        "SHIFTBOOK_HOSTS": site.domain,
        "SHIFTBOOK_PUBLIC_URL": f"https://{site.domain}",
    }
    _carry_out(wanted, settings, "", **common)


@click.command("worker")
@click.option("--join", "link", default="", metavar="LINK", help="The link of `shiftbook fleet invite`; - reads it.")
@click.option("--user", "own", is_flag=True, help="As a service of yours, with your agents and their log-ins.")
@_common
def worker(link: str, own: bool, **common: Any) -> None:
    """Makes this machine a worker of the fleet: joins it with a link, and keeps the node running.

    As root it is a service of the machine with a user of its own; otherwise, or with --user, one of yours.
    """
    import os

    if link == "-":
        link = sys.stdin.readline().strip()
    mine = own or (os.geteuid() != 0 and common["root"] == Path("/"))
    _carry_out(_deployment(common, headquarters=False, system=not mine), {}, link, **common)


def _deployment(common: dict[str, Any], **wanted: Any) -> Deployment:
    from orchestrator.app.deployment.layout import Deployment
    from orchestrator.app.updates.version_dirs import versions_of

    given = common.pop("program")
    program = given.absolute() if given else Path(sys.executable).with_name("shiftbook")
    return Deployment(program=program, versions=versions_of(program), memory=common.pop("memory"), **wanted)


def _carry_out(
    wanted: Deployment,
    settings: dict[str, str],
    link: str,
    *,
    root: Path,
    dry_run: bool,
    remove: bool,
    force: bool,
    as_json: bool,
) -> None:
    from orchestrator.app.deployment.installer import Installer
    from orchestrator.app.deployment.machine import Machine

    installer = Installer(wanted=wanted, machine=Machine(root=root.resolve()), dry_run=dry_run, force=force)
    try:
        installer.remove() if remove else installer.deploy(settings, link)
    except BaseException:
        _show_unfinished(installer)
        raise
    if as_json:
        terminal.print_json({"dry_run": dry_run, "removed": remove, **asdict(installer.report)})
        return
    _show(installer.report, dry_run=dry_run, removed=remove)


def _show_unfinished(installer: Installer) -> None:
    """What was done before a step failed: nobody should have to guess."""
    if not installer.dry_run:
        for line in installer.report.changes:
            click.echo(f"done: {line}", err=True)


def _show(report: DeploymentReport, *, dry_run: bool, removed: bool) -> None:
    if dry_run:
        for text in report.diffs.values():
            click.echo(text, nl=False)
    for line in report.changes:
        click.echo(f"{'would ' if dry_run else 'done: '}{line}")
    for line in report.kept:
        click.echo(f"kept: {line}")
    if not report.changes:
        click.echo("nothing to remove" if removed else "nothing to do: everything is as it should be")
    for line in () if removed else report.next_steps:
        click.echo(f"Next: {line}")
