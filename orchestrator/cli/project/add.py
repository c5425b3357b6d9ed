"""shiftbook project add: what is a repository like, does it work here, and how does it become a project?"""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.cli.project.enrolment import DELIVERY_WORDS, FORGE_KINDS, open_enrolment, print_added
from orchestrator.cli.project.first_fleet import settings_with_fleet
from orchestrator.core.errors import NotFound

if TYPE_CHECKING:
    from orchestrator.execution.project_trial import TrialResult
    from orchestrator.workflow.fleet import Fleet
    from orchestrator.workflow.projects.discovery import DiscoveredRepository
    from orchestrator.workflow.projects.inspection import RepositoryFacts

BELOW_LABEL = " " * 9
"""What a fact goes on behind that takes more than a line."""
EDITABLE = ("aliases", "branch", "setup", "test", "tools", "on_approval", "forge", "forge_url")
"""What an option says of a project that is known already."""


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    """What may become a project. `facts` are of a repository on this machine, `given` is what the person said."""

    found: DiscoveredRepository
    facts: RepositoryFacts | None
    given: dict[str, Any]
    update_instead: bool
    hints: tuple[str, ...] = ()
    """What its files propose besides, in words."""

    @property
    def trapped(self) -> bool:
        """Whether a merge cannot be pushed there."""
        return bool(self.facts and self.facts.trapped) and not self.update_instead


@click.command("add")
@click.argument("where", metavar="URL|PATH")
@click.option("--name", default="", help="What missions call it; made from the repository's name if missing.")
@click.option("--alias", "aliases", multiple=True, help="Another name for it; may be given several times.")
@click.option("--branch", help="The default branch; asked of the repository if missing.")
@click.option("--setup", help="What prepares a clone, with the network; told from its lock files if missing.")
@click.option("--test", help="Its test command; told from its files if missing.")
@click.option("--tool", "tools", multiple=True, help="A path that its runs may read, such as ~/.pyenv; several times.")
@click.option("--on-approval", type=click.Choice(list(DELIVERY_WORDS)), help="What an approval does with a branch.")
@click.option("--forge", type=click.Choice(FORGE_KINDS), help="The forge it is on, for pull requests and issues.")
@click.option("--forge-url", help="Its page there, where its address does not tell.")
@click.option("--update-instead", is_flag=True, help="Let merges be pushed into this work tree while it is clean.")
@click.option("--try/--no-try", "tried", default=True, help="Run set-up and tests once in the sandbox first.")
@click.option("--yes", is_flag=True, help="Take what is found, without asking.")
@click.option("--json", "as_json", is_flag=True, help="Print the project as JSON.")
def add(where: str, name: str, update_instead: bool, tried: bool, yes: bool, as_json: bool, **given: Any) -> None:
    """Looks at a repository and adds it to fleet.toml, signed by you as an admin. A clone is added by its origin.

    On a terminal it asks; elsewhere set-up and tests are tried with --yes only. Nothing is pushed into the repository.
    On a machine without a fleet it makes one in ~/fleet, if you agree.
    """
    asks = sys.stdin.isatty() and not (yes or as_json)
    fleet = wiring.fleet(settings_with_fleet(asks=asks, agreed=yes, quiet=as_json))
    said = {key: value for key, value in given.items() if value is not None and value != ()}
    one = _look(where, name, said, update_instead)
    if known := _known_as(fleet, one):
        _change_known(fleet, known, one, as_json)
        return
    if not as_json:
        _print_look(one)
    trial = None
    if tried and (yes or asks) and (not asks or click.confirm("try its set-up and tests here now?", default=True)):
        told = one.hints
        one, trial = _try(one, quiet=as_json)
        if not as_json and one.hints != told:
            _print_hints(one.hints)
    one = _ask_delivery(one) if asks else _propose_delivery(one, yes=yes)
    if asks:
        click.confirm(f"add {one.found.name} to the fleet?", default=True, abort=True)
    _finish(fleet, one, trial, as_json)


def _look(where: str, name: str, given: dict[str, Any], update_instead: bool) -> _Candidate:
    from orchestrator.execution.workspace.served_repository import local_path
    from orchestrator.workflow.projects.discovery import repository_from_folder, repository_from_url
    from orchestrator.workflow.projects.inspection import read_facts, repository_files
    from orchestrator.workflow.projects.repository_hints import repository_hints
    from sync import files

    folder = files.expand_home(where)
    place = folder if folder.is_dir() else local_path(where) or folder  # file://…
    facts, hints = None, []
    if place.is_dir():
        found = repository_from_folder(place, name=name, named=True)
        itself = place is not folder
        found = replace(found, url=where if itself else found.url, **given)
        facts = read_facts(place.resolve(), url=str(place.resolve()) if itself else found.url, branch=found.branch)
        hints = repository_hints(repository_files(place.resolve(), found.branch), setup=found.setup)
    elif where.startswith(("/", ".", "~")):
        raise NotFound(f"{where} is no folder on this machine")
    else:
        found = replace(repository_from_url(where, name=name, branch=given.get("branch") or ""), **given)
    return _Candidate(found=found, facts=facts, given=given, update_instead=update_instead, hints=tuple(hints))


def _known_as(fleet: Fleet, one: _Candidate) -> str:
    from orchestrator.workflow.projects.enrol import known_as

    return known_as(fleet.ledger(), one.found)


def _change_known(fleet: Fleet, known: str, one: _Candidate, as_json: bool) -> None:
    """A project that is there gets what was said of it, and nothing that was only found."""
    from orchestrator.workflow.projects.inspection import allow_update_instead

    values = {key: one.given[key] for key in EDITABLE if key in one.given}
    changed = bool(values) and open_enrolment(fleet).edit(known, values)
    if one.update_instead and one.facts and one.facts.own:
        allow_update_instead(one.facts.folder)
        changed = True
    if as_json:
        part = fleet.ledger().charter.projects[known]
        terminal.print_json([{"name": known} | part.model_dump()] if changed else [])
    elif changed:
        click.echo(f"{one.found.url} is the project {known} already; changed: {', '.join(values) or 'its settings'}")
    else:
        click.echo(f"nothing to do: {one.found.url} is the project {known} already")


def _print_look(one: _Candidate) -> None:
    from orchestrator.workflow.projects.inspection import UPDATE_INSTEAD, remarks

    found, facts = one.found, one.facts
    if facts and one.update_instead:
        facts = replace(facts, deny=UPDATE_INSTEAD)  # what was just said is no longer worth knowing
    terminal.say(f"{found.name}: {found.url} · {found.branch}" + (f" · {one.facts.kind}" if one.facts else ""))
    for label, value in (("setup", found.setup), ("test", found.test), ("tools", ", ".join(found.tools))):
        terminal.say(f"  {label:<6} {value or '- (no file tells)'}", below=BELOW_LABEL)
    for remark in remarks(facts) if facts else ():
        terminal.say(f"  note   {remark}", below=BELOW_LABEL)
    _print_hints(one.hints)


def _print_hints(hints: Sequence[str]) -> None:
    for hint in hints:
        terminal.say(f"  hint   {hint}", below=BELOW_LABEL)


def _try(one: _Candidate, *, quiet: bool) -> tuple[_Candidate, TrialResult]:
    """The candidate as it works here: what fails is left out, unless the person said it."""
    from orchestrator.app.factories.project_factory import project_trial
    from orchestrator.cli.live.sign_of_life import SignOfLife, can_write_over
    from orchestrator.core.ports.agent import Project
    from orchestrator.workflow.projects.discovery import tools_here
    from orchestrator.workflow.projects.repository_hints import repository_hints
    from orchestrator.workflow.projects.toolchain import find_toolchain, folder_files

    settings = load_settings()
    (settings.home / "work").mkdir(parents=True, exist_ok=True)

    sign = SignOfLife(out=sys.stderr, shown=not quiet and can_write_over(sys.stderr), before="  ")

    def say(line: str) -> None:
        sign.end()
        if not quiet:
            terminal.say(f"  {line}", err=True, below="  ")
        sign.begin("working")  # a set-up takes minutes, and says nothing meanwhile

    sign.begin("working")
    with ExitStack() as at_end, tempfile.TemporaryDirectory(dir=settings.home / "work", prefix=".trial-") as folder:
        at_end.callback(sign.end)
        trial = project_trial(settings, Path(folder), say)
        found = one.found
        project = Project(name=found.name, url=found.url, branch=found.branch)
        site = trial.check_out(project, threading.Event())
        if not (found.setup or found.test):  # of an address nothing was known before
            files = folder_files(site.tree)
            told = find_toolchain(files)
            one = replace(one, hints=tuple(repository_hints(files, setup=told.setup)))
            found = replace(found, setup=told.setup, test=told.test, tools=found.tools or tools_here(told.programs))
        project = replace(project, setup=found.setup or None, test=found.test or None, tools=found.tools)
        result = trial.run(project, site)
    if not (result.passed or result.untried):
        kept = one.given.keys() & {"setup", "test"}
        found = replace(found, setup=found.setup if "setup" in kept else "", test=found.test if "test" in kept else "")
    return replace(one, found=found), result


def _propose_delivery(one: _Candidate, *, yes: bool) -> _Candidate:
    if one.found.on_approval or not yes:
        return one
    return replace(one, found=replace(one.found, on_approval="nothing" if one.trapped else "merge"))


def _ask_delivery(one: _Candidate) -> _Candidate:
    """Says what an approval will do, and asks for it, before anything is written."""
    if one.trapped and one.facts:
        where = f"{one.facts.branch} in {one.facts.folder}"
        question = f"may approved work be merged into {where}, with the work tree brought along while it is clean?"
        one = replace(one, update_instead=terminal.confirm(question, default=False))
    if one.found.on_approval:
        return one
    default = "nothing" if one.trapped else "merge"
    words = {word: says for word, says in DELIVERY_WORDS.items() if word != "pull_request" or one.found.forge}
    for word, meaning in words.items():
        terminal.say(f"  {word:<12} {meaning.format(branch=one.found.branch)}", below=" " * 15)
    how = click.prompt("on approval?", type=click.Choice(list(words)), default=default)
    return replace(one, found=replace(one.found, on_approval=how))


def _finish(fleet: Fleet, one: _Candidate, trial: TrialResult | None, as_json: bool) -> None:
    from orchestrator.workflow.projects.inspection import allow_update_instead, merge_command, remarks

    added = open_enrolment(fleet).add([one.found])
    if one.update_instead and one.facts and one.facts.own:
        allow_update_instead(one.facts.folder)
    if as_json:
        notes = list(remarks(one.facts)) if one.facts else []
        more = {"notes": notes, "hints": list(one.hints), "trial": asdict(trial) if trial else None}
        terminal.print_json([asdict(each) | more for each in added])
        return
    print_added(added, False)
    name = one.found.name
    if trial and trial.passed:
        terminal.say(f"its tests passed here in {trial.seconds:.0f} s" if one.found.test else "it has no test command")
    elif trial and trial.untried:
        terminal.say(f"its set-up and tests are written down untried: {trial.wrong}")
    elif trial:
        terminal.say(f"its tests do not run here yet: {trial.wrong}")
        terminal.say(f"{trial.hint or 'mend that'}, then `shiftbook project edit {name} --setup … --test …`")
    how = one.found.on_approval or "nothing"
    if how == "nothing" and one.facts and one.facts.own and not one.facts.bare:
        terminal.say(f"approved branches are yours to merge: {merge_command(one.facts.folder)}")
    elif how == "nothing":
        terminal.say(
            f"approved branches stay as they are: `shiftbook project edit {name} --on-approval merge` has them merged"
        )
    else:
        terminal.say(f"on approval: {DELIVERY_WORDS[how].format(branch=one.found.branch)}")
    terminal.say(f'next: `shiftbook mission new "…"` in a clone of it, or with --project {name} anywhere')
