"""A result's report says what its tests left in a few plain lines, and fleet.toml what they may leave."""

from __future__ import annotations

import pytest

from missions.evidence.bundle import CaseFailure, EvidenceBundle, EvidenceFile, LeftOutFile, SuiteReport
from orchestrator.core.errors import BrokenLedger
from orchestrator.ledger.config.fleet_toml import read
from orchestrator.ledger.evidence_report import evidence_lines


def test_it_names_files_failures_and_what_was_left_out() -> None:
    """The first ones; a name cannot end the code that it stands in."""
    files = tuple(EvidenceFile(path=f"a`{n}.txt", media="text/plain", data=b"x") for n in range(7))
    report = SuiteReport(path="j.xml", tests=3, failed=1, failures=(CaseFailure(name="t.a", says="no"),))
    left = (LeftOutFile(path="x", why="it is a link"),)
    told = list(evidence_lines(EvidenceBundle(files=files, left_out=left, more_left_out=4, reports=(report,))))
    assert told == [
        "evidence: `a'0.txt`, `a'1.txt`, `a'2.txt`, `a'3.txt`, `a'4.txt` and 2 more",
        "evidence left out: 5 files, the first `x`: it is a link",
        "`j.xml` reports 3 tests, 1 failed: `t.a`",
    ]
    assert list(evidence_lines(EvidenceBundle())) == []


def test_globs_stay_in_the_project() -> None:
    """A wrong one is told with its line; the version before stays in force."""
    text = '[projects.shop]\nurl = "u"\nevidence = ["{}"]\n'
    assert read(text.format("out/**/*.png").encode()).project("shop").evidence == ("out/**/*.png",)
    for wrong in ("/abs/*", "../x", "a/../../b", ".git/config", "", "a\\u202eb"):
        with pytest.raises(BrokenLedger, match="write a glob in the project"):
            read(text.format(wrong).encode())
    with pytest.raises(BrokenLedger):
        read(b'[projects.shop]\nurl = "u"\nevidence = [' + b'"a",' * 21 + b"]\n")
