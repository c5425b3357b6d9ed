"""Are the tables of formats whole, and does the page say of each where its shape comes from?"""

import re
from pathlib import Path

from handoff.secrets.formats.catalogue import FORMATS

PAGE = Path(__file__).parents[3] / "docs" / "redaction.md"
ROWS = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]


def test_every_format_has_its_row_with_its_source() -> None:
    """A format that is added says on the page what it looks like, by whose word, and since when."""
    missing = [
        f"{known.kind}: {known.literal} ({known.source})"
        for known in FORMATS
        if not any(
            row.startswith(f"| {known.kind} |") and f"`{known.literal}`" in row and f"| {known.source} |" in row
            for row in ROWS
        )
    ]
    assert missing == []


def test_every_row_has_its_format() -> None:
    """What is no longer recognised stands on the page no longer."""
    kinds = {known.kind for known in FORMATS}
    told = {row.split("|")[1].strip() for row in ROWS} - {"format", "---"}
    assert told == kinds


def test_a_beginning_stands_at_the_beginning() -> None:
    """It is what a text is asked for before its pattern is tried."""
    for known in FORMATS:
        assert known.expression.startswith(re.escape(known.beginning)), known.kind
        assert known.literal
