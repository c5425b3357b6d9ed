"""What does a file in JUnit's XML report: how many tests there were, and which did not pass?

The file is made by code that nobody has looked at. Expat reads it without a tree; a DTD ends the reading, so there are
no entities to expand or to fetch, and what is deep or long beyond a report ends it as well.
"""

from __future__ import annotations

from collections.abc import Callable
from xml.parsers import expat  # no DTD gets past `_refuse`: that is what defusedxml would do

from handoff.secrets.excerpts import redacted_line
from missions.evidence.bundle import MAX_FAILURES, MAX_NAME_CHARS, MAX_SAYS_CHARS, CaseFailure, SuiteReport

MAX_ELEMENTS, MAX_DEPTH = 200_000, 64
MAX_HEARD_CHARS = 4_000
"""Characters of a failure's text of which the first line is looked for."""
ROOTS = frozenset({"testsuite", "testsuites"})
OUTCOMES = frozenset({"failure", "error", "skipped"})


class _NoReportError(Exception):
    """It is XML of another kind, or more than a report is."""


def read_junit(path: str, text: str, hide: Callable[[str], str] = lambda text: text) -> SuiteReport | None:
    """The report in a text; None where it is none. `hide` strikes secrets out of names, which XML writes escaped."""
    if not text.lstrip("\ufeff \t\r\n").startswith("<"):
        return None
    reading = _Reading(hide)
    parser = expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = reading.begin
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.hear
    try:
        parser.Parse(text.lstrip("\ufeff \t\r\n").encode("utf-8", "replace"), True)
    except (expat.ExpatError, _NoReportError):
        return None
    return SuiteReport(
        path=path,
        tests=reading.tests,
        failed=reading.counts["failure"],
        errors=reading.counts["error"],
        skipped=reading.counts["skipped"],
        failures=tuple(reading.failures),
    )


def _refuse(*_declared: object) -> None:
    raise _NoReportError


class _Reading:
    """What is known so far."""

    def __init__(self, hide: Callable[[str], str]) -> None:
        self.tests = 0
        self.counts = dict.fromkeys(OUTCOMES, 0)
        self.failures: list[CaseFailure] = []
        self._hide = hide
        self._elements = self._depth = 0
        self._case: dict[str, str] | None = None
        self._outcome = ""
        self._says = ""

    def begin(self, name: str, facts: dict[str, str]) -> None:
        """An element begins."""
        self._elements += 1
        self._depth += 1
        if self._elements > MAX_ELEMENTS or self._depth > MAX_DEPTH or (self._elements == 1 and name not in ROOTS):
            raise _NoReportError
        if name == "testcase":
            self.tests += 1
            self._case, self._outcome, self._says = facts, "", ""
        elif self._case is not None and name in OUTCOMES and not self._outcome:
            self._outcome, self._says = name, facts.get("message", "")

    def hear(self, text: str) -> None:
        """Text within an element: of a failure without a message it says why."""
        if self._outcome and len(self._says) < MAX_HEARD_CHARS:
            self._says += text

    def end(self, name: str) -> None:
        """An element ends."""
        self._depth -= 1
        if name != "testcase" or self._case is None:
            return
        if self._outcome:
            self.counts[self._outcome] += 1
        if self._outcome in {"failure", "error"} and len(self.failures) < MAX_FAILURES:
            named = ".".join(filter(None, (self._case.get("classname", ""), self._case.get("name", ""))))
            says = self._says.strip().partition("\n")[0]
            self.failures.append(
                CaseFailure(name=self._line(named, MAX_NAME_CHARS), says=self._line(says, MAX_SAYS_CHARS))
            )
        self._case, self._outcome = None, ""

    def _line(self, text: str, limit: int) -> str:
        return redacted_line(self._hide(text), limit)
