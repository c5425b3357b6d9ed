"""shiftbook continuity plan, run, report, show: does documented context help? An experiment that can be repeated."""

from __future__ import annotations

import secrets
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
DEFAULT_BUDGET = 600
"""Tokens in each arm, where nobody says how many."""
MONTHS_SHOWN = 4
"""Months of a series that fit beside the names, in 80 columns."""
NO_CASE = "nothing can be said yet: ended missions, failed attempts, heard warnings and questions are counted here"
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")


@click.command("plan")
@FOLDER
@click.option("--projects", default=12, show_default=True, type=click.IntRange(2, 1000), help="Made-up projects.")
@click.option("--sessions", default=12, show_default=True, type=click.IntRange(4, 200), help="Sessions of each.")
@click.option("--instances", default=2, show_default=True, type=click.IntRange(1, 20), help="Fresh instances an item.")
@click.option("--turns", default=2, show_default=True, type=click.IntRange(1, 20), help="Calls in a task at most.")
@click.option("--budget", type=click.IntRange(100, 100_000), help="Tokens in each arm.  [default: 600]")
@click.option(
    "--generation", default=3, show_default=True, type=click.IntRange(1, 20), help="Reviews before the handoff."
)
@click.option(
    "--items", type=click.Choice(["all", "questions", "tasks", "goals"]), help="What is asked.  [default: all]"
)
@click.option("--arm", "arms", multiple=True, help="Only this arm; may be repeated.")
@click.option(
    "--ablation",
    metavar="NAME",
    help="The arms and hypotheses of one question: tiers, order, briefing, budgets, action.",
)
@click.option("--difference", default=0.2, show_default=True, help="The difference that it is made to find.")
@click.option("--discordance", default=0.4, show_default=True, help="The share of pairs that will differ.")
@click.option("--spread", default=0.15, show_default=True, help="How far projects differ in it (standard deviation).")
@click.option("--seed", type=int, help="What projects and order are drawn by; drawn afresh unless given.")
@AS_JSON
def plan(
    folder: Path,
    arms: tuple[str, ...],
    ablation: str | None,
    budget: int | None,
    items: str | None,
    seed: int | None,
    as_json: bool,
    **sizes: int | float,
) -> None:
    """Writes a study's plan into DIR, before the first answer: arms, sizes, hypotheses, their power.

    The reader is the model that answers here (SHIFTBOOK_MODEL, `shiftbook models use`). A plan is never changed.
    """
    from handoff.context_builder import memoised
    from orchestrator.continuity.given_contexts import with_contexts
    from orchestrator.continuity.reader import ModelReader
    from orchestrator.continuity.study_plan import StudyPlan, with_power, write_plan

    chosen = _chosen(arms, ablation, budget, items)
    model = _model()
    try:
        unfixed = with_power(
            StudyPlan(
                seed=secrets.randbelow(2**31) if seed is None else seed,
                seed_given=seed is not None,
                reader=ModelReader(model=model).name,
                made=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                **chosen,  # type: ignore[arg-type]  # as the plan has them
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
@click.option("--html", "as_html", is_flag=True, help="As one page of HTML with plots, which needs nothing else.")
@AS_JSON
def report(folder: Path, target: Path | None, title: str, as_html: bool, as_json: bool) -> None:
    """Prints what a study found as a page of Markdown, or HTML: verdicts, measures, the worst cases, the cost."""
    from orchestrator.continuity.study_plan import read_plan, require_statistics
    from orchestrator.continuity.study_run import plan_commit, read_answers
    from sync import files

    require_statistics()
    from orchestrator.continuity.arm_measures import measure_arms
    from orchestrator.continuity.goal_report import study_goals
    from orchestrator.continuity.html_report import render_html
    from orchestrator.continuity.report import render_report
    from orchestrator.continuity.verdicts import judge

    made = read_plan(folder)
    records = read_answers(made, folder)
    if made.goals and as_html:
        raise WrongSetting("--html", "a study of goals has a page of Markdown alone: leave --html out")
    render = render_html if as_html else render_report
    text = render(made, records, title, commit=plan_commit(folder))
    if target:
        files.replace(target, text)
    if as_json:
        verdicts = judge(made, records)
        held = {one.name for one in verdicts.results(made.alpha)}
        hypotheses = [asdict(one) | {"holds": one.name in held} for one in verdicts.hypotheses]
        arms = [asdict(one) for one in measure_arms(records)]
        told = {"whole": verdicts.whole, "plan": made.digest, "hypotheses": hypotheses, "arms": arms}
        if made.goals and verdicts.whole:
            goals = study_goals(made, records)
            told["goals"] = [asdict(one) | {"emerges": one.emerges(made.alpha)} for one in goals]
        terminal.print_json(told)
    elif target:
        click.echo(f"wrote {target}")
    else:
        click.echo(text, nl=False)


@click.command("show")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="[DIR]", required=False)
@click.option("--month", default="", metavar="YYYY-MM", help="Measure this month anew; default: the one that runs.")
@AS_JSON
def show(folder: Path | None, month: str, as_json: bool) -> None:
    """Shows what the fleet's real missions say about continuity, this month and the months before.

    They are counts with intervals and no experiment. With DIR: what a study's plan is, how far it is, and the next
    step. Asks no model and judges nothing.
    """
    if folder is None:
        _show_fleet(month, as_json)
        return
    if month:
        raise WrongSetting("--month", "a study has none: leave DIR out to see the fleet's months")
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


def _show_fleet(month: str, as_json: bool) -> None:
    from orchestrator.workflow.continuity.month_overview import continuity_overview
    from orchestrator.workflow.continuity.month_page import MONTH

    if month and not MONTH.fullmatch(month):
        raise WrongSetting("--month", f"{month!r} is no month, such as 2026-11")
    fleet = wiring.fleet(load_settings())
    found = continuity_overview(fleet.ledger(), month or f"{wiring.now():%Y-%m}")
    terminal.warn(fleet)
    if as_json:
        terminal.print_json(found)
        return
    click.echo(f"{found['month']}: {found['says']}")
    counted = [one for one in found["measures"] if one["of"]]
    for one in counted:
        click.echo(
            f"{one['short']:42}{one['share_words']:>5}  {one['count']} of {one['of']}  {one['interval_words']}".rstrip(
                "–"
            )
        )
    for item in found["harmful"]:
        click.echo(f"hurts: {item['project']}: {item['text']} [{', '.join(item['cites'])}]: {item['why']}")
    if len(found["series"]) > 1:
        _print_series(found["series"][-MONTHS_SHOWN:])
    if not counted:
        click.echo(NO_CASE, err=True)
    elif left := len(found["measures"]) - len(counted):
        click.echo(f"{left} more measure{'s have' if left > 1 else ' has'} no case yet", err=True)
    click.echo("counts of real missions, no experiment: that months differ is no result", err=True)


def _print_series(rows: list[dict[str, Any]]) -> None:
    """The shares of some months beside each other."""
    click.echo(f"\n{'':42}{'  '.join(row['month'] for row in rows)}")
    for measures in zip(*(row["measures"] for row in rows), strict=True):
        cells = "  ".join(f"{one['share_words']:>7}" for one in measures)
        click.echo(f"{measures[0]['short']:42}{cells}")


def _chosen(arms: tuple[str, ...], ablation: str | None, budget: int | None, items: str | None) -> dict[str, object]:
    """Which arms, hypotheses, tokens and items a plan has. Raises WrongSetting."""
    from orchestrator.continuity.ablations import ABLATIONS
    from orchestrator.continuity.arms import MEANS, Arm
    from orchestrator.continuity.emergent_goals import GOAL_ARMS

    if unknown := [arm for arm in arms if arm not in set(MEANS)]:
        raise WrongSetting("--arm", f"there is no arm {unknown[0]!r}: one of {', '.join(MEANS)}")
    if ablation is None:
        wanted = tuple(dict.fromkeys(arms)) or (GOAL_ARMS if items == "goals" else tuple(map(str, Arm)))
        if items == "goals" and (absent := [arm for arm in GOAL_ARMS if arm not in wanted]):
            raise WrongSetting("--arm", f"goals are told from chance by {', '.join(GOAL_ARMS)}: {absent[0]} is missing")
        return {"arms": wanted, "budget": budget or DEFAULT_BUDGET, "items": items or "all"}
    if items == "goals":
        raise WrongSetting("--ablation", "none asks for goals: leave --items out")
    if ablation not in ABLATIONS or arms:
        none = f"there is none {ablation!r}: one of {', '.join(ABLATIONS)}"
        raise WrongSetting("--ablation", "it names its arms: leave --arm out" if arms else none)
    one = ABLATIONS[ablation]
    return {
        "arms": tuple(map(str, one.arms)),
        "hypotheses": one.hypotheses,
        "budget": budget or one.budget,
        "items": items or one.items,
    }


def _effort(made: StudyPlan) -> str:
    from orchestrator.continuity.study_plan import most_calls, most_tokens

    calls, tokens = most_calls(made), most_tokens(made)
    each = round(tokens / max(1, calls))
    return f"{calls:,} calls of about {each:,} tokens and what a task's turns add: {tokens:,} in all"


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
