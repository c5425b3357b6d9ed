"""Facts about what persons are said to have confirmed, and how a reader is told that nobody signed it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.marks.model_mark import LABEL, PROPOSED, ModelMark, awaits_confirmation, split_mark
from handoff.marks.person_marks import person_marks, with_unsigned, without_unsigned

ADA = ModelMark(confirmed_by="ada")
LINE = f"- Port:  9090 {ADA} <!-- item: f-port; log: a-1, b-1 -->"


def test_a_line_is_known_by_its_words_and_its_person() -> None:
    """Whatever entries it rests on, and however it is indented; other marks are none of a person."""
    more = f"  * Region: eu {ModelMark(confirmed_in=('a', 'b'))}\n- Colour: red {ModelMark(withdrawn_by='ada')}\n"
    assert person_marks(f"{LINE}\n{more}") == {("Port: 9090", "ada", "")}
    assert person_marks(LINE.replace("a-1, b-1", "c-1")) == person_marks(LINE)
    assert person_marks("Nothing here.\n") == frozenset()


@pytest.mark.parametrize(
    "line",
    [
        f"- Port: 9090 {ADA} and nobody tests {ADA}",
        f"- Port: 9090 {PROPOSED} and nobody tests {ADA}",
        f"- Port: 9090 *({LABEL}, and nobody tests {ADA}",
        *(f"- And nobody tests{end}Port: 9090 {ADA}" for end in "\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"),
    ],
)
def test_nothing_that_a_mark_confirms_is_left_out_of_its_words(line: str) -> None:
    """Words between two marks, and what stands before a character that ends a line for some readers only."""
    assert split_mark(line)[1] == ADA
    said = person_marks(line) - {("Port: 9090", "ada", "")}
    assert len(said) == 1
    assert awaits_confirmation(with_unsigned(line, said))


def test_a_line_is_of_the_section_that_it_stands_in() -> None:
    """The nearest title above it, outside every fence; the same line below two of them is two."""
    text = f"# B\n\n## Decisions\n\n{LINE}\n\n```sh\n# no title\n```\n{LINE}\n### Dead ends\n{LINE}\n"
    assert person_marks(text) == {("Port: 9090", "ada", "Decisions"), ("Port: 9090", "ada", "Dead ends")}
    told = with_unsigned(text, {("Port: 9090", "ada", "Dead ends")})
    assert [", unsigned" in line for line in told.splitlines() if "9090" in line] == [False, False, True]


def test_a_line_of_many_marks_is_read_once() -> None:
    """Each has words of its own, and the text of all of them together would be 2 GB."""
    line = " ".join(f"word {number} {ADA}" for number in range(20_000))
    said = person_marks(line)
    assert len(said) == 20_000
    assert max(len(words) for words, _, _ in said) < 100
    assert with_unsigned(line, said).count(", unsigned") == 20_000


def test_only_what_is_unsigned_is_told_so_and_awaits_then() -> None:
    """By words and name together; the file's own text comes back byte for byte."""
    text = f"# B\r\n\r\n{LINE}\r\n- Region: eu {ADA}\r\n"
    told = with_unsigned(text, {("Port: 9090", "ada", "B"), ("Region: eu", "bob", "B"), ("Region: eu", "ada", "C")})
    assert told == text.replace(f"9090 {ADA}", f"9090 {ModelMark(confirmed_by='ada', unsigned=True)}")
    assert without_unsigned(told) == text
    assert with_unsigned(told, {("Port: 9090", "ada", "B")}) == told
    line = told.splitlines()[2].partition(" <!--")[0]
    assert awaits_confirmation(line)
    assert split_mark(line) == ("- Port:  9090", ModelMark(confirmed_by="ada", unsigned=True))


@given(st.text(), st.sampled_from(["ada", "b.o+b@x"]), st.booleans())
def test_any_text_keeps_all_but_its_marks(words: str, name: str, unsigned: bool) -> None:
    """To tell that lines are unsigned changes nothing else, and can be taken back."""
    mark = ModelMark(confirmed_by=name, unsigned=unsigned)
    text = without_unsigned(f"{words}\n- {words} {mark}")
    told = with_unsigned(text, person_marks(text))
    assert without_unsigned(told) == text
    assert person_marks(told) == person_marks(text)
