"""shiftbook mcp: how does an agent's client get the fleet, over standard input and output?"""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec

import click

from orchestrator import __version__
from orchestrator.app import wiring
from orchestrator.cli.clone.here import load_settings
from orchestrator.core.errors import WrongSetting


@click.command("mcp")
@click.option("--project", default="", help="The project that is meant when a call names none.")
@click.option("--agent", default="", help="What to call the agent in the log; what its client calls itself if missing.")
@click.option(
    "--missions",
    type=click.Choice(["run", "wait"]),
    default="wait",
    show_default=True,
    help="wait: missions that the agent files run once somebody trusts them. run: they are on your word.",
)
@click.option("--run-lines", is_flag=True, help="With --missions run: also those with a command line (run).")
def mcp(project: str, agent: str, missions: str, run_lines: bool) -> None:
    """Serves the fleet to an agent's client (Claude Code, Codex, …) over standard input and output.

    The agent reads the handoff, searches the log, appends to it in its own name, files missions and follows them. It
    changes no rule, approves nothing and trusts nothing. Have your client start this command; it prints no data.
    """
    if find_spec("mcp") is None:
        from orchestrator.core.own_installation import extra_command

        raise WrongSetting("mcp", f"the official SDK is not installed: {extra_command('mcp')}")
    from orchestrator.mcp.server import serve
    from orchestrator.mcp.service import McpService

    chosen = load_settings()
    fleet = wiring.fleet(chosen)
    fleet.handoff(project, "", budget=100, count=len)  # a wrong ledger or project is told before anything is served
    desk = McpService(
        fleet=fleet,
        logbook=partial(wiring.logbook, chosen),
        memos=wiring.memos(fleet.bus, fleet.reader, fleet.trust),
        in_name_of=partial(wiring.agents_fleet, chosen, fleet),
        node=chosen.node,
        project=project,
        wait=missions == "wait",
        run_lines=run_lines,
    )
    serve(desk, agent=agent, version=__version__)
