"""shiftbook node run, watch, serve, gatehouse: how is each of this machine's long-lived or called processes started?"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.core.environment import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.app.web_process import BeginWeb
    from orchestrator.cli.live.event_lines import EventLines, JsonLines
    from orchestrator.core.events import Tell
    from orchestrator.core.settings import Settings
    from orchestrator.node.loop import Node


@click.command("run")
@click.option("--once", is_flag=True, help="Do what can be done now, then exit.")
@click.option(
    "--watch",
    type=click.Path(path_type=Path),
    help="A clone of the ledger whose edits are committed and pushed; also SHIFTBOOK_WATCH.",
)
@click.option("--json", "as_json", is_flag=True, help="Say what happens as JSON, one object a line.")
@click.pass_obj
def run(begin_web: BeginWeb | None, once: bool, watch: Path | None, as_json: bool) -> None:
    """Claims missions and works on them until it is told to stop.

    The first SIGTERM (or Ctrl-C) lets the running work end, the second cancels it. Killing it loses nothing: the
    work is taken over, by this node when it starts again or by another when the lease has run out.
    """
    from orchestrator.app.updates.version_dirs import started_again

    given = {"watch": watch} if watch else {}
    with started_again(), _event_printer(as_json) as tell:
        from orchestrator.app import node_process  # which takes seconds, on a small machine: the line ticks
        from orchestrator.app.web_process import begin_interpreter

        begin = begin_web or begin_interpreter  # whoever types this has given none
        node_process.run_node(load_settings(**given), tell, once=once, beside=_open_doors, begin_web=begin)


def _open_doors(settings: Settings, node: Node, tell: Tell) -> Callable[[], None]:
    """The doors that are no server: a bot that is polled. Loaded only where there is one."""
    if node.polling is None:
        return lambda: None
    from orchestrator.telegram.opening import open_telegram

    return open_telegram(settings, node, tell)


@click.command("watch")
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.option("--pull", is_flag=True, help="Let clean files follow what others push; also SHIFTBOOK_WATCH_PULL.")
@click.option("--json", "as_json", is_flag=True, help="Say what happens as JSON, one object a line.")
def watch(path: Path, pull: bool, as_json: bool) -> None:
    """Commits and pushes what you edit in PATH, a clone of the ledger, once it has been quiet.

    Missions, projects, knowledge and the documents at the top; in your name, signed as you sign. What you have staged
    stays staged, half-written files wait, and nothing else is touched.
    """
    given = {"watch_pull": True} if pull else {}
    with _event_printer(as_json) as tell:
        from orchestrator.app import node_process

        node_process.watch(load_settings(**given), path.absolute(), tell)


def _event_printer(as_json: bool) -> closing[JsonLines | EventLines]:
    """What a node says while it works."""
    from orchestrator.cli import terminal
    from orchestrator.cli.live.event_lines import EventLines, JsonLines

    if not as_json:
        return closing(EventLines())
    lines = JsonLines()
    terminal.errors_are_told_by(lines.error)
    return closing(lines)


@click.command("serve")
@click.option("--parent", type=int, metavar="FD", help="End when this file descriptor is closed.")
def serve(parent: int | None) -> None:
    """Serves the HTTP API without a node, at SHIFTBOOK_HTTP, until SIGTERM; running answers are told to their end.

    `shiftbook node run` starts it beside itself.
    """
    from orchestrator.api import process
    from orchestrator.app.web_process import serving_words
    from orchestrator.cli import terminal

    settings, said = load_settings(), list[str]()

    def say(url: str) -> None:
        first = f"{serving_words(url, settings.policy)}\n{url}/openapi.json says what; Ctrl-C ends it"
        terminal.say(f"serving at {url}, too" if said else first, err=True)
        said.append(url)

    process.run(settings, parent=parent, listening=say if parent is None else lambda url: None)


@click.command("gatehouse", hidden=True)
def gatehouse() -> None:
    """Judges the push that git describes on standard input. Exits 4, with one line for the pusher, if it is refused.

    The served repository's pre-receive hook runs it.
    """
    from orchestrator.git_server import pre_receive

    why = pre_receive.check_push(load_settings(), Path.cwd(), sys.stdin, os.environ)
    if why:
        click.echo(f"shiftbook: {why}", err=True)
        sys.exit(4)
