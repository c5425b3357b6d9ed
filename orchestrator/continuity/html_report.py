"""What is a study's report as one page of HTML, for somebody who never saw the product? With plots, without scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from orchestrator.continuity.arm_measures import ArmMeasures, measure_arms
from orchestrator.continuity.arms import MEANS, arm_of
from orchestrator.continuity.report import LOW_POWER, MEASURES
from orchestrator.continuity.study_plan import StudyPlan
from orchestrator.continuity.svg_plots import (
    PlottedDifference,
    PlottedShare,
    difference_plot,
    share_plot,
)
from orchestrator.continuity.trial import TrialRecord
from orchestrator.continuity.verdicts import ArmComparison, StudyVerdicts, judge
from orchestrator.continuity.worst_cases import FailedCase, worst_cases

STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border-bottom: 1px solid #8886; padding: .3rem .6rem; text-align: left; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.said { border-left: 4px solid #8888; padding: .2rem 1rem; font-size: 1.1rem; }
svg { width: 100%; height: auto; font: 13px system-ui, sans-serif; fill: currentColor; }
svg .label { text-anchor: end; } svg .tick { text-anchor: middle; opacity: .7; }
svg line { stroke: currentColor; } svg .grid { opacity: .15; } svg .zero { opacity: .6; }
svg .bar, svg circle.sure { fill: #2a7ab0; } svg line.sure { stroke: #2a7ab0; stroke-width: 4; }
svg line.unsure { opacity: .6; stroke-width: 2; } svg circle.unsure { opacity: .7; }
details { margin: .5rem 0; } code { overflow-wrap: anywhere; }
@media print { details { display: block; } }
"""


def render_html(
    plan: StudyPlan, records: Sequence[TrialRecord], title: str = "Continuity: one study", *, commit: str = ""
) -> str:
    """The page on the answers so far; an incomplete study has measures and no results."""
    verdicts, measures = judge(plan, records), measure_arms(records)
    parts = (
        _head(plan, verdicts, title),
        _asked(plan, commit),
        _came_out(plan, verdicts),
        _arms(measures),
        _failed(plan, records),
        _sure(plan, verdicts),
        _cost(measures),
    )
    body = "\n".join(line for part in parts for line in part)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def in_one_sentence(plan: StudyPlan, verdicts: StudyVerdicts) -> str:
    """What a study says, before anything else."""
    if not verdicts.whole:
        return f"This study is not whole ({verdicts.done:,} of {verdicts.planned:,} trials): it has no results yet."
    found = [one.name for one in verdicts.results(plan.alpha)]
    if verdicts.control and not verdicts.control.holds(plan.alpha):
        return (
            "This model did not get better even when it was handed the bare facts, so the study says nothing about "
            "handoffs or warnings: it has no reader that could use them."
        )
    if not found:
        return "None of the planned differences was found."
    return f"Found, and hardly by chance: {'; '.join(found)}."


def _head(plan: StudyPlan, verdicts: StudyVerdicts, title: str) -> Iterator[str]:
    yield f"<h1>{escape(title)}</h1>"
    yield f'<p class="said">{escape(in_one_sentence(plan, verdicts))}</p>'


def _asked(plan: StudyPlan, commit: str) -> Iterator[str]:
    yield "<h2>What was asked</h2>"
    yield (
        f"<p>A model that begins afresh knows nothing of what was done before it. Does it do better with what earlier "
        f"sessions wrote down? <code>{escape(plan.reader)}</code> took over {plan.projects} made-up projects of "
        f"{plan.sessions} sessions each, answered {len(plan.questions)} questions with a few answers to choose from, "
        f"and did {len(plan.tasks)} small tasks that were judged by running them; each by {plan.instances} fresh "
        f"instance{'s' * (plan.instances != 1)}. What differs is what it was given, in {plan.budget} tokens each "
        "time:</p>"
    )
    yield "<table><tr><th>arm</th><th>what the instance was given</th></tr>"
    yield from (f"<tr><td>{arm}</td><td>{escape(MEANS[arm_of(arm)])}</td></tr>" for arm in plan.arms)
    yield "</table>"
    stood = f"in commit <code>{escape(commit[:16])}</code>" if commit else "in no commit when it was run"
    yield (
        f"<p>All of this was fixed before the first answer, {escape(plan.made)}, in a plan (sha256 <code>"
        f"{plan.digest[:16]}…</code>) that stood {stood}; its seed was "
        f"{'chosen by hand' if plan.seed_given else 'drawn by chance'}.</p>"
    )


def _came_out(plan: StudyPlan, verdicts: StudyVerdicts) -> Iterator[str]:
    held = {one.name for one in verdicts.results(plan.alpha)}
    every = [*([verdicts.control] if verdicts.control else []), *verdicts.hypotheses]
    yield "<h2>What came out</h2>"
    yield "<p>Each row is a difference of two arms in points: right of 0 the first arm did better. The line is what "
    yield "single pairs would allow (95 %); only a blue one is a result. The first row checks the reader itself.</p>"
    yield difference_plot(
        "Differences between arms", [_plotted(one, sure=one.name in held) for one in every if one.counts.pairs]
    )
    heads = ("planned", "arms", "difference", "only first : only second, of", "p over projects", "corrected", "power")
    yield f"<table><tr>{''.join(f'<th>{head}</th>' for head in (*heads, 'holds'))}</tr>"
    for one in verdicts.hypotheses:
        power = plan.power.get(one.name)
        counts = one.counts
        cells = (
            f"{one.first} − {one.second}",
            f"{counts.difference:+.1%}",
            f"{counts.only_first} : {counts.only_second}, {counts.pairs}",
            f"{one.p_value:.4f}",
            f"{one.adjusted:.4f}",
            "–" if power is None else f"{power:.0%}",
            ("yes" if one.name in held else "no") if verdicts.whole else "open",
        )
        yield f"<tr><td>{escape(one.name)}</td>{''.join(f'<td class=n>{escape(cell)}</td>' for cell in cells)}</tr>"
    yield "</table>"


def _plotted(one: ArmComparison, *, sure: bool) -> PlottedDifference:
    label = f"{one.first} − {one.second}"
    return PlottedDifference(
        label=label, low=one.interval.low, estimate=one.counts.difference, high=one.interval.high, sure=sure
    )


def _arms(measures: Sequence[ArmMeasures]) -> Iterator[str]:
    yield "<h2>What each arm did</h2>"
    for title, name in (("Questions answered rightly", "questions_right"), ("Tasks done rightly", "tasks_right")):
        shares = [PlottedShare(label=one.arm, share=getattr(one, name)) for one in measures]
        if any(one.share is not None for one in shares):
            yield f"<h3>{title}</h3>"
            yield share_plot(title, [one for one in shares if one.share is not None])
    yield "<details><summary>All measures</summary>"
    yield f"<table><tr><th>measure</th>{''.join(f'<th>{one.arm}</th>' for one in measures)}</tr>"
    for label, name in MEASURES:
        cells = "".join(f"<td class=n>{_figure(getattr(one, name))}</td>" for one in measures)
        yield f"<tr><td>{escape(label)}</td>{cells}</tr>"
    yield "</table></details>"


def _failed(plan: StudyPlan, records: Sequence[TrialRecord]) -> Iterator[str]:
    found = worst_cases(plan, records)
    yield "<h2>Where it failed</h2>"
    if not found.cases:
        yield f"<p>{found.none}</p>"
        return
    yield f"<p>The {len(found.cases)} worst of {found.wrong} with the handoff, with what the journal says:</p>"
    for one in found.cases:
        yield from _case(one)


def _case(one: FailedCase) -> Iterator[str]:
    yield f"<details open><summary>{escape(one.asked)}</summary>"
    yield (
        f"<p>Chosen: <b>{escape(one.chosen)}</b>. Right: <b>{escape(one.right)}</b>. The same instance with nothing: "
        f"{one.with_nothing}; with the bare facts: {one.with_facts}.</p>"
    )
    if one.evidence:
        lines = "".join(f"<li><code>{escape(entry)}</code>: {escape(line)}</li>" for entry, line in one.evidence)
        yield f"<ul>{lines}</ul>"
    else:
        yield "<p>No entry says anything of it: that is the answer.</p>" if not one.cites else ""
    yield "</details>"


def _sure(plan: StudyPlan, verdicts: StudyVerdicts) -> Iterator[str]:
    yield "<h2>How sure this is</h2>"
    yield (
        "<p>Whether something holds is decided by an exact test in which each project counts once, corrected for all "
        f"{len(verdicts.hypotheses)} planned differences; everything else is a sign, and no result. Power is the "
        f"chance, worked out beforehand, to find a difference of {plan.difference:+.0%} where {plan.discordance:.0%} "
        "of the pairs differ.</p>"
    )
    weak = sum(power < LOW_POWER for power in plan.power.values())
    if weak:
        yield (
            f"<p>It is below {LOW_POWER:.0%} for {weak} of {len(plan.power)}: that these were not found says little. "
            "It would take more projects.</p>"
        )
    yield "<ul>"
    for one in verdicts.signs:
        seen = "seen" if one.holds(plan.alpha) else "not seen"
        sides = f"{one.counts.only_first} against {one.counts.only_second} of {one.counts.pairs} pairs"
        yield f"<li>A sign of how this reader reads: it {escape(one.name)}: {seen} ({sides}, {one.adjusted:.4f}).</li>"
    yield "</ul>"


def _cost(measures: Sequence[ArmMeasures]) -> Iterator[str]:
    yield "<h2>What it cost</h2>"
    heads = ("arm", "trials", "tokens given", "calls", "warnings heard", "seconds")
    yield f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>"
    for one in measures:
        cells = (str(one.trials), *(f"{value:.1f}" for value in (one.tokens, one.calls, one.warned, one.seconds)))
        yield f"<tr><td>{one.arm}</td>{''.join(f'<td class=n>{cell}</td>' for cell in cells)}</tr>"
    yield "</table><p>All but the trials are means of one trial.</p>"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
