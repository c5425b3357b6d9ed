"""Does the quick reader of plain fields read what it reads as YAML does, and does it read what nodes write?"""

from __future__ import annotations

import sys
from collections.abc import Iterable

import pytest
from frontmatter.default_handlers import YAMLHandler
from hypothesis import example, given
from hypothesis import strategies as st

from missions import frontmatter
from missions.errors import Malformed
from missions.frontmatter import Scalar, print_list, print_scalar, write
from missions.plain_fields import MAX_HEAD_CHARS, read_plain
from missions.yaml_parser import parse_yaml
from tests.missions.matters import Written, matters

KEYS = st.one_of(
    st.sampled_from(["title", "run", "to", "null", "Null", "yes", "<<", "on", "a-b", "1", "~", "no"]),
    st.text(alphabet="aZ_-9 :?", min_size=1, max_size=4),
)
CHARS = st.one_of(
    st.sampled_from("ab: #'\"\\-?[]{},&*!|>%@`=~.\t\r\n/0é日\x85\u2028\ufeff\xa0\xad\ud800😀nul"), st.characters()
)
VALUES = st.one_of(
    st.text(alphabet=CHARS, max_size=12),
    st.text(alphabet=CHARS, max_size=12).map(lambda text: f'"{text}"'),
    st.text(alphabet=CHARS, max_size=12).map(lambda text: f"'{text}'"),
    st.text(alphabet=CHARS, max_size=12).map(lambda text: f"[{text}]"),
    st.lists(st.sampled_from(["a", "b/c", "null", "-x", "1.5", "a:b", ".", "~", "*", "Null"]), max_size=4).map(
        lambda words: f"[{', '.join(words)}]"
    ),
    st.sampled_from(["null", "~", "", "a: b", "a:b", "a #b", "a#b", "x:", "--- ", "...", "0x1F", "1:30", "yes"]),
)
LINES = st.one_of(
    st.tuples(KEYS, st.sampled_from([": ", ": ", ": ", ":", " : ", ":  "]), VALUES).map("".join),
    st.text(alphabet=CHARS, max_size=8),
    st.sampled_from(["", "# a comment", "---", "...", "- a", " b", "%YAML 1.1"]),
)
HEADS = st.lists(LINES, max_size=4).map(lambda lines: "".join(f"{line}\n" for line in lines))


def same_as_yaml(head: str) -> bool:
    """Whether the quick reader took it; fails where it read something else than YAML does, or what YAML does not."""
    found = read_plain(head)
    if found is not None:
        read = parse_yaml(head)
        assert found == read
        assert list(found[0]) == list(read[0])
    return found is not None


@given(HEADS)
@example("a: b: c\n")
@example("a: b\n\n")
@example("a: 'b'c'\n")
@example('a: "\\/\\b\\f\\t"\n')
@example("a: b \n")
@example("a: [x, null]\n")
@example("a: x\na: y\n")
@example("a: :x\n")
@example("a: -\n")
@example("a: --- #x\n")
def test_whatever_is_read_plainly_means_the_same_to_yaml(head: str) -> None:
    """Fields, their order, lines and places are the same; what YAML refuses is not read plainly."""
    same_as_yaml(head)


@given(matters())
def test_front_matter_of_every_style_means_the_same_to_yaml(written: Written) -> None:
    """Comments, quotes, odd indents, flow style: what is read plainly is read as YAML reads it."""
    same_as_yaml("".join(line + written.newline for line in written.lines))


EDGES = [number for edge in (0xD7FF, 0xE000, 0xFEFF, 0xFFFD, 0x10000, sys.maxunicode) for number in (edge - 1, edge)]


@pytest.mark.parametrize("numbers", [range(0x300), range(0x1F80, 0x2080), [*range(0x300, 0x20000, 257), *EDGES]])
def test_no_character_means_something_else(numbers: Iterable[int]) -> None:
    """The characters that YAML knows and those around the borders, and many others, in each kind of value: bare at its
    start, inside and at its end, and in quotes."""
    for char in map(chr, numbers):
        values = (f"{char}a", f"a{char}b", f"a{char}", f'"{char}"', f"'{char}'", f"[{char}]")
        plain = [value for value in values if read_plain(f"key: {value}\n")]
        assert not plain or same_as_yaml("".join(f"key{number}: {value}\n" for number, value in enumerate(plain)))


@given(
    st.dictionaries(
        st.sampled_from(["title", "status", "node", "attempt", "started", "branch", "cost_usd", "reason", "comment"]),
        st.one_of(
            st.text(alphabet="abc ABC.,:;-_/'\"\\()!?#+é\n", max_size=40).filter(bool),
            st.integers(0, 10**6),
            st.floats(0, 1e6),
            st.sampled_from(["2026-12-01T08:00:00Z", "shiftbook/limit/1", "src/**", "null", "yes"]),
        ),
        min_size=1,
    ),
    st.lists(st.sampled_from(["gpu", "desktop", "src/a.py"]), max_size=3),
)
def test_what_the_product_writes_is_read_plainly(values: dict[str, Scalar], words: list[str]) -> None:
    """A list of a thousand missions, most of them written by nodes and by `mission new`, needs no YAML parser."""
    head = "".join(f"{key}: {print_scalar(value)}\n" for key, value in values.items()) + f"to: {print_list(words)}\n"
    assert same_as_yaml(head)
    assert frontmatter.split(write("Do it.\n", values)).fields


def test_a_fence_is_what_python_frontmatter_takes_for_one() -> None:
    """The most used library decides what counts as front matter; loading it would load YAML's parser."""
    assert YAMLHandler.FM_BOUNDARY == frontmatter._FENCE


def test_a_head_without_end_is_refused_also_where_it_is_plain() -> None:
    """What is longer than a front matter may be is left to the parser, which says so."""
    head = "".join(f"key{number}: a plain value\n" for number in range(MAX_HEAD_CHARS // 20))
    assert read_plain(head) is None
    with pytest.raises(Malformed, match="it has at most"):
        frontmatter.split(f"---\n{head}---\n")
