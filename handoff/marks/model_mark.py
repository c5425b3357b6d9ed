"""The mark of a model: how does a line say that a model proposed it, and who confirmed that or took it back?

It stands at the end of the line, where a person sees it in the source and on a rendered page:

    - Port: 9090 *(proposed by a model)*
    - Port: 9090 *(proposed by a model; confirmed by ana)*
    - Port: 9090 *(proposed by a model; confirmed by entries fix-the-login-1, add-a-page-1)*
    - Port: 9090 *(proposed by a model; withdrawn by ana)*
    - Port: 9090 *(proposed by a model; confirmed by ana, unsigned)*

The last is what a reader is told where a file says that ana confirmed it, and no commit of hers does. A line without
it is what it always was: the word of whoever wrote it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from handoff.errors import BadMark

LABEL = "proposed by a model"
"""In every mark, and so in every text that has one."""
MAX_NAME_CHARS = 80
MIN_OUTCOMES = 2
"""Missions whose results must say the same to confirm it: a model that is wrong is wrong again in the same mission."""

_ENTRY = r"[A-Za-z0-9][A-Za-z0-9._:~-]{0,127}"
_NAME = rf"[\w.@+-]{{1,{MAX_NAME_CHARS}}}"
_ENTRIES = rf"confirmed by entries (?P<entries>{_ENTRY}(?:, {_ENTRY})*)"
_PERSON = rf"confirmed by (?P<who>{_NAME})(?P<unsigned>, unsigned)?"
_TEXT = rf"\*\({LABEL}(?:; (?:{_ENTRIES}|{_PERSON}|withdrawn by (?P<gone>{_NAME})))?\)\*"
_ALONE = re.compile(_TEXT)
_BEGINS = f"*({LABEL}"
BY_PERSON = re.compile(rf"\*\({LABEL}; {_PERSON}\)\*")
"""The mark of a line that says who confirmed it."""
_ALIKE = re.compile(r"\(\s*" + LABEL.replace(" ", r"\s+"), re.IGNORECASE)
_NO_NAME = re.compile(r"[^\w.@+-]+")


@dataclass(frozen=True, kw_only=True)
class ModelMark:
    """That a model proposed a line: confirmed by a person or by entries of the journal, withdrawn by a person, or none
    of these. `unsigned`: that person has not signed it. Raises BadMark for what would not be read back."""

    confirmed_by: str = ""
    confirmed_in: tuple[str, ...] = ()
    withdrawn_by: str = ""
    unsigned: bool = False

    def __post_init__(self) -> None:
        found = _ALONE.fullmatch(str(self))
        mine = (self.confirmed_by, self.confirmed_in, self.withdrawn_by, self.unsigned)
        if found is None or _fields(found) != mine:
            raise BadMark(given=str(self))

    @property
    def confirmed(self) -> bool:
        """Whether the line may be told as it stands."""
        return bool((self.confirmed_by and not self.unsigned) or self.confirmed_in)

    def __str__(self) -> str:
        said, how = [LABEL], ", unsigned" if self.unsigned else ""
        said += [f"confirmed by {self.confirmed_by}{how}"] if self.confirmed_by else []
        said += [f"confirmed by entries {', '.join(self.confirmed_in)}"] if self.confirmed_in else []
        said += [f"withdrawn by {self.withdrawn_by}"] if self.withdrawn_by else []
        return f"*({'; '.join(said)})*"


def split_mark(line: str) -> tuple[str, ModelMark | None]:
    """A line's words without its mark, and the mark; a line that has none is given back as it is. Of several the last
    one counts, and none of them is words."""
    mark, end = None, len(line)
    while found := _mark_at_end(line, end):
        mark, end = mark or _read(found), _end_without(line, found.start(), " \t")
    return line[:end], mark


def _mark_at_end(line: str, end: int) -> re.Match[str] | None:
    """The mark behind the words of a line's first `end` characters. It is looked for from their end, so that a line of
    many marks is read once."""
    end = _end_without(line, end, " \t\r")
    start = line.rfind(_BEGINS, 0, end)
    found = _ALONE.fullmatch(line, start, end) if start > 0 else None
    return found if found and 0 < _end_without(line, start, " \t") < start else None


def _end_without(line: str, end: int, left_out: str) -> int:
    while end and line[end - 1] in left_out:
        end -= 1
    return end


def without_marks(text: str) -> str:
    """A text without the marks in it, wherever they stand."""
    return _ALONE.sub("", text) if LABEL in text else text


def with_mark(line: str, mark: ModelMark | None) -> str:
    """The line's words with this mark in the place of the one that it has."""
    words = split_mark(line)[0].rstrip()
    return f"{words} {mark}" if mark and words else words


def read_mark(text: str) -> ModelMark | None:
    """The mark that a text is, and nothing else; None for any other text."""
    found = _ALONE.fullmatch(text)
    return _read(found) if found else None


def is_unreadable(line: str) -> bool:
    """Whether the line has something that a person would take for a mark, and that is none."""
    return _ALIKE.search(split_mark(line)[0]) is not None


def awaits_confirmation(line: str) -> bool:
    """Whether a model proposed the line, and nobody has confirmed it."""
    mark = split_mark(line)[1]
    return mark is not None and not mark.confirmed


def person_name(name: str) -> str:
    """A person's name as a mark has it: one word of letters, digits and . @ + - _; never empty."""
    return _NO_NAME.sub("_", name.strip())[:MAX_NAME_CHARS] or "somebody"


def _read(found: re.Match[str]) -> ModelMark:
    by, entries, withdrawn, unsigned = _fields(found)
    return ModelMark(confirmed_by=by, confirmed_in=entries, withdrawn_by=withdrawn, unsigned=unsigned)


def _fields(found: re.Match[str]) -> tuple[str, tuple[str, ...], str, bool]:
    entries = tuple(found["entries"].split(", ")) if found["entries"] else ()
    return found["who"] or "", entries, found["gone"] or "", found["unsigned"] is not None


PROPOSED = ModelMark()
"""Of what nobody has confirmed yet."""
