"""The report as a page: whole HTML without scripts, with plots that say their figures, readable by a stranger."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from orchestrator.continuity.arms import MEANS, Arm
from orchestrator.continuity.html_report import render_html
from orchestrator.continuity.study_plan import StudyPlan
from orchestrator.continuity.svg_plots import PlottedDifference, PlottedShare, difference_plot, share_plot
from orchestrator.continuity.trial import TrialRecord
from orchestrator.continuity.worst_cases import MAX_CASES, worst_cases
from tests.orchestrator.continuity.readers import IgnoringReader, UsingReader
from tests.orchestrator.continuity.studies import CORE_ARMS, planned, run_study

Study = tuple[StudyPlan, list[TrialRecord]]
VOID = {"meta", "line", "rect", "circle"}
SAID = re.compile(r'<p class="said">(.*?)</p>')


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study of a reader who uses what it is given, on a budget that cuts the log."""
    plan = planned(UsingReader(), budget=450)
    return plan, run_study(plan, UsingReader(), tmp_path_factory.mktemp("study"))


class Balance(HTMLParser):
    """Says where a page's tags are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and (not self.open or self.open.pop() != tag):
            self.wrong.append(tag)


def test_the_page_is_whole_and_runs_nothing(used: Study) -> None:
    """Every tag is closed, nothing is fetched, no script; the arms are told in words."""
    page = render_html(*used, "A <study> & more")
    balance = Balance()
    balance.feed(page)
    assert (balance.open, balance.wrong) == ([], [])
    assert not re.search(r"<script|src=|@import|url\(|javascript:|\son\w+=", page)
    assert "<title>A &lt;study&gt; &amp; more</title>" in page
    assert all(MEANS[Arm(arm)] in page for arm in CORE_ARMS)
    plots = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert [ElementTree.fromstring(one)[0].text for one in plots] == [  # our own words
        "Differences between arms",
        "Questions answered rightly",
    ]


def test_it_says_first_what_was_found(used: Study, tmp_path: Path) -> None:
    """What holds; where the reader cannot use even the facts, that; where trials are missing, that."""
    plan, records = used
    assert "a handoff is better than nothing" in SAID.findall(render_html(plan, records))[0]
    assert "not whole" in SAID.findall(render_html(plan, records[:-1]))[0]
    assert "class=n>open" in render_html(plan, records[:-1])
    other = planned(IgnoringReader())
    ignored = run_study(other, IgnoringReader(), tmp_path)
    assert "nothing about handoffs" in SAID.findall(render_html(other, ignored))[0]


def test_nothing_is_said_of_answers_that_are_not_there(used: Study) -> None:
    """Before the first one with the handoff."""
    plan, records = used
    early = render_html(plan, [one for one in records if one.arm != Arm.HANDOFF])
    assert "Nothing was answered with the handoff yet" in early
    assert "answered wrongly" not in early


def test_the_worst_cases_come_with_the_journals_words(used: Study) -> None:
    """Each with lines of entries that it cites; what was never set has none, and the page says so."""
    plan, records = used
    found = worst_cases(plan, records)
    assert 0 < len(found.cases) <= MAX_CASES
    assert found.wrong == sum(one.arm == "handoff" and not one.right for one in records)
    page = render_html(plan, records)
    cited = [one for one in found.cases if one.cites]
    assert cited
    for one in cited:
        assert one.evidence
        assert {entry for entry, _ in one.evidence} <= {*one.cites}
        assert all(f"<code>{entry}</code>: {line}" in page for entry, line in one.evidence)


def test_what_a_reader_answered_is_escaped(used: Study) -> None:
    """Answers come out of a file that anybody may have written."""
    plan, records = used
    forged = [replace(one, answer="<b onload=x>", right=False) if one.arm == "handoff" else one for one in records]
    assert "<b onload" not in render_html(plan, forged)


def test_bars_and_intervals_stand_where_their_figures_say() -> None:
    """Twice the share is twice the width; an interval goes from its low to its high end, and what is beyond is cut."""
    shares = [PlottedShare(label=label, share=share) for label, share in (("a", 0.2), ("b", 0.4), ("c", None))]
    bars = ElementTree.fromstring(share_plot("t", shares))  # our own words
    widths = [float(one.attrib["width"]) for one in bars if one.tag.endswith("rect")]
    assert widths == [pytest.approx(widths[0]), pytest.approx(2 * widths[0], abs=0.2)]
    assert {"20%", "40%", "–"} <= {one.text for one in bars}
    drawn = ElementTree.fromstring(
        difference_plot("t", [PlottedDifference(label="a - b", low=-3.0, estimate=0.0, high=0.5, sure=True)])
    )
    lines = {one.attrib["class"]: one.attrib for one in drawn if one.tag.endswith("line")}
    circle = next(one.attrib for one in drawn if one.tag.endswith("circle"))
    assert circle["cx"] == lines["zero"]["x1"]
    assert float(lines["sure"]["x1"]) < float(circle["cx"]) < float(lines["sure"]["x2"])
