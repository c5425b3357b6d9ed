"""Is it known of each line of a handoff document whether it speaks of now, and where it stands?"""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.documents import HandoffDocument, dates

ENTRY = "## 2026-11-20T08:00:00Z · desk · builtin · fix\n<!-- entry: fix-1 -->\n\n**Work Accomplished:**\n\nDone.\n"


def document(text: str, file: str = "projects/shop/SESSION_BRIEFING.md") -> HandoffDocument:
    """A document with this text."""
    return HandoffDocument(file=file, text=text)


def shown(text: str) -> list[tuple[int, str, bool]]:
    """Its lines that are not hidden and not empty."""
    return [(line.number, line.text, line.now) for line in document(text).lines if line.text]


def test_name_and_folder() -> None:
    """Of a file in a folder, and of one at the root."""
    assert (document("").name, document("").folder) == ("SESSION_BRIEFING.md", "projects/shop")
    root = document("", "SESSION_LOG.md")
    assert (root.name, root.folder) == ("SESSION_LOG.md", "")


@pytest.mark.parametrize(
    ("text", "file", "template"),
    [
        ("# Template for a briefing\n", "B.md", True),
        ("\ufeff#template\n", "B.md", True),
        ("# Briefing\n", "BRIEFING.template.md", True),
        ("# Briefing\n", "brief.Template.md", True),
        ("# Templates\n", "B.md", False),
        ("# Briefing\n\n# Template\n", "B.md", False),
        ("", "template.md", False),
    ],
)
def test_what_only_shows_how_a_document_looks(text: str, file: str, template: bool) -> None:
    """By its name or its first heading."""
    assert document(text, file).is_template is template


def test_what_is_hidden_is_no_line_and_the_others_keep_their_numbers() -> None:
    """Comments and fenced blocks go; what stands beside a comment stays."""
    text = "# Title\n<!-- a\nb -->\nseen <!-- not this --> too\n```\nport: 1\n```\nlast\n"
    assert shown(text) == [(1, "# Title", True), (4, "seen  too", True), (8, "last", True)]


def test_a_sessions_entry_speaks_of_then() -> None:
    """From its heading to the next one; what stands before and after speaks of now."""
    text = f"# Log\n\nBefore.\n\n{ENTRY}\n# After\n\nNow.\n"
    found = shown(text)
    assert [line for _, line, now in found if now] == ["# Log", "Before.", "# After", "Now."]
    assert document(text).entry_lines == (5,)


def test_a_section_that_names_a_session_and_a_day_speaks_of_then() -> None:
    """In whatever words, until a heading of its own level or above; without a day it speaks of now."""
    text = (
        "# Briefing\n\n## Session of 2026-11-20\n\nOld.\n\n### More\n\nOld too.\n\n## Facts\n\nNew.\n\n"
        "## Sessions\n\nAlso new.\n"
    )
    then = {line for _, line, now in shown(text) if not now}
    assert then == {"## Session of 2026-11-20", "Old.", "### More", "Old too."}


@given(
    st.lists(st.sampled_from([ENTRY, "# A\n", "x\n", "\n", "```\n", "<!-- c\n", "-->\n", "## Session 2026-11-20\n"]))
)
def test_lines_and_places_agree_with_the_text(pieces: list[str]) -> None:
    """Numbers go up, each line is part of the text's line of that number, and every offset is on its line."""
    text = "".join(pieces)
    found = document(text)
    lines = text.split("\n")
    numbers = [line.number for line in found.lines]
    assert numbers == sorted(set(numbers))
    for line in found.lines:
        assert all(part in lines[line.number - 1] for part in line.text.split())
    for offset in range(0, len(text) + 1, 7):
        assert found.line_at(offset) == 1 + text.count("\n", 0, offset)
    assert len(found.entry_lines) == len(found.log.entries)
    assert list(found.entry_lines) == sorted(found.entry_lines)
    for begins, entry in zip(found.entry_lines, found.log.entries, strict=True):
        assert lines[begins - 1] == entry.raw.partition("\n")[0]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-11-20", [date(2026, 11, 20)]),
        ("on November 3rd, 2026 and Dec. 13, 2025", [date(2026, 11, 3), date(2025, 12, 13)]),
        ("2026-02-30, Feb 30, 2026 and Foo 1, 2026", []),
        ("2026-11-20T08:00:00Z", [date(2026, 11, 20)]),
        ("12026-11-201", [date(2026, 11, 20)]),
        ("november 3, 2026", []),
        ("no day", []),
    ],
)
def test_the_days_that_a_text_names(text: str, found: list[date]) -> None:
    """In two forms; a day that there is not is none."""
    assert dates(text) == found


@given(st.text(max_size=200))
def test_no_text_is_refused(text: str) -> None:
    """Whatever it is."""
    found = document(text)
    assert len(found.lines) <= 1 + text.count("\n")
    dates(text)
