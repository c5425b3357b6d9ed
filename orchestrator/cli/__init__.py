"""What happens between a typed word and an exit code? Finds the verb, and says every error in one line."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import version

import click

from missions.errors import MissionError
from orchestrator.core.errors import OrchestratorError
from sync.errors import SyncError

VERBS = {
    "init": "make a ledger, or complete the one in this folder",
    "join": "clone a fleet's ledger, with signing set up",
    "doctor": "say what is missing on this machine, and how to mend it",
    "demo": "a fleet of two processes does the main job in a throw-away folder",
    "node": "run this machine's node",
    "watch": "commit and push what you edit in a clone of the ledger",
    "project": "add repositories to the fleet, and see which there are",
    "mission": "file missions and follow them",
    "chat": "talk with this node's model, from what the fleet knows",
    "notify": "tell people what happens: where to, what waits, what failed",
    "usage": "see what was used here, in tokens, time and money",
    "conflicts": "see what merges could not keep, and decide",
    "fleet": "see the nodes and who may do what",
    "handoff": "see what a fresh instance is given, and check the documents",
    "log": "write into the journal, search it, export it",
    "memo": "read memos, and make lessons known to all",
    "review": "keep the briefings true to the log",
    "merge-file": "merge two versions of a mission or a log; Git calls it",
    "token": "let programs and devices use the HTTP API",
    "backup": "save what of this node cannot be made again",
    "restore": "bring a backup back",
    "models": "see, fetch and choose the models that this machine answers with",
    "mcp": "serve the fleet to an agent's client, over standard input and output",
    "bench": "measure what is promised, on this machine",
}

MODULES = {"chat": "chat.command", "mission": "mission.base"}
"""Where a verb is that does not have a file of its own name."""

HIDDEN = frozenset({"gatehouse", "serve"})
"""Verbs that programs call and nobody types."""


class Verbs(click.Group):
    """Loads a verb's file only when it is used: starting quickly matters more than listing quickly."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order in which a newcomer needs them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One verb; None for a word that is none."""
        if cmd_name not in VERBS and cmd_name not in HIDDEN:
            return None
        module = MODULES.get(cmd_name, cmd_name.replace("-", "_"))
        command = importlib.import_module(f"orchestrator.cli.{module}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list without loading a single verb."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("shiftbook"), prog_name="shiftbook")
def cli() -> None:
    """Runs a fleet of AI workers out of one Git repository."""


def main() -> None:
    """The `shiftbook` command. Exit codes: 0 done, 1 failed, 2 wrong use or settings, 3 not found, 4 refused."""
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        code = 130
    except OrchestratorError as error:
        click.echo(f"shiftbook: {error}", err=True)
        code = error.exit_code
    except (SyncError, MissionError, OSError) as error:
        click.echo(f"shiftbook: {error}", err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)
