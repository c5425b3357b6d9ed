"""Are an entry's statements read in the forms people use, and is what it quotes left out?"""

import pytest

from handoff.entry import Entry
from handoff.statements import BLOCKER, DECISION, DONE, FACT, STEP, WITHDRAWAL, key_of, own_words, statements


def read(heading: str, body: str) -> list[tuple[str, str, str]]:
    entry = Entry(entry_id="e", when="", sections=((heading, body),))
    return [(one.kind, one.key, one.value or one.text) for one in statements(entry)]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("API port: 9090", "9090"),
        ("- **API port:** 9090", "9090"),
        ("**Current API port** : 9090.", "9090"),
        ("The API port is now 9090.", "9090"),
        ("* The API port was changed to 9090", "9090"),
        ("API port (HTTP): 9090", "9090"),
    ],
)
def test_a_fact_has_a_name_and_a_value(line: str, value: str) -> None:
    """Several forms name one fact."""
    assert read("Lessons", line) == [(FACT, key_of("api port"), value)]


@pytest.mark.parametrize(
    "line",
    ["API port: withdrawn", "Withdrawn: the API port", "The API port no longer applies.", "API port: no longer used"],
)
def test_a_withdrawal_names_its_fact(line: str) -> None:
    """Several forms take one fact back."""
    (found,) = read("Decisions", line)
    assert found[:2] == (WITHDRAWAL, key_of("API port"))


@pytest.mark.parametrize(
    "line", ["Why: it is simpler", "Rule: obey", "Note: see below", "Trade-off: slower", "Fixed: the port"]
)
def test_a_label_is_not_a_fact(line: str) -> None:
    """Words that introduce an explanation, a rule or a result are not names of facts."""
    assert FACT not in [kind for kind, *_ in read("Lessons", line)]


@pytest.mark.parametrize(
    ("heading", "line", "kind"),
    [
        ("Decisions", "- Decision: Use SQLite", DECISION),
        ("Blockers", "- The disk is full", BLOCKER),
        ("Blockers", "- Resolved: the disk is full", DONE),
        ("For Next Instance", "1. The docs", STEP),
        ("For Next Instance", "- Release v0.2", STEP),
        ("Work Accomplished", "- Released v0.2", DONE),
    ],
)
def test_points_are_read_by_their_heading(heading: str, line: str, kind: str) -> None:
    """The eight sections say what their points are."""
    assert [found for found, *_ in read(heading, line)] == [kind]


@pytest.mark.parametrize(
    ("heading", "line"),
    [
        ("Blockers", "- None major; smooth sailing"),
        ("For Next Instance", "- The architecture is solid"),
        ("Decisions", "- Decision: x\n  - Why: y"),
        ("Elsewhere", "Port: 8080"),
    ],
)
def test_what_is_only_told_is_left_out(heading: str, line: str) -> None:
    """No blockers, notes, explanations and facts under unknown headings are not statements."""
    assert len(read(heading, line)) <= (heading == "Decisions")


@pytest.mark.parametrize(
    "evidence",
    ["> Port: 1", "> a\nPort: 1", "- > Port: 1", "```\nPort: 1\n```", "~~~\nPort: 1", "```sh\nPort: 1\n~~~"],
)
def test_evidence_is_left_out(evidence: str) -> None:
    """Quotes, their lazy lines, and fences, also those that are never closed, are not the session's own words."""
    assert "Port" not in own_words(f"before\n\n{evidence}")
    assert own_words(f"before\n\n{evidence}").startswith("before")
