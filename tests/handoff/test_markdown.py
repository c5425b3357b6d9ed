"""Facts about headings, fences and quotes in Markdown text."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from handoff.markdown import fences, headings, open_fence, quoted, tidy, unquoted

STRUCTURE = st.sampled_from(
    ["# a", "## b", "```", "~~~~", "````", "```py", "> c", "<!-- d", "---", "===", "", " x", "  "]
)
BODIES = st.lists(st.one_of(STRUCTURE, st.text(max_size=8)), max_size=8).map("\n".join)


@given(BODIES)
@settings(deadline=None)
def test_quoting_is_taken_back_exactly(body: str) -> None:
    """Whatever a tidy body holds, quoting it and taking the quote off gives the same body."""
    assert unquoted(quoted(tidy(body))) == tidy(body)


@given(BODIES)
@settings(deadline=None)
def test_a_quoted_body_has_no_structure(body: str) -> None:
    """A quoted body shows neither a heading nor a fence, open or closed."""
    text = quoted(tidy(body))
    assert (headings(text), fences(text), open_fence(text)) == ([], [], "")


def test_a_heading_in_a_fence_is_an_example() -> None:
    """Only headings outside fences count, and a fence is closed by one of its kind that is at least as long."""
    text = "# a\n````md\n# b\n```\n# c\n~~~~\n````\n# d\n"
    assert [head.title for head in headings(text)] == ["a", "d"]
    assert len(fences(text)) == 1


def test_a_fence_that_is_never_closed_hides_nothing() -> None:
    """Headings after a forgotten fence are still headings, and the fence is reported."""
    text = "# a\n```\n# b\n"
    assert [head.title for head in headings(text)] == ["a", "b"]
    assert open_fence(text) == "```"


def test_a_flood_of_open_fences_is_read_in_linear_time() -> None:
    """Twenty thousand fences that nobody closes are read in seconds; a search for each end would take minutes."""
    began = time.process_time()
    headings("```python\n" * 20_000)
    assert time.process_time() - began < 20
