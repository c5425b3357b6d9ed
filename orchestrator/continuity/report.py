"""What is a study's report, for somebody who never saw the product? A page: asked, found, how sure, where it failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.continuity.arm_measures import ArmMeasures, measure_arms
from orchestrator.continuity.arms import MEANS, arm_of
from orchestrator.continuity.goal_report import goals_found
from orchestrator.continuity.statistics.cluster_bootstrap import FEW_CLUSTERS
from orchestrator.continuity.study_plan import StudyPlan
from orchestrator.continuity.trial import TrialRecord
from orchestrator.continuity.verdicts import ArmComparison, StudyVerdicts, judge
from orchestrator.continuity.worst_cases import worst_cases

LOW_POWER = 0.8
"""Below this chance of finding what it was made to find, a study that finds nothing says little."""
MEASURES = (
    ("questions right", "questions_right"),
    ("tasks right", "tasks_right"),
    ("decisions recovered before the first edit", "recovered"),
    ("tasks built in their turns", "built"),
    ("failed path avoided", "path_avoided"),
    ("known failures repeated, a task", "repeated"),
    ("convention kept", "convention"),
    ("superseded value used", "superseded"),
    ("absence recognised", "absence"),
    ("harm: right with nothing, wrong here, of all pairs", "harm"),
    ("gain: wrong with nothing, right here, of all pairs", "gain"),
    ("no answer that could be read", "unread"),
    ("agreement of instances (alpha)", "alpha"),
    ("all instances right", "all_right"),
)


def render_report(
    plan: StudyPlan, records: Sequence[TrialRecord], title: str = "Continuity: one study", *, commit: str = ""
) -> str:
    """The report on the answers so far; an incomplete study has measures and no results."""
    verdicts, measures = judge(plan, records), measure_arms(records)
    if plan.goals:
        goals = (_asked(plan, verdicts, title, commit), goals_found(plan, records), _cost(measures))
        return "\n\n".join("\n".join(part) for part in goals) + "\n"
    parts = (
        _asked(plan, verdicts, title, commit),
        _answered(plan, verdicts),
        _measured(measures),
        _reader(verdicts, plan.alpha),
        _cases(plan, records),
        _cost(measures),
    )
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _commit(commit: str) -> str:
    return f"the answers that it stood in commit `{commit[:16]}`" if commit else "in no commit when it was run"


def _asked(plan: StudyPlan, verdicts: StudyVerdicts, title: str, commit: str) -> Iterator[str]:
    yield f"# {title}\n"
    questions = f"answered {len(plan.questions)} closed questions" if plan.questions else ""
    tasks = f"did {len(plan.tasks)} small tasks" if plan.tasks else ""
    goals = "said in a sentence what they would do first that nobody has asked for" if plan.goals else ""
    did = " and ".join(filter(None, (questions, tasks, goals)))
    yield (
        f"Fresh instances of `{plan.reader}` took over {plan.projects} made-up projects of {plan.sessions} sessions, "
        f"{did}, {plan.instances} instance{'s' * (plan.instances != 1)} each. What differs between arms is what they "
        f"were given, in {plan.budget} tokens each:\n"
    )
    yield from (f"- **{arm}**: {MEANS[arm_of(arm)]}" for arm in plan.arms)
    judged = "Tasks are judged by running them, questions by which of the given answers was chosen"
    if plan.goals:
        judged = "Goals are compared by their words"
    yield (
        f"\nThe plan says that it was written {plan.made} (sha256 `{plan.digest[:16]}…`), {_commit(commit)}, and its "
        f"seed was {'chosen by hand: nothing shows that it was the first' if plan.seed_given else 'drawn by chance'}; "
        f"{verdicts.done:,} of {verdicts.planned:,} trials are made. {judged}; no model judges anything."
    )


def _answered(plan: StudyPlan, verdicts: StudyVerdicts) -> Iterator[str]:
    yield "## What came out\n"
    if not verdicts.whole:
        yield "**The study is not whole: nothing below is a result yet.**\n"
    found = [one.name for one in verdicts.results(plan.alpha)]
    if verdicts.whole:
        yield f"Of {len(verdicts.hypotheses)} planned hypotheses {len(found)} hold: {'; '.join(found) or 'none'}.\n"
    if verdicts.control and not verdicts.control.holds(plan.alpha):
        yield (
            "The check of the study itself failed: not even the facts that decide helped this reader by more than "
            "chance. So where nothing was found, that says nothing about handoffs.\n"
        )
    heads = (
        "planned",
        "difference",
        "95 % over pairs",
        "95 % over projects",
        "pairs that differ",
        "p over pairs",
        "p over projects",
        "corrected",
    )
    yield f"| {' | '.join([*heads, 'power', 'holds'])} |"
    yield f"|{'---|' * (len(heads) + 2)}"
    yield from (_row(one, plan.power.get(one.name), plan.alpha, whole=verdicts.whole) for one in verdicts.hypotheses)
    yield (
        "\nWhat holds is decided by *p over projects* (exact, each project counts once), corrected by Holm. The "
        "interval over projects and p over pairs decide nothing: an interval without 0 can stand beside a no: it "
        "is not corrected and is too narrow with few projects."
    )
    if none := [name for name, power in plan.power.items() if power == 0]:
        yield f"\nLeft out of the correction, as the plan said that they could not be found: {'; '.join(none)}."
    weak = [name for name, power in plan.power.items() if power < LOW_POWER]
    if weak:
        yield (
            f"\nPower is the chance, worked out beforehand, to find a difference of {plan.difference:+.0%} where "
            f"{plan.discordance:.0%} of the pairs differ. It is below {LOW_POWER:.0%} for {len(weak)} of them: "
            "that they were not found says little."
        )
    if any(one.projects < FEW_CLUSTERS for one in verdicts.hypotheses):
        yield f"\nWith fewer than {FEW_CLUSTERS} projects the interval over projects is narrower than it should be."


def _row(one: ArmComparison, power: float | None, alpha: float, *, whole: bool) -> str:
    cells = (
        f"{one.name} ({one.first} − {one.second})",
        f"{one.counts.difference:+.1%}",
        f"{one.interval.low:+.1%} to {one.interval.high:+.1%}",
        f"{one.by_project.low:+.1%} to {one.by_project.high:+.1%}{'' if one.by_project.excludes_zero else ' (0 too)'}",
        f"{one.counts.only_first} : {one.counts.only_second} of {one.counts.pairs}",
        f"{one.pairs_p_value:.4f}",
        f"{one.p_value:.4f}",
        f"{one.adjusted:.4f}",
        "–" if power is None else f"{power:.0%}",
        ("**yes**" if one.holds(alpha) else "no") if whole else "open",
    )
    return f"| {' | '.join(cells)} |"


def _measured(measures: Sequence[ArmMeasures]) -> Iterator[str]:
    yield "## What each arm did\n"
    yield f"| measure | {' | '.join(one.arm for one in measures)} |"
    yield f"|---|{'---|' * len(measures)}"
    for label, name in MEASURES:
        if all(getattr(one, name) is None for one in measures):
            continue  # nothing was asked that could show it
        yield f"| {label} | {' | '.join(_figure(getattr(one, name)) for one in measures)} |"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _reader(verdicts: StudyVerdicts, alpha: float) -> Iterator[str]:
    yield "## How this reader treats what it is given\n"
    yield "Signs, not results: they were not among the hypotheses.\n"
    for one in verdicts.signs:
        if not one.counts.pairs:
            continue  # the study has not both arms
        seen = "seen" if one.holds(alpha) else "not seen"
        sides = f"{one.counts.only_first} against {one.counts.only_second} of {one.counts.pairs} pairs"
        yield f"- {one.name}: {seen} ({one.first} − {one.second}, {sides}, corrected p {one.adjusted:.4f})"


def _cases(plan: StudyPlan, records: Sequence[TrialRecord]) -> Iterator[str]:
    yield "## Where it failed\n"
    found = worst_cases(plan, records)
    if not found.cases:
        yield found.none
        return
    yield f"The {len(found.cases)} worst of {found.wrong} with the handoff:\n"
    yield "| item | instance | chosen | right | with nothing | with the facts | the journal says it in |"
    yield "|---|---|---|---|---|---|---|"
    for one in found.cases:
        cites = ", ".join(one.cites) or "–"
        words = (one.item, str(one.instance), one.chosen, one.right, one.with_nothing, one.with_facts, cites)
        yield f"| {' | '.join(words)} |"


def _cost(measures: Sequence[ArmMeasures]) -> Iterator[str]:
    yield "## What it cost\n"
    yield "| a trial | " + " | ".join(one.arm for one in measures) + " |"
    yield f"|---|{'---|' * len(measures)}"
    for label, name in (
        ("tokens given", "tokens"),
        ("calls", "calls"),
        ("warnings heard", "warned"),
        ("seconds", "seconds"),
    ):
        yield f"| {label} | {' | '.join(f'{getattr(one, name):.1f}' for one in measures)} |"
