"""Is a sentence kept only if a line bears it out?"""

from __future__ import annotations

import pytest

from handoff.answers.admission import AnswerSources, admitted
from handoff.answers.citable import document_lines
from handoff.answers.grounding import UNSUPPORTED_MARK, Unsupported, ground

TEXT = """\
# Shop

The shop sells books, and never ships on Fridays.

- Prices are kept in cents.
- hq took over from worker after 3.0 s of silence.
- The tests of the till pass.

| setting | value |
|---|---|
| port | 8080 |
"""
LINES = document_lines("shop.md", TEXT)
HOLDS = (
    ("Prices are kept in cents.", "shop.md:5"),
    ("The shop never ships on Fridays.", "shop.md:3"),
    ("hq took over from worker after 3.0 s.", "shop.md:6"),
    ("The port is 8080.", "shop.md:11"),
)
DOES_NOT = (
    "Prices are kept in euros.",
    "Prices are kept in 4 cents.",
    "The shop ships on Fridays.",
    "The shop is built on a blockchain.",
    "hq took over from worker after 9.0 s of silence.",
    "The tests of the till fail.",
    "Ada wrote the shop in Rust.",
    "It is on the planet NuTar.",
)


@pytest.mark.parametrize(("said", "cite"), HOLDS)
def test_what_a_line_says_is_cited(said: str, cite: str) -> None:
    """Under its file and line."""
    found = ground(said, LINES)
    assert [one.cites for one in found.sentences] == [(cite,)]
    assert found.text(Unsupported.MARK) == f"{said} [{cite}]"


@pytest.mark.parametrize("said", DOES_NOT)
def test_what_no_line_says_is_not(said: str) -> None:
    """Another number, another name, the opposite, or something else altogether."""
    found = ground(said, LINES)
    assert found.text(Unsupported.MARK) == f"{said} {UNSUPPORTED_MARK}"
    assert found.text(Unsupported.DROP) == ""
    assert found.text(Unsupported.OFF) == said


def test_a_toy_may_repeat_and_not_turn_round() -> None:
    """All the words of a line in another order say something else."""
    turned = "worker took over from hq after 3.0 s of silence."
    assert ground(turned, LINES, close=True).supported == ()
    assert ground("hq took over from worker after 3.0 s of silence.", LINES, close=True).supported


def test_code_and_lists_stay_as_they_are() -> None:
    """Marks stand behind sentences, not in code, and list marks are kept."""
    said = "- Prices are kept in cents.\n\n```sh\nmake all\n```\n- It flies."
    assert ground(said, LINES).text(Unsupported.MARK) == (
        f"- Prices are kept in cents. [shop.md:5]\n\n```sh\nmake all\n```\n- It flies. {UNSUPPORTED_MARK}"
    )


@pytest.mark.parametrize("wanted", list(Unsupported))
def test_a_toy_enters_no_document_whatever_the_fleet_says(wanted: Unsupported) -> None:
    """`off` is for what is shown."""
    sources = AnswerSources(lines=LINES, unsupported=wanted)
    said = "Prices are kept in cents. The shop is a spaceship."
    assert admitted(said, sources, toy=True) == "Prices are kept in cents. [shop.md:5]"
