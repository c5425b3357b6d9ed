"""What happens between a typed word and an exit code? Finds the command, and says every error in one line.

A command module imports at its top only what its options need; what the command does is imported when it is done.
`shiftbook --help`, a command's `--help` and completion then load click and nothing of the product.
"""

from __future__ import annotations

import os
import sys

import click

from missions.errors import MissionError
from orchestrator import __version__
from orchestrator.cli.commands import SHIFTBOOK
from orchestrator.cli.lazy import LazyGroup
from orchestrator.core.errors import OrchestratorError
from sync.errors import SyncError


@click.group(
    cls=LazyGroup, table=SHIFTBOOK, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="shiftbook")
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
    except BrokenPipeError:  # `shiftbook mission list | head`: whoever reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except (SyncError, MissionError) as error:
        click.echo(f"shiftbook: {error}", err=True)
        code = 1
    except OSError as error:
        from sync.git_messages import explained

        click.echo(f"shiftbook: {explained(str(error), str(error))}", err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)
