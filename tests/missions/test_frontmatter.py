"""Does writing a field change that field and nothing else, whatever a person's front matter looks like?"""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from missions import frontmatter
from missions.fields import NODE_FIELDS
from missions.frontmatter import BYTE_ORDER_MARK, Malformed, Scalar, newline_of, print_scalar, split, write
from tests.missions.matters import Written, matters

VALUES: st.SearchStrategy[Scalar] = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["", "yes", "null", "1:30", "2026-11-21T12:00:00Z", "a: b", "- a", "# no", "'", '"', "[x", "x:"]),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
)
CHANGES = st.dictionaries(st.sampled_from(NODE_FIELDS), st.one_of(st.none(), VALUES), max_size=4)


def fields(text: str) -> dict[str, object]:
    """What the front matter says, by a reader that is not ours."""
    return dict(split(text.removeprefix(BYTE_ORDER_MARK)).fields)


def expected(text: str, changes: dict[str, Scalar]) -> dict[str, object]:
    """What it must say after the changes."""
    written = {
        key: value if value is None or isinstance(value, str) else print_scalar(value) for key, value in changes.items()
    }
    merged = {**fields(text), **written}
    return {key: value for key, value in merged.items() if key not in changes or value is not None}


@given(matters(), CHANGES)
def test_a_write_reads_back_as_what_was_asked(written: Written, changes: dict[str, Scalar]) -> None:
    """The fields that were asked for have the new values, all others the old ones."""
    assert fields(write(written.text, changes)) == expected(written.text, changes)


@given(matters(), CHANGES)
def test_a_write_leaves_every_other_byte_as_it_was(written: Written, changes: dict[str, Scalar]) -> None:
    """Lines that hold none of the changed fields are the same, in their order; so are fences, body and line breaks."""
    new = write(written.text, changes)
    assert new.startswith(written.before)
    assert new.endswith(written.after)
    inner = new[len(written.before) : len(new) - len(written.after)].split(written.newline)[:-1]
    touched = {line for key, line in written.node_lines.items() if key in changes}
    kept = [line for number, line in enumerate(written.lines) if number not in touched]
    marks = tuple(f"{quoted}:" for key in changes for quoted in (key, f'"{key}"'))
    assert [line for line in inner if not line.lstrip(" ").startswith(marks)] == kept


@given(matters(), st.sampled_from(NODE_FIELDS), VALUES.filter(lambda value: value is not None))
def test_a_written_field_keeps_its_place_and_its_comment(written: Written, key: str, value: Scalar) -> None:
    """A field that was there stays on its line, before the comment that stood behind it."""
    if key not in written.node_lines:
        return
    number = written.node_lines[key]
    line = write(written.text, {key: value})[len(written.before) :].split(written.newline)[number]
    _, mark, comment = written.lines[number].rpartition("# why")
    assert line.lstrip(' "').startswith(key)
    if mark:
        assert line.endswith(mark + comment)


@given(matters())
def test_nothing_to_write_changes_nothing(written: Written) -> None:
    """No changes, or the removal of what is not there, give the same bytes."""
    absent = {key: None for key in NODE_FIELDS if key not in written.node_lines}
    assert write(written.text, {}) == written.text
    assert write(written.text, absent) == written.text


@given(matters(), CHANGES)
def test_writing_twice_is_writing_once(written: Written, changes: dict[str, Scalar]) -> None:
    """The same write again changes nothing."""
    once = write(written.text, changes)
    assert write(once, changes) == once


@given(VALUES)
def test_a_printed_scalar_reads_back_as_the_same_value(value: Scalar) -> None:
    """Whatever the value, it is one line of YAML that means this value and no other type."""
    printed = print_scalar(value)
    assert "\n" not in printed
    read = yaml.safe_load(f"key: {printed}\n")["key"]
    assert (type(read), read) == (type(value), value)


@settings(deadline=None)
@given(st.characters(categories=["Cc", "Cf", "Zl", "Zp", "So", "Cn"]))
def test_a_strange_character_survives_printing(char: str) -> None:
    """Control characters, line separators, byte-order marks and emoji are written so that YAML gives them back."""
    assert yaml.safe_load(f"key: {print_scalar(f'a{char}b')}\n") == {"key": f"a{char}b"}


@pytest.mark.parametrize(
    "text",
    [
        "---\n{title: x, node: a}\n---\nbody\n",
        "---\n{title: x,\n node: a}\n---\nbody\n",
        "---\ntitle: x\n...\n---\nbody\n",
        "---\ntitle: x\nnode: |\n  a\npriority: 3\n---\nbody\n",
        "---\ntitle: x\nnode:\n  - a\npriority: 3\n---\nbody\n",
        "---\ntitle: x\n? node\n: a\npriority: 3\n---\nbody\n",
        "---\r\n{title: x, node: a}\r\n---\r\nbody\r\n",
        "---\n{}\n---\nbody\n",
        "---\n!!map {title: x}\n---\nbody\n",
    ],
)
@pytest.mark.parametrize("changes", [{"node": "n2", "status": "done"}, {"node": None}, {"status": "done"}])
def test_a_shape_that_has_no_lines_to_edit_still_says_the_same(text: str, changes: dict[str, Scalar]) -> None:
    """Flow style and other unusual shapes are written anew, with every field kept, and the body untouched."""
    new = write(text, changes)
    assert fields(new) == expected(text, changes)
    assert new.endswith(text[text.rindex("---") :])


def test_a_file_without_front_matter_gets_one() -> None:
    """The text follows it as it was, in its own line breaks; without a wanted field nothing is added."""
    assert write("do it\r\nnow\r\n", {"status": "done"}) == "---\r\nstatus: done\r\n---\r\ndo it\r\nnow\r\n"
    assert write("do it", {"status": "done", "node": None}) == "---\nstatus: done\n---\ndo it"
    assert write("do it", {"node": None}) == "do it"
    assert write("", {"status": "done"}) == "---\nstatus: done\n---\n"


def test_a_byte_order_mark_stays_in_front() -> None:
    """A file from an editor that writes one keeps its front matter."""
    text = f"{BYTE_ORDER_MARK}---\ntitle: x\n---\nbody\n"
    assert write(text, {"status": "done"}) == f"{BYTE_ORDER_MARK}---\ntitle: x\nstatus: done\n---\nbody\n"
    assert write(f"{BYTE_ORDER_MARK}body", {"status": "done"}) == f"{BYTE_ORDER_MARK}---\nstatus: done\n---\nbody"


def test_a_line_of_dashes_further_down_is_not_front_matter() -> None:
    """Only what stands at the very beginning counts; a rule in the body, or in a field, ends nothing."""
    assert split("do it\n---\nx: 1\n---\n").fields == {}
    block = split("---\ntitle: a --- b\n---\none\n---\ntwo\n")
    assert (block.fields, block.body) == ({"title": "a --- b"}, "one\n---\ntwo\n")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("---\ntitle: x\n", 1, "never closed"),
        ("---\ntitle: x\nto: [a\n---\n", 4, "cannot be read"),
        ("---\r\ntitle: x\r\npriority: 'a\r\n---\r\n", 4, "cannot be read"),
        ("---\ntitle: x\ntitle: y\n---\n", 3, "stands twice, on lines 2 and 3"),
        ("---\n- a\n- b\n---\n", 2, "key: value"),
        ("---\njust words\n---\n", 2, "key: value"),
        ("---\na: &x [1]\nb: *x\n---\n", 2, "aliases"),
        ("---\na: 1\nb: *x\n---\n", 3, 'put it in quotes: b: "*x"'),
        (
            "---\ntitle: Fix: the login\n---\n",
            2,
            'at 2:11: mapping values are not allowed here; put it in quotes: title: "Fix: the login"',
        ),
        ("---\nto: x\ntitle: @home\n---\n", 3, 'put it in quotes: title: "@home"'),
        ("---\ntitle: !now\n---\n", 2, 'put it in quotes: title: "!now"'),
        ('---\ntitle: "a" and b\n---\n', 2, "in quotes"),
        ("---\n? [a]\n: b\n---\n", 2, "unhashable"),
        ("---\na: " + "[" * 5000 + "\n---\n", 2, "nested too deeply"),
        ("---\na:\n  b: [\n" + "[\n" * 20_000 + "---\n", 21, "nested too deeply"),
        ("---\na: " + "{b: " * 50_000 + "\n---\n", None, "at most 65,536"),
        ("---\n" + "k: v\n" * 50_000 + "---\n", None, "at most 65,536"),
        ("---\ntitle: ab\n\tx: y\n---\n", 3, "cannot be read"),
        ("---\ntitle: \x01\n---\n", None, "cannot be read"),
        ("---\na: !!python/object:os.system x\n---\n", 2, "cannot be read"),
    ],
)
def test_what_cannot_be_read_says_why_and_where(text: str, line: int | None, words: str) -> None:
    """Malformed names the line in the file, counted as an editor does."""
    with pytest.raises(Malformed) as raised:
        split(text)
    assert words in raised.value.reason
    assert raised.value.line == line


@pytest.mark.parametrize(
    "word", ["2026-12-01", "2026-02-30", "Yes", "no", "0600", "1:30", "1.10", "0x1F", "1e3", ".nan"]
)
def test_a_plain_word_is_the_text_that_stands_there(word: str) -> None:
    """What it means its field says; only what YAML calls null, and nothing, is nothing."""
    assert split(f"---\na: {word}\nb: [{word}]\n---\n").fields == {"a": word, "b": [word]}
    assert split("---\na: ~\nb:\nc: null\n---\n").fields == {"a": None, "b": None, "c": None}


def test_the_line_of_each_field_is_the_files() -> None:
    """Line 1 is the fence."""
    assert dict(split("---\n# c\na: 1\nb:\n  - x\nc: 2\n---\n").lines) == {"a": 3, "b": 4, "c": 6}


def test_line_breaks_are_those_of_the_first_line() -> None:
    """A text without any counts as Unix."""
    assert newline_of("a\r\nb\n") == "\r\n"
    assert newline_of("a\nb\r\n") == "\n"
    assert newline_of("a") == "\n"


@given(st.text(alphabet="-ab: \n\r'\"[]{}#|>&*!%@`?,\ufeff\x85é0", max_size=60))
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    """No text makes the reader fail in any other way, and what it reads it can also write."""
    try:
        split(text)
    except Malformed:
        return
    if not text.startswith(BYTE_ORDER_MARK):
        assert frontmatter.split(write(text, {"status": "done"})).fields["status"] == "done"


@pytest.mark.parametrize(
    ("value", "bare"),
    [
        *(
            (word, False)
            for word in ("yes", "No", "TRUE", "off", "null", "Null", "0", "12", "1990", "1.5", "0x1f", "1e+3")
        ),
        *(
            (word, False)
            for word in (
                "2026-11-30",
                "2026-11-30T10:00:00Z",
                "2026-99-30",
                "2026-11-30 10:00:00",
                "190:20:30",
                "0b11",
                "017",
                ".5",
                "1_000",
            )
        ),
        *((word, True) for word in ("yes please", "nobody", "a-b/c_d.e", "http://x:1/y", "0.1.0", "1.2.3rc4", "08")),
        *((word, True) for word in ("3 GiB free", "2 of 5 slots", "12ms", "a :b", "on-off")),
    ],
)
def test_what_is_text_to_yaml_is_written_bare(value: str, bare: bool) -> None:
    """Numbers, days, and words that YAML takes for true, false or nothing are quoted."""
    assert print_scalar(value) == (value if bare else f'"{value}"')


@given(st.text(alphabet="01289aAeEfFgnoNOxbTZyYsS._/:- ", min_size=1, max_size=12))
def test_what_is_decided_without_a_parser_is_decided_as_by_one(value: str) -> None:
    """Also what is made of the letters and signs of numbers and days."""
    printed = print_scalar(value)
    assert yaml.safe_load(f"key: {printed}\n") == {"key": value}
    assert printed in {value, f'"{value}"'}


def test_a_page_of_a_node_is_written_without_a_parser() -> None:
    """An idle node writes its page, and saves the 3 MiB of one."""
    script = (
        "import sys\nfrom missions.document import with_fields\n"
        "with_fields('x', {'node': 'desk', 'version': '0.1.0', 'slots': '2', 'notifies': 'yes', 'disk': '3 GiB',"
        " 'reported': '2026-11-30T10:00:00Z'})\n"
        "sys.exit('yaml' in sys.modules)"
    )
    subprocess.run([sys.executable, "-P", "-c", script], check=True)
