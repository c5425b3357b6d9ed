"""shiftbook mission new, edit: how does filing a mission work, and how is it changed there?"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.cli.mission.name import full_name, mission_argument, remember
from orchestrator.core.errors import OrchestratorError, WrongSetting
from sync.errors import SyncError

if TYPE_CHECKING:
    from orchestrator.workflow.attaching import AttachedFiles
    from orchestrator.workflow.fleet import Fleet


@click.command("new")
@click.argument("text", nargs=-1)
@click.option("--name", default="", help="The file's name; made from the title or the text if missing.")
@click.option("--title")
@click.option("--task", help="general_task or coding_task.")
@click.option("--project", help="A project; without it, the one in whose clone you stand, or that the text means.")
@click.option("--no-project", is_flag=True, help="It belongs to no project; none is looked for.")
@click.option("--priority", type=click.IntRange(0, 9), help="Higher first; 1 if missing.")
@click.option("--agent", help="builtin, command, claude, codex, gemini, opencode, aider, qwen, copilot or auto.")
@click.option("--attempts", type=click.IntRange(1, 8), help="So many attempts side by side; you accept one of them.")
@click.option("--agents", multiple=True, help="Who does them, each in its turn; may be given several times.")
@click.option("--run", "run_line", help="The command line of a mission for `--agent command`.")
@click.option("--to", multiple=True, help="A node, a role or a capability; may be given several times.")
@click.option("--after", "depends_on", multiple=True, help="A mission that must be done before.")
@click.option("--scope", multiple=True, help="Paths that may change, as in .gitignore; may be given several times.")
@click.option("--timeout", "timeout_seconds", type=click.IntRange(1), help="Seconds.")
@click.option(
    "--attach",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="A file for the agent: a picture, a PDF or a text; may be given several times.",
)
@click.option("--max-retries", type=click.IntRange(0), help="Attempts in all.")
@click.option("--template", "of", help="A template, whose text it has; TEXT is left out then.")
@click.option("--set", "words", multiple=True, metavar="NAME=VALUE", help="A parameter of the template; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print the name as JSON.")
def new(
    text: tuple[str, ...],
    name: str,
    run_line: str | None,
    no_project: bool,
    depends_on: tuple[str, ...],
    attach: tuple[Path, ...],
    of: str | None,
    words: tuple[str, ...],
    as_json: bool,
    **fields: object,
) -> None:
    """Files a mission that says TEXT (`-`, or nothing: what stands on standard input), signed by you."""
    from orchestrator.app.factories.tracer_factory import open_tracing
    from orchestrator.cli.mission.project import choose_project

    if (words and not of) or (text and of):
        raise WrongSetting("--set" if words and not of else "TEXT", "a mission has its own text, or a template's")
    body = terminal.given_text(text, needed=not of)
    given = {key: list(value) if isinstance(value, tuple) else value for key, value in fields.items()}
    if run_line:
        given |= {"agent": fields.get("agent") or "command", "run": run_line}
    if not body.strip() and not run_line and not of:
        raise WrongSetting("TEXT", "say what is to be done, for example: shiftbook mission new Fix the log-in")
    chosen = load_settings()
    stop_tracing = open_tracing(chosen.node, lambda event, sentence, **_facts: terminal.say(sentence, err=True))
    fleet = wiring.fleet(chosen)
    if of:
        from orchestrator.workflow.recurring.by_hand import mission_of_template

        ledger = fleet.ledger()
        body = mission_of_template(ledger, of, words, fleet.now(), partial(fleet.trust.signer, ledger))
    anywhere = bool(run_line) and fields["task"] != "coding_task"  # its text says nothing of where the line runs
    given["depends_on"] = [fleet.full_name(one) for one in depends_on]
    if no_project or not (fields["project"] or fields["task"] == "review" or body.startswith("---")):
        given["project"] = choose_project(fleet.ledger, body, fields, none=no_project, anywhere=anywhere)
    attached = _attached(fleet, attach) if attach else None
    if attached:
        given["attachments"] = attached.words
    if of:
        from orchestrator.workflow.mission_text import with_options

        body, given = with_options(body, given), {}  # type: ignore[arg-type]  # click gives scalars
    made = fleet.new(body, given, name=name, beside=attached.beside if attached else {})  # type: ignore[arg-type]  # click gives scalars
    remember(chosen, made)
    stop_tracing()
    _print_filed(fleet, made, as_json=as_json)


def _print_filed(fleet: Fleet, made: str, *, as_json: bool) -> None:
    """What was filed, and what follows."""
    if as_json:
        terminal.print_json({"name": made, "path": f"missions/{made}.md"})
        return
    terminal.say(f"filed missions/{made}.md; follow it with `shiftbook mission watch {made}`")
    view = fleet.mission(made).view
    if view.group:
        terminal.say(f"it is one of several attempts: `shiftbook mission compare {view.group}` shows them side by side")
    if view.reason:
        terminal.say(f"it waits: {view.reason}")


def _attached(fleet: Fleet, paths: tuple[Path, ...]) -> AttachedFiles:
    """The files for a mission. What is no plain file (a pipe, a device) is not waited for."""
    from missions.attachments.attachment import MAX_ATTACHMENT_BYTES
    from orchestrator.workflow.attaching import GivenFile, attach_files

    given = []
    for path in paths:
        if not path.is_file():
            raise WrongSetting("--attach", f"{path} is no plain file")
        with path.open("rb") as file:
            given.append(GivenFile(name=path.name, data=file.read(MAX_ATTACHMENT_BYTES + 1)))
    return attach_files(fleet.bus.store, given)


@click.command("edit")
@mission_argument
@click.option("--file", "source", type=click.File("rb"), help="Take the new text from this file (-: standard input).")
@click.option("--json", "as_json", is_flag=True, help="Print what could not be kept as JSON.")
def edit(name: str, source: IO[bytes] | None, as_json: bool) -> None:
    """Opens a mission in your editor and lands what you saved, merged with what others changed meanwhile."""
    from sync import files
    from sync.place_names import below

    chosen = load_settings()
    fleet = wiring.fleet(chosen)
    name = full_name(chosen, fleet, name)
    base = fleet.source(name)
    mine = source.read() if source else _in_editor(base)
    if mine == base:
        click.echo("nothing was changed", err=True)
        if as_json:
            terminal.print_json([])
        return
    try:
        disputes = fleet.edit(name, base, mine)
    except (OrchestratorError, SyncError):
        path = below(chosen.home / "unsent", f"{Path(name).name}.md")
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace(path, mine)
        click.echo(f"shiftbook: your text is kept in {path}", err=True)
        raise
    if as_json:
        terminal.print_json([asdict(one) for one in disputes])
        return
    click.echo(f"{name} is changed")
    for one in disputes:
        terminal.say(f"not kept: {one.says}; `shiftbook conflicts show {one.ident}`")


def _in_editor(base: bytes) -> bytes:
    text = click.edit(base.decode("utf-8", "surrogateescape"), extension=".md")
    return base if text is None else text.encode("utf-8", "surrogateescape")
