"""What does `shiftbook mission new` do about a mission that names no project?"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from missions.mission import CODING_TASK, NO_PROJECT
from orchestrator.cli import terminal
from orchestrator.core.errors import WrongSetting
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.assignment.project_match import ProjectMatch, find_project


def choose_project(
    look: Callable[[], LedgerSnapshot], body: str, fields: Mapping[str, object], *, none: bool, anywhere: bool = False
) -> str | None:
    """The project in whose clone the person stands, else the one that the mission names; None where it names none. Says
    why on standard error.

    `none` is the person's word that it has none, `anywhere` that its text is not looked at for one. Where it is not
    certain it asks on a terminal; off one it raises WrongSetting with what it could be.
    """
    needs = fields.get("task") == CODING_TASK
    if none and (needs or fields.get("project")):
        raise WrongSetting("--no-project", "not together with --project or a coding_task, which needs one")
    if none:
        return NO_PROJECT
    here = project_here(look)
    if here:
        terminal.say(f"for {here}, in whose clone you stand; --project or --no-project says otherwise", err=True)
        return here
    if anywhere:
        return None
    ledger, scope = look(), fields.get("scope")
    patterns = tuple(map(str, scope)) if isinstance(scope, tuple) else ()
    verdict = find_project(ledger, f"{fields.get('title') or ''}\n\n{body}", needs=needs, scope=patterns)
    if verdict.project:
        terminal.say(f"this looks like {verdict.looks}; --project says otherwise", err=True)
        return verdict.project
    if not needs and not verdict.candidates:
        return None
    named = [candidate.project for candidate in verdict.candidates]
    names = [*named, *(name for name in sorted(ledger.charter.projects) if name not in named)]
    if sys.stdin.isatty():
        return _ask_project(verdict, names, needs=needs)
    raise WrongSetting("--project", _explain_unsure(verdict, names, needs=needs))


def project_here(look: Callable[[], LedgerSnapshot]) -> str:
    """The project whose clone the working folder lies in; "" where it lies in none."""
    here = Path.cwd()
    top = next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), None)
    if top is None:
        return ""
    from orchestrator.workflow.projects.discovery import addresses_of
    from orchestrator.workflow.projects.enrol import project_of

    return project_of(look(), addresses_of(top.resolve()))


def _ask_project(verdict: ProjectMatch, names: list[str], *, needs: bool) -> str:
    for candidate in verdict.candidates:
        click.echo(f"it could be {candidate.project} (because {candidate.because})", err=True)
    if not names:
        raise WrongSetting("--project", _explain_unsure(verdict, names, needs=needs))
    choices = names if needs else [*names, NO_PROJECT]
    return str(click.prompt("which project?", type=click.Choice(choices), default=names[0], err=True))


def _explain_unsure(verdict: ProjectMatch, names: list[str], *, needs: bool) -> str:
    how = "say --project NAME" if needs else "say --project NAME, or --no-project"
    if verdict.candidates:
        return f"none is named; {verdict.could_be}: {how}"
    known = ", ".join(names) or "none yet (`shiftbook project add`)"
    return f"a coding_task needs one, and this one names none; fleet.toml has {known}: {how}"
