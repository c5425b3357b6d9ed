"""A report of tests is counted and named; XML of any other kind is no report, and does no harm."""

from __future__ import annotations

import pytest

from missions.evidence.bundle import MAX_FAILURES, CaseFailure
from orchestrator.execution.evidence.junit_report import MAX_ELEMENTS, read_junit

GOOD = """\
<?xml version="1.0" encoding="UTF-16"?>
<testsuites><testsuite name="pytest" tests="99">
 <testcase classname="tests.test_a" name="test_one"/>
 <testcase classname="tests.test_a" name="test_two"><failure message="assert 1 == 2&#10;more">lines</failure></testcase>
 <testcase name="test_three"><error>boom
second</error></testcase>
 <testcase name="test_four"><skipped/></testcase>
</testsuite></testsuites>
"""
BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    '<testsuite><testcase name="&b;"><failure message="&b;"/></testcase></testsuite>'
)
OUTSIDE = (
    '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///nowhere/secret">]>'
    '<testsuite><testcase name="a"><failure>&a;</failure></testcase></testsuite>'
)


def test_tests_are_counted_as_they_stand_there() -> None:
    """Whatever number the file itself says; a failure has its name and its first line."""
    report = read_junit("junit.xml", GOOD)
    assert report is not None
    assert report.words == "4 tests, 1 failed, 1 with errors, 1 skipped"
    assert report.failures == (
        CaseFailure(name="tests.test_a.test_two", says="assert 1 == 2"),
        CaseFailure(name="test_three", says="boom"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "no xml",
        "",
        "<coverage/>",
        "<testsuite>",
        "<html><testsuite/></html>",
        BOMB,
        OUTSIDE,
        "<testsuite>" + "<a>" * 100_000,
        "<testsuite>" + "<a/>" * MAX_ELEMENTS + "</testsuite>",
        "<testsuite>&nothing;</testsuite>",
    ],
    ids=range(10),
)
def test_what_is_none_is_no_report(text: str) -> None:
    """Entities are never expanded: a DTD ends the reading, and so does what is deeper or longer than a report."""
    assert read_junit("x.xml", text) is None


def test_names_are_one_short_line_without_secrets() -> None:
    """XML writes a quote as an entity: the secret is struck out where it is a word again."""
    case = '<testcase name="a&#10;b&#x202e;c pass&quot;word1"><failure message="{}"/></testcase>'
    text = f"<testsuite>{case.format('x' * 5000) * (MAX_FAILURES + 5)}</testsuite>"
    report = read_junit("junit.xml", text, lambda words: words.replace('pass"word1', "[struck]"))
    assert report is not None
    assert (report.failed, len(report.failures)) == (MAX_FAILURES + 5, MAX_FAILURES)
    assert report.failures[0].name == "a b c [struck]"
    assert len(report.failures[0].says) == 300
