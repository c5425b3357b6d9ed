"""What happens between a typed word and an exit code? Finds the command, and says every error in one line.

A command module imports at its top only what its options need; what the command does is imported when it is done.
`shiftbook --help`, a command's `--help` and completion then load click and nothing of the product.
"""

from __future__ import annotations

import gc
import os
import re
import sys

import click
from click.exceptions import NoArgsIsHelpError

from missions.errors import MissionError
from orchestrator import __version__
from orchestrator.cli.commands import EXAMPLE, SECTIONS, SHIFTBOOK
from orchestrator.cli.lazy import LazyGroup
from orchestrator.core.errors import OrchestratorError, WrongSetting
from sync.errors import SyncError

HELP = frozenset({"-h", "--help", "--version"})
"""Words that are answered in any folder."""


@click.group(
    cls=LazyGroup,
    table=SHIFTBOOK,
    sections=SECTIONS,
    default="inbox",
    epilog=EXAMPLE,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="shiftbook")
def cli() -> None:
    """Runs a fleet of AI workers out of one Git repository. Alone it shows what waits for you."""


def _show_usage_error(error: click.ClickException) -> None:
    """In the words of every other error, with what was meant and where the help is."""
    if isinstance(error, NoArgsIsHelpError):
        error.show()
        return
    from orchestrator.cli.terminal import say

    context = getattr(error, "ctx", None)
    near = _word_meant(error)
    say(f"shiftbook: {error.format_message()}{f' {near}' if near else ''}", err=True)
    if context is not None and context.help_option_names:
        say(f"`{context.command_path} {context.help_option_names[-1]}` says how it is used", err=True)


def _say_error(words: str, code: int) -> None:
    """On standard error. It may quote what anybody has sent."""
    from orchestrator.cli.terminal import printable, say

    say(f"shiftbook: {printable(words)}", err=True)
    _say_as_json(words, code)


def _say_as_json(words: str, code: int) -> None:
    """On standard output, where a program asked for JSON and has none yet."""
    asked = sys.argv[1:]
    if "--json" in asked[: asked.index("--") if "--" in asked else None]:
        from orchestrator.cli.terminal import print_json_error

        print_json_error(words, code)


def _word_meant(error: click.ClickException) -> str:
    """For a value that is none of an option's words: the one that is spelled most alike."""
    kind = getattr(getattr(error, "param", None), "type", None)
    found = re.match(r"'([^']*)' is not one of", error.message)
    if not isinstance(kind, click.Choice) or found is None:
        return ""
    from missions.spelling import did_you_mean

    near = did_you_mean(found[1], map(str, kind.choices))
    return near.replace("did", "Did", 1)


def _open_closed_streams() -> None:
    """`shiftbook … >&-` and services begin without some: a file of ours in their place would be written to."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 (to the end)


def _unwritable(error: UnicodeEncodeError) -> str:
    """Bytes of the command's line that are no text come as halves of surrogate pairs, which no file can hold."""
    if error.encoding == "utf-8":
        return "what was said cannot be read as text: say it in UTF-8, with a UTF-8 locale (`locale` tells yours)"
    return f"what is to be shown cannot be written in {error.encoding}: set PYTHONUTF8=1, or a UTF-8 locale"


def _require_folder() -> None:
    """Raises WrongSetting in a folder that was deleted: no program begins there, and nothing is found."""
    try:
        os.getcwd()  # noqa: PTH109  # each command begins here: pathlib may wait
    except FileNotFoundError:
        says = "it was deleted, or made anew under its name: go into one that is there with `cd`"
        raise WrongSetting("the folder that you are in", says) from None


def main() -> None:
    """The `shiftbook` command. Exit codes: 0 done, 1 failed, 2 wrong use or settings, 3 not found, 4 refused."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to look for some it reads every package there is
    gc.set_threshold(50_000)  # loading modules makes no garbage: to look for it at each 700 objects is for nothing
    _open_closed_streams()
    try:
        if not HELP.intersection(sys.argv[1:]):
            _require_folder()
        code = cli.main(prog_name="shiftbook", standalone_mode=False)
    except click.ClickException as error:
        _show_usage_error(error)
        code = 2
        _say_as_json(error.format_message(), code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        code = 130
    except OrchestratorError as error:
        code = error.exit_code
        _say_error(str(error), code)
    except BrokenPipeError:  # `shiftbook mission list | head`: whoever reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except (SyncError, MissionError) as error:
        code = 1
        _say_error(str(error), code)
    except UnicodeEncodeError as error:
        code = 2
        _say_error(_unwritable(error), code)
    except OSError as error:
        from sync.git_messages import explained

        code = 1
        _say_error(explained(str(error), str(error)), code)
    sys.exit(code if isinstance(code, int) else 0)
