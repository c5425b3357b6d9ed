"""Is the answer inside a JSON object heard piece by piece, whatever the pieces are?"""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.chat.partial_answer import PartialAnswer, answer_content

TEXTS = st.text(st.characters(exclude_categories=("Cs",)))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def pieces(text: str, cuts: list[int]) -> list[str]:
    """The text cut at these places."""
    at = sorted({cut % (len(text) + 1) for cut in cuts} | {0, len(text)})
    return [text[a:b] for a, b in pairwise(at)]


@given(
    before=st.dictionaries(TEXTS.filter(lambda key: key != "answer"), VALUES, max_size=3),
    answer=TEXTS,
    after=st.dictionaries(TEXTS.filter(lambda key: key != "answer"), VALUES, max_size=2),
    cuts=st.lists(st.integers(min_value=0), max_size=12),
    plain=st.booleans(),
    indent=st.sampled_from([None, 2]),
)
def test_the_answer_is_heard_whole_in_any_pieces(
    before: dict[str, object], answer: str, after: dict[str, object], cuts: list[int], plain: bool, indent: int | None
) -> None:
    """The pieces make up exactly what json.loads reads; what else stands in the object is never heard."""
    text = json.dumps({**before, "answer": answer, **after}, ensure_ascii=plain, indent=indent)
    reader = PartialAnswer()
    assert "".join(reader.take(piece) for piece in pieces(text, cuts)) == answer


@settings(deadline=None)
@given(before=st.dictionaries(TEXTS, VALUES, max_size=2), answer=TEXTS.filter(bool), plain=st.booleans())
def test_what_was_heard_never_has_to_be_taken_back(before: dict[str, object], answer: str, plain: bool) -> None:
    """From each beginning of the JSON a beginning of the answer is heard, but for a character that is half there."""
    before.pop("answer", None)
    text = json.dumps({**before, "answer": answer}, ensure_ascii=plain)
    start = len(json.dumps(before, ensure_ascii=plain)[:-1] + ', "answer": "') - (0 if before else 2)
    for end in range(max(0, start - 20), len(text) + 1):
        heard = PartialAnswer().take(text[:end])
        assert answer.startswith(heard)
        written = json.dumps(heard, ensure_ascii=plain)[1:-1]
        assert end - start - len(written) < len(r"\ud83d\ude00") or heard == answer


@given(answer=st.text(max_size=12))
def test_halves_of_characters_are_marked_wherever_they_are_cut(answer: str) -> None:
    """A client may cut text between two halves of a character; character by character the same is heard as at once."""
    text = json.dumps({"answer": answer})
    expected = answer.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    reader = PartialAnswer()
    assert "".join(reader.take(char) for char in text) == PartialAnswer().take(text) == expected


@given(value=VALUES.filter(lambda value: not isinstance(value, str)))
def test_only_a_string_is_an_answer(value: object) -> None:
    """An answer that is an object, a list or a number is not heard, nor are strings inside it."""
    assert PartialAnswer().take(json.dumps({"answer": value, "x": "y"})) == ""


@pytest.mark.parametrize(
    "text",
    [
        '{"tool":"read","arguments":{"answer":"no"}}',
        '["answer","no"]',
        '"answer"',
        "plain words",
        "",
        '{"answer" "no"}',
    ],
)
def test_a_call_of_a_tool_says_nothing(text: str) -> None:
    """Neither an answer deeper inside nor what is no object is heard."""
    assert PartialAnswer().take(text) == ""


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        (r'{"answer":"\ud83d\ude00"}', "😀"),
        (r'{"answer":"\ud83d"}', "\ufffd"),
        (r'{"answer":"\ude00x"}', "\ufffdx"),
        (r'{"answer":"\ud83dx\u00e9"}', "\ufffdxé"),
        (r'{"answer":"\ud83d\ud83d\ude00"}', "\ufffd😀"),
        (r'{"answer":"\ud83d\n"}', "\ufffd\n"),
        (r'{"answer":"\\ud83d"}', r"\ud83d"),
    ],
)
def test_halves_of_characters(text: str, heard: str) -> None:
    """Two halves are one character; a half alone is the mark for what is lost, and can be stored."""
    reader = PartialAnswer()
    assert "".join(reader.take(char) for char in text) == heard
    heard.encode()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ('{"answer": "All of it."}', "All of it."),
        ('{"answer": "All of', "All of"),
        ('{"answer": "", "x": 1}', '{"answer": "", "x": 1}'),
        ('{"answer": {"a": 1}}', '{"a": 1}'),
        ('{"answer": [1, 2', "[1, 2"),
        ('{"tool": "read_file", "arg', ""),
        (' {\n "tool"', ""),
        ('{"', ""),
        ('{"mine": 1}', '{"mine": 1}'),
        ("Plain words.", "Plain words."),
        ("[1, 2", "[1, 2"),
        ("", ""),
        ('{"answer": "half \\ud83d', "half "),
    ],
)
def test_what_was_said_of_an_answer_that_may_be_cut_off(raw: str, text: str) -> None:
    """Its text so far; nothing of a call; all of what has another form."""
    assert answer_content(raw) == text
