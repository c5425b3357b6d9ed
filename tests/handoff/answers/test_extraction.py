"""Is a line an answer only if it has all that is asked?"""

from __future__ import annotations

import pytest

from handoff.answers.citable import CitableLine, document_lines
from handoff.answers.extraction import answer_lines

TEXT = """\
# Shop

The shop sells books to libraries.

## Standing rules

- Never deploy on Friday.
- Prices are kept in cents.

## Facts

- The spare key lies in drawer 3.
- Deploys need two approvals, because one was not enough in 2025.
"""
LINES = document_lines("shop.md", TEXT)


@pytest.mark.parametrize(
    ("asked", "cites"),
    [
        ("What are the standing rules?", ("shop.md:7", "shop.md:8")),
        ("Where is the spare key?", ("shop.md:12",)),
        ("Where does the spare key lie?", ("shop.md:12",)),
        ("How many approvals do deploys need?", ("shop.md:13",)),
        ("How many keys are there?", ()),
        ("Why do deploys need two approvals?", ("shop.md:13",)),
        ("When may I deploy?", ()),
        ("What does the shop sell?", ("shop.md:3",)),
        ("What is this project?", ("shop.md:3",)),
        ("Please tell me, briefly: what is this project?", ("shop.md:3",)),
        ("Who built the shop?", ()),
        ("", ()),
    ],
)
def test_lines_that_answer(asked: str, cites: tuple[str, ...]) -> None:
    """Under the place where they stand; nothing where they only share words."""
    assert tuple(line.cite for line in answer_lines(asked, LINES, LINES[0])) == cites


def test_a_heading_that_stands_in_two_files_is_no_answer() -> None:
    """Which of them is meant is not known."""
    other = CitableLine(text="Be kind.", cite="site.md:4", about="Site Standing rules")
    assert answer_lines("What are the standing rules?", (*LINES, other)) == ()
