"""shiftbook models list, check, pull, use: with which models can this machine answer, and what are they good for?"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.core.environment import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress

    from orchestrator.core.model_competence import Competence


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def list_(as_json: bool) -> None:
    """Lists the models of every backend that can be reached, with size, context and what they are good for."""
    shelf = wiring.model_manager(load_settings())
    listed, lacking = shelf.listing()
    backend, name, why = shelf.in_use()
    if as_json:
        rows = [
            asdict(one) | _competence_json(shelf.judge(one)) | {"in_use": (one.backend, one.name) == (backend, name)}
            for one in listed
        ]
        terminal.print_json(
            {"models": rows, "in_use": {"backend": backend, "model": name, "why": why}, "lacking": lacking}
        )
        return
    for one in listed:
        mark = "●" if (one.backend, one.name) == (backend, name) else " "
        facts = [f"{one.size / 1e6:.0f} MB" if one.size else "", one.parameters, one.quantisation]
        judged = shelf.judge(one)
        told = " · ".join(filter(None, [*facts, f"{one.context_tokens} tokens", _good_for(judged)]))
        click.echo(f"{mark} {one.name}  {one.backend} · {told}")
    click.echo(f"{name or 'No model'} answers: {why}." if name else f"No model answers: {why}.", err=True)
    for line in lacking:
        click.echo(line, err=True)
    advised = next((shelf.judge(one) for one in listed if (one.backend, one.name) == (backend, name)), None)
    if advised and not advised.codes:
        click.echo(f"{advised.says()}.", err=True)


def _good_for(judged: Competence) -> str:
    measured = f" ({judged.check.says()})" if judged.check else ""
    return f"good for: {judged.good_for.value}{measured}"


def _competence_json(judged: Competence) -> dict[str, Any]:
    check = judged.check
    return {
        "good_for": judged.good_for.value,
        "tool_use": check.uses_tools if check else None,
        "check": asdict(check) if check else None,
    }


@click.command("check")
@click.argument("name", metavar="MODEL", default="")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def check(name: str, as_json: bool) -> None:
    """Measures what a model is good for.

    A dozen short tasks, once; of the one that answers where none is named. The result is kept in the home folder.
    `agent: auto` gives work on code to no model that is not good for it; a toy's words are shown only as far as the
    handoff bears them out.
    """
    judged = wiring.model_manager(load_settings()).check(name, now=wiring.now, clock=wiring.clock)
    if as_json:
        terminal.print_json({"model": judged.model, **_competence_json(judged)})
        return
    assert judged.check
    click.echo(f"{judged.model} · {_good_for(judged)} · {judged.check.seconds:.0f} s")
    click.echo(f"{judged.says()}.", err=True)


@click.command("pull")
@click.argument("name", metavar="MODEL")
@click.option("--sha256", default="", metavar="HASH", help="What the file must come to.")
@click.option("--use", "use_it", is_flag=True, help="Answer with it from now on.")
@click.option("--json", "as_json", is_flag=True, help="Print what is here now as JSON.")
def pull(name: str, sha256: str, use_it: bool, as_json: bool) -> None:
    """Fetches a model: `embedded`, an Ollama tag, the address of a GGUF file, or hf:owner/repository/file.gguf.

    A download that was broken off goes on where it stopped; a file gets its name only when its hash is right.
    """
    shelf = wiring.model_manager(load_settings())
    with _progress() as tell:
        pulled = shelf.pull(name, sha256=sha256, tell=tell)
    if use_it:
        shelf.use(pulled.use)
    if as_json:
        terminal.print_json({"model": pulled.use, "path": pulled.path, "sha256": pulled.sha256, "in_use": use_it})
        return
    click.echo(f"{pulled.use} is here{f' ({pulled.path})' if pulled.path else ''}.")
    if pulled.sha256:
        click.echo(f"sha256 {pulled.sha256}", err=True)
    click.echo("It is in use." if use_it else f"Answer with it: shiftbook models use {pulled.use}", err=True)


@click.command("use")
@click.argument("name", metavar="MODEL")
@click.option("--json", "as_json", is_flag=True, help="Print the setting as JSON.")
def use(name: str, as_json: bool) -> None:
    """Answers with another model from now on: a listed one, a GGUF file, or `embedded`.

    Writes SHIFTBOOK_MODEL into the home folder's .env; other lines there stay. A node that runs takes it up when it is
    started again.
    """
    chosen = load_settings()
    shelf = wiring.model_manager(chosen)
    value = shelf.use(name)
    if as_json:
        terminal.print_json(
            {"SHIFTBOOK_MODEL": value, "written": chosen.home / ".env", "overridden": shelf.overridden()}
        )
    else:
        click.echo(f"SHIFTBOOK_MODEL={value} ({chosen.home / '.env'})" if value else "The embedded model answers.")
    if shelf.overridden():
        click.echo("shiftbook: the environment sets SHIFTBOOK_MODEL too, and wins", err=True)


@contextmanager
def _progress() -> Iterator[_ProgressBar]:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from orchestrator.cli.console import console

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    out = console(stderr=True)
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        yield _ProgressBar(progress)


class _ProgressBar:
    """One line of progress for each thing that is fetched."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, int] = {}

    def __call__(self, what: str, done: int, of: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=of or None)
        self._progress.update(self._tasks[what], completed=done, total=of or None)  # type: ignore[arg-type]  # a TaskID
