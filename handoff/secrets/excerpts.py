"""How are excerpts made of a text that may hold a secret?

Redacted first and cut then: a token that lost its end in a cut is no token to any rule, and its beginning would leave.
A long text is read no further than what is shown needs; the word at which reading stops is left out, because a secret
may go on behind it; of a word that is longer than any secret, as much as one may be.
"""

from collections.abc import Sequence

from handoff.secrets.redact import redact
from missions.one_line import ELLIPSIS, printable, shorten

SPARE_CHARS = 16_384
"""Characters that are read beyond those that are shown: longer than any token or key block."""


def redacted_excerpt(text: str, limit: int, *, words: bool = False) -> str:
    """The beginning of a text without its secrets, in at most `limit` characters; `words` as for `shorten`."""
    return _shortened(*_clean_head(text, limit), limit, words=words)


def redacted_line(text: str, limit: int) -> str:
    """The text's words in one line of at most `limit` characters, without secrets and what moves a cursor."""
    clean, whole = _clean_head(text, limit)
    return _shortened(" ".join(printable(clean).split()), whole, limit)


def redacted_end(text: str, limit: int) -> str:
    """The last `limit` characters of a text without its secrets."""
    tail = text[-(limit + SPARE_CHARS) :]
    clean = redact(tail).text
    if len(tail) < len(text):  # it may begin within a word
        begun = len(clean.split(None, 1)[0]) if clean.strip() and not clean[0].isspace() else 0
        clean = clean[min(begun, SPARE_CHARS) :]
    return clean[max(0, len(clean) - limit) :]


def cut_lines(text: str, limit: int) -> list[str]:
    """The lines of a text, each in at most `limit` characters. One that is cut is redacted before, the others are left
    to who redacts them all: of a key in pieces, the piece with its beginning alone would be known for one."""
    return [line if len(line) <= limit else redacted_excerpt(line, limit) for line in text.splitlines()]


def first_lines(lines: Sequence[str], limit: int) -> str:
    """The first lines, each whole, in about `limit` characters; an ellipsis for the rest."""
    room = limit
    for number, line in enumerate(lines):
        room -= len(line) + 1
        if number and room < 0:
            return "\n".join([*lines[:number], ELLIPSIS])
    return "\n".join(lines)


def _clean_head(text: str, limit: int) -> tuple[str, bool]:
    """As much of a text, redacted, as an excerpt needs, and whether that is all of it."""
    head = text[: limit + SPARE_CHARS]
    clean = redact(head).text
    if len(head) == len(text):
        return clean, True
    end = len(clean)
    while end and not clean[end - 1].isspace():
        end -= 1
    return clean[: max(end, len(clean) - SPARE_CHARS)], False


def _shortened(clean: str, whole: bool, limit: int, *, words: bool = False) -> str:
    if whole or len(clean) > limit:
        return shorten(clean, limit, words=words)
    return clean[: limit - 1].rstrip() + ELLIPSIS
