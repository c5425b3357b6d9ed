"""One line without end, which anybody may push or print, holds up no node: no reader takes the square of its length.

Python's expressions hold its lock: while one runs a node beats for nobody, and loses its leases."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from handoff import statements
from handoff.checking import consistency
from handoff.entry import parse_log
from handoff.memo import Memo, memo_from_result
from handoff.paths import named_paths
from missions.path_scope import outside_scope
from missions.result_section import failure_line
from orchestrator.execution.project_trial import explain
from orchestrator.ledger.heartbeat import checklist


def memo(answer: str) -> Memo:
    """A memo of an answer."""
    facts = dict.fromkeys(("node", "mission", "title", "task"), "x")
    return memo_from_result(memo_id="x-1", outcome="done", answer=answer, created="2026-11-01T00:00:00Z", **facts)


SHORT, LONG = 8_000, 64_000
"""Characters. Eight times as long a line may take eight times as long, and would take 64 times with a square."""
READERS: dict[str, tuple[Callable[[str], object], str]] = {
    "paths": (named_paths, "x"),
    "names of facts": (statements.key_of, "("),
    "values of facts": (consistency._without_markup, "("),
    "days": (lambda text: parse_log(f"## Session {text}\n\nx\n"), "x"),
    "memos": (lambda text: memo(text), "1"),
    "globs with sets": (lambda text: outside_scope(["a"], [text]), "["),
    "globs with stars": (lambda text: outside_scope(["a"], [text]), "*a "),
    "failures": (failure_line, "x"),
    "what tests lacked": (explain, "x"),
    "what no module is": (explain, "ModuleNotFoundError: "),
    "what a checklist has done": (lambda text: checklist._split_action(f"{text}x"), " "),
    "a checklist's headings": (lambda text: checklist._HEADING.match(f"# {text}x"), "#"),
}


@pytest.mark.parametrize("name", READERS)
def test_a_line_of_eight_times_the_length_takes_about_eight_times_the_time(name: str) -> None:
    """Of the processor."""
    read, unit = READERS[name]

    def seconds(chars: int) -> float:
        text = unit * (chars // len(unit))
        began = time.process_time()
        read(text)
        return time.process_time() - began

    short, long = zip(*((seconds(SHORT + 8 * turn), seconds(LONG + 64 * turn)) for turn in range(3)), strict=True)
    assert min(long) < 24 * max(min(short), 0.002)


def test_a_summary_keeps_its_numbers() -> None:
    """What looks like a bullet's mark within a line is none."""
    text = "- We shipped it in 2024. It works - mostly."
    assert "in 2024. It works - mostly." in memo(text).summary
