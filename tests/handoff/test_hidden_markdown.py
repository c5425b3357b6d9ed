"""Which parts of a Markdown text does no rule read, and do all others keep their places?"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.hidden_markdown import blotted, hidden_spans, merged, without_comments

PIECES = st.sampled_from(
    [
        "a line\n",
        "```\n",
        "````\n",
        "~~~\n",
        "```py\n",
        "<!--",
        "-->",
        "`",
        "``",
        "\n",
        "    code\n",
        "- item\n",
        "# H\n",
    ]
)
TEXTS = st.lists(PIECES, max_size=30).map("".join)
SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10)).map(lambda pair: (pair[0], sum(pair))), max_size=8)


def hidden(text: str) -> list[str]:
    """The hidden parts as they stand there."""
    return [text[start:end] for start, end in hidden_spans(text)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a\n\n```\nx\n```\nb\n", ["```\nx\n```"]),
        ("~~~ sh\nx\n~~~\n", ["~~~ sh\nx\n~~~"]),
        ("````\n```\n````\n", ["````\n```\n````"]),
        ("a <!-- x --> b", ["<!-- x -->"]),
        ("a <!--\nx\n--> b", ["<!--\nx\n-->"]),
        ("a\n\n    code\n", ["    code"]),
    ],
    ids=["backticks", "tildes", "longer fence", "comment", "comment of lines", "indented"],
)
def test_what_nobody_is_shown_as_text_is_hidden(text: str, parts: list[str]) -> None:
    """Fences of both kinds, comments, and lines that are indented by four."""
    assert [part.rstrip("\n") for part in hidden(text)] == parts


@pytest.mark.parametrize(
    "text",
    [
        "```\nnever closed\n",
        "a <!-- never closed\n",
        "a `<!--` b --> c\n",
        "a `` ``` `` b\n```` c ` d\n",
        "a paragraph\n    that goes on\n",
        "a ``` in a line\n",
    ],
    ids=["fence", "comment", "in a code span", "longer spans", "goes on", "no opening"],
)
def test_what_only_looks_hidden_is_read(text: str) -> None:
    """One forgotten mark must not hide the rest of a document from every rule."""
    assert hidden(text) == []


def test_a_mark_in_a_fence_closes_nothing_else() -> None:
    """A comment's beginning in an example is no beginning."""
    assert hidden("```\n<!--\n```\nread\n-->\n") == ["```\n<!--\n```"]


@given(TEXTS)
def test_hidden_parts_lie_in_order_within_the_text(text: str) -> None:
    """None is empty, none overlaps another."""
    spans = hidden_spans(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))


@given(TEXTS)
def test_every_character_keeps_its_place_without_comments(text: str) -> None:
    """So that a finding's line is the line in the file."""
    plain = without_comments(text)
    assert len(plain) == len(text)
    assert [at for at, one in enumerate(plain) if one == "\n"] == [at for at, one in enumerate(text) if one == "\n"]
    assert all(one in (other, " ") for one, other in zip(plain, text, strict=True))


def test_a_comment_of_one_line_stays() -> None:
    """It may be a mark that a rule looks for, as an entry's own."""
    assert without_comments("a <!-- entry: x -->\n<!--\nb\n-->\n") == "a <!-- entry: x -->\n" + "    \n \n   \n"


def test_blots_leave_the_rest() -> None:
    """One blot a character, lines as they were."""
    assert blotted("ab\ncd\nef", [(1, 4)], "#") == "a#\n#d\nef"
    assert blotted("abc", [], "#") == "abc"


@given(SPANS)
def test_merged_spans_cover_the_same_and_do_not_overlap(spans: list[tuple[int, int]]) -> None:
    """Whatever the order in which they come."""
    found = merged(spans)
    assert {at for start, end in found for at in range(start, end)} == {
        at for start, end in spans for at in range(start, end)
    }
    assert all(one[1] <= other[0] for one, other in pairwise(found))
    assert merged(reversed(spans)) == found
