"""shiftbook continuity plan, run, report, show: does documented context help? An experiment that can be repeated."""

from __future__ import annotations

import secrets
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.core.errors import WrongSetting

if TYPE_CHECKING:
    from orchestrator.continuity.study_plan import StudyPlan
    from orchestrator.core.ports.model import Model

FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
EMBEDDED = frozenset({"xllamacpp", "llama-cpp-python"})
"""Backends that run in this program and cost nothing but time."""
ENOUGH_POWER = 0.8
"""The chance of finding what a study is made to find, below which its plan says how many projects that would take."""
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")


@click.command("plan")
@FOLDER
@click.option("--projects", default=12, show_default=True, type=click.IntRange(2, 1000), help="Made-up projects.")
@click.option("--sessions", default=12, show_default=True, type=click.IntRange(4, 200), help="Sessions of each.")
@click.option("--instances", default=2, show_default=True, type=click.IntRange(1, 20), help="Fresh instances an item.")
@click.option("--turns", default=2, show_default=True, type=click.IntRange(1, 20), help="Calls in a task at most.")
@click.option("--budget", default=600, show_default=True, type=click.IntRange(100, 100_000), help="Tokens in each arm.")
@click.option(
    "--generation", default=3, show_default=True, type=click.IntRange(1, 20), help="Reviews before the handoff."
)
@click.option("--items", type=click.Choice(["all", "questions", "tasks"]), default="all", help="What is asked.")
@click.option("--arm", "arms", multiple=True, help="Only this arm; may be repeated.")
@click.option("--difference", default=0.2, show_default=True, help="The difference that it is made to find.")
@click.option("--discordance", default=0.4, show_default=True, help="The share of pairs that will differ.")
@click.option("--spread", default=0.15, show_default=True, help="How far projects differ in it (standard deviation).")
@click.option("--seed", type=int, help="What projects and order are drawn by; drawn afresh unless given.")
@AS_JSON
def plan(folder: Path, arms: tuple[str, ...], seed: int | None, as_json: bool, **sizes: int | float | str) -> None:
    """Writes a study's plan into DIR, before the first answer: arms, sizes, hypotheses, their power.

    The reader is the model that answers here (SHIFTBOOK_MODEL, `shiftbook models use`). A plan is never changed.
    """
    from handoff.context_builder import memoised
    from orchestrator.continuity.arms import Arm
    from orchestrator.continuity.given_contexts import with_contexts
    from orchestrator.continuity.reader import ModelReader
    from orchestrator.continuity.study_plan import StudyPlan, with_power, write_plan

    unknown = [arm for arm in arms if arm not in set(Arm)]
    if unknown:
        raise WrongSetting("--arm", f"there is no arm {unknown[0]!r}: one of {', '.join(Arm)}")
    model = _model()
    chosen = tuple(dict.fromkeys(arms)) or tuple(map(str, Arm))
    try:
        unfixed = with_power(
            StudyPlan(
                seed=secrets.randbelow(2**31) if seed is None else seed,
                seed_given=seed is not None,
                reader=ModelReader(model=model).name,
                made=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                arms=chosen,
                **sizes,  # type: ignore[arg-type]  # click has checked them
            )
        )
        made = with_contexts(unfixed, memoised(model.count))
    finally:
        model.close()
    path = write_plan(made, folder)
    if as_json:
        terminal.print_json({"plan": str(path), "sha256": made.digest, "trials": len(made.trials()), **asdict(made)})
        return
    click.echo(f"wrote {path}: {len(made.trials()):,} trials of {made.reader}, sha256 {made.digest}")
    click.echo(f"at most {_effort(made)}")
    for one in made.hypotheses:
        click.echo(f"{made.power[one.name]:.0%} power · {made.projects} projects, {made.pairs(one)} pairs · {one.name}")
    if made.hypotheses and min(made.power.values()) < ENOUGH_POWER:
        click.echo(_more_projects(made), err=True)
    click.echo(f"commit it, then: shiftbook continuity run {folder}", err=True)


@click.command("run")
@FOLDER
@click.option("--minutes", type=click.FloatRange(0.01), help="Stop after so many; the same command goes on.")
@click.option("--yes", is_flag=True, help="Ask a model that is not embedded here, too: it may cost money.")
@AS_JSON
def run(folder: Path, minutes: float | None, yes: bool, as_json: bool) -> None:
    """Makes the trials of DIR's plan that are missing; broken off, the same command goes on where it was."""
    from handoff.context_builder import memoised
    from orchestrator.continuity.reader import ModelReader
    from orchestrator.continuity.study_plan import committed, read_plan
    from orchestrator.continuity.study_run import StudyRun, read_answers

    made = read_plan(folder)
    ends = time.monotonic() + minutes * 60 if minutes else None
    commit = committed(folder)
    if not commit:
        click.echo("the plan is in no commit: nobody can tell that it was there before the answers", err=True)
    model = _model()
    try:
        if not yes and model.backend not in EMBEDDED:
            raise WrongSetting(
                "--yes",
                f"{model.backend}/{model.name} may cost money: at most {_effort(made)}; type --yes to ask it",
            )
        study = StudyRun(
            plan=made,
            folder=folder,
            reader=ModelReader(model=model, temperature=made.temperature, max_tokens=made.max_tokens),
            commit=commit,
            count=memoised(model.count),
            clock=time.monotonic,
            ended=lambda: ends is not None and time.monotonic() >= ends,
        )
        trials = study.go(_progress)
    finally:
        model.close()
    done, of = len(read_answers(made, folder)), len(made.trials())
    if as_json:
        terminal.print_json({"made": trials, "done": done, "planned": of, "plan": made.digest})
        return
    following = "report" if done == of else "run"
    click.echo(f"{trials:,} trials made, {done:,} of {of:,} are there; next: shiftbook continuity {following} {folder}")


@click.command("report")
@FOLDER
@click.option("--to", "target", type=click.Path(path_type=Path, dir_okay=False), help="Write it into this file.")
@click.option("--title", default="Continuity: one study", show_default=True, help="Its heading.")
@AS_JSON
def report(folder: Path, target: Path | None, title: str, as_json: bool) -> None:
    """Prints what a study found as a page of Markdown: verdicts, measures, the worst cases, the cost."""
    from orchestrator.continuity.study_plan import read_plan, require_statistics
    from orchestrator.continuity.study_run import plan_commit, read_answers
    from sync import files

    require_statistics()
    from orchestrator.continuity.arm_measures import measure_arms
    from orchestrator.continuity.report import render_report
    from orchestrator.continuity.verdicts import judge

    made = read_plan(folder)
    records = read_answers(made, folder)
    text = render_report(made, records, title, commit=plan_commit(folder))
    if target:
        files.replace(target, text)
    if as_json:
        verdicts = judge(made, records)
        held = {one.name for one in verdicts.results(made.alpha)}
        hypotheses = [asdict(one) | {"holds": one.name in held} for one in verdicts.hypotheses]
        arms = [asdict(one) for one in measure_arms(records)]
        terminal.print_json({"whole": verdicts.whole, "plan": made.digest, "hypotheses": hypotheses, "arms": arms})
    elif target:
        click.echo(f"wrote {target}")
    else:
        click.echo(text, nl=False)


@click.command("show")
@FOLDER
@AS_JSON
def show(folder: Path, as_json: bool) -> None:
    """Says what a study's plan is, how far it is, and the next step; asks no model and judges nothing."""
    from orchestrator.continuity.study_plan import read_plan
    from orchestrator.continuity.study_run import read_answers

    made = read_plan(folder)
    done, of = len(read_answers(made, folder)), len(made.trials())
    if as_json:
        terminal.print_json({"sha256": made.digest, "done": done, "planned": of, **asdict(made)})
        return
    click.echo(f"{done:,} of {of:,} trials · {made.reader} · planned {made.made} · sha256 {made.digest}")
    for one in made.hypotheses:
        click.echo(
            f"{one.first} − {one.second}: {one.name} ({made.pairs(one)} pairs, {made.power[one.name]:.0%} power)"
        )
    click.echo(f"next: shiftbook continuity {'report' if done == of else 'run'} {folder}", err=True)


def _effort(made: StudyPlan) -> str:
    from orchestrator.continuity.study_plan import most_calls

    calls, tokens = most_calls(made), made.budget + made.max_tokens
    return f"{calls:,} calls of about {tokens:,} tokens and what a task's turns add: {calls * tokens:,} in all"


def _more_projects(made: StudyPlan) -> str:
    from orchestrator.continuity.study_plan import projects_needed

    try:
        needed = f"about {projects_needed(made, ENOUGH_POWER):,} projects"
    except WrongSetting as error:
        return f"a power of {ENOUGH_POWER:.0%} is out of reach: {error}"
    return f"a power of {ENOUGH_POWER:.0%} would take {needed}: more --projects (instances add none)"


def _model() -> Model:
    model = wiring.model(load_settings())
    if missing := model.missing():
        model.close()
        raise WrongSetting("SHIFTBOOK_MODEL", missing)
    return model


def _progress(done: int, of: int) -> None:
    """A line on standard error at each twentieth."""
    if done == of or done % max(1, of // 20) == 0:
        click.echo(f"{done:,} of {of:,}", err=True)
