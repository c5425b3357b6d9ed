"""Facts about what persons are said to have confirmed, and how a reader is told that nobody signed it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from handoff.marks.model_mark import ModelMark, awaits_confirmation, split_mark
from handoff.marks.person_marks import person_marks, with_unsigned, without_unsigned

ADA = ModelMark(confirmed_by="ada")
LINE = f"- Port:  9090 {ADA} <!-- item: f-port; log: a-1, b-1 -->"


def test_a_line_is_known_by_its_words_and_its_person() -> None:
    """Whatever entries it rests on, and however it is indented; other marks are none of a person."""
    more = f"  * Region: eu {ModelMark(confirmed_in=('a', 'b'))}\n- Colour: red {ModelMark(withdrawn_by='ada')}\n"
    assert person_marks(f"{LINE}\n{more}") == {("Port: 9090", "ada")}
    assert person_marks(LINE.replace("a-1, b-1", "c-1")) == person_marks(LINE)
    assert person_marks("Nothing here.\n") == frozenset()


def test_only_what_is_unsigned_is_told_so_and_awaits_then() -> None:
    """By words and name together; the file's own text comes back byte for byte."""
    text = f"# B\r\n\r\n{LINE}\r\n- Region: eu {ADA}\r\n"
    told = with_unsigned(text, {("Port: 9090", "ada"), ("Region: eu", "bob")})
    assert told == text.replace(f"9090 {ADA}", f"9090 {ModelMark(confirmed_by='ada', unsigned=True)}")
    assert without_unsigned(told) == text
    assert with_unsigned(told, {("Port: 9090", "ada")}) == told
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
