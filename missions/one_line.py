"""How is a text that somebody else wrote shown in one line: short, and with nothing that moves a cursor?"""

from __future__ import annotations

ELLIPSIS = "…"


def shorten(text: str, limit: int, *, words: bool = False) -> str:
    """The text in at most `limit` characters, an ellipsis in the place of what is left out.

    With `words` it ends after a whole word, unless that leaves out more than half: a long word may be what it is about.
    """
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    if words and not text[limit - 1].isspace():
        whole = "".join(head.rsplit(None, 1)[:-1])
        head = whole if 2 * len(whole) >= limit else head
    return head.rstrip() + ELLIPSIS


def one_line(text: str, limit: int) -> str:
    """The text's words in one line of at most `limit` characters."""
    return shorten(" ".join(text.split()), limit)


def printable(text: str, instead: str = " ") -> str:
    """The text with `instead` for what cannot be printed plainly.

    That is every control and format character, also those that turn the reading direction, half a character, and each
    end of a line.
    """
    return "".join(char if char.isprintable() else instead for char in text)
