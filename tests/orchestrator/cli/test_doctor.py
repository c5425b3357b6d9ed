"""What a person reads of the doctor: what is not here is no fault, and the last line says what to do first."""

from __future__ import annotations

import pytest

from orchestrator.app.doctor.check_result import CheckResult, CheckStatus
from orchestrator.cli import doctor

GOOD = CheckResult(what="git", health=CheckStatus.GOOD, says="git version 2", detail="/usr/bin/git")
ABSENT = CheckResult(what="agent x", health=CheckStatus.ABSENT, says="not installed", remedy="npm install x")
POOR = CheckResult(what="disk", health=CheckStatus.POOR, says="full", remedy="free some space")
BROKEN = CheckResult(what="ledger", health=CheckStatus.BROKEN, says="none is set", remedy="run `shiftbook init`")


@pytest.mark.parametrize(
    ("findings", "says"),
    [
        ([GOOD, ABSENT], "Nothing to do."),
        ([GOOD, POOR], "1 thing to do: disk: free some space"),
        ([POOR, ABSENT, BROKEN], "2 things to do, first: ledger: run `shiftbook init`"),
        ([], "Nothing to do."),
    ],
)
def test_the_last_line_says_what_to_do_first(findings: list[CheckResult], says: str) -> None:
    """What is broken before what is poor; what is not here counts nothing."""
    assert doctor.things_to_do(findings) == says


def test_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """State and words in columns, the remedy below or, of what nobody needs, beside; numbers if wanted."""
    for name, value in (("FORCE_COLOR", "1"), ("COLUMNS", "80"), ("NO_COLOR", "1"), ("TERM", "dumb")):
        monkeypatch.setenv(name, value)
    doctor._print([GOOD, ABSENT, POOR, BROKEN], verbose=False)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "     git │ good      git version 2",
        " agent x │ not here  not installed → npm install x",
        "    disk │ poor      full",
        "         │           → free some space",
        "  ledger │ broken    none is set",
        "         │           → run `shiftbook init`",
        "2 things to do, first: ledger: run `shiftbook init`",
    ]
    doctor._print([GOOD], verbose=True)
    assert "/usr/bin/git" in capsys.readouterr().out


def test_into_a_pipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    doctor._print([GOOD, POOR], verbose=False)
    assert capsys.readouterr().out.splitlines() == [
        "git\tgood\tgit version 2",
        "disk\tpoor\tfull\t→ free some space",
        "1 thing to do: disk: free some space",
    ]
