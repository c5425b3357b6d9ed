"""What does a text say when everything that hides its characters is taken away?

Zero-width characters, colour codes, NULs (as UTF-16 that was read byte by byte has them), full-width letters, `%67` and
`\\u0067` leave a secret readable to a person or a program, but not to a pattern. A view is the plain text together with
where each part of it stands in the original, so that what is found there can be taken out here.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

OPAQUE = "\x1f"
"""Stands for what was taken out already: no pattern's run may cross it."""

_INVISIBLE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,32}[ -/]{0,4}[@-~]|\x1b\][^\x07\x1b\n]{0,400}(?:\x07|\x1b\\)|\x1b[@-Z\\-_]"
    r"|[\0-\x08\x0e-\x1b\x7f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e"
    r"\u0600-\u0605\u06dd\u070f\u08e2\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_OVERSTRUCK = re.compile(rf"[^\n\x08]\x08|{_INVISIBLE.pattern}")
"""The same where characters are printed over one another, as in the pages of man(1)."""
_ESCAPED = re.compile(
    r"%(?:25){0,3}+(?P<percent>[2-7][0-9A-Fa-f])|\\(?:u00|U000000)(?P<unicode>[2-7][0-9A-Fa-f])|\\x(?P<hex>[2-7][0-9A-Fa-f])"
    r"|&#(?P<decimal>\d{2,3});|&#x(?P<entity>[2-7][0-9A-Fa-f]);|&(?P<named>amp|quot|apos|lt|gt);"
)
_NAMED = {"amp": "&", "quot": '"', "apos": "'", "lt": "<", "gt": ">"}


@dataclass(frozen=True, kw_only=True)
class PlainView:
    """A text as it reads; character i begins at `origin[i]` of the original (without `origin`: at i)."""

    text: str
    origin: Sequence[int] = ()

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where a span of this view stands in the original, with what is hidden behind its last character."""
        return (self.origin[start], self.origin[end]) if self.origin else (start, end)


def views(text: str) -> list[PlainView]:
    """The text without what is invisible, and once more with its escapes read, if it has any."""
    narrow = _narrow(text)
    hidden = _OVERSTRUCK if "\b" in narrow else _INVISIBLE
    shown = _replaced(narrow, hidden, lambda _: "") if hidden.search(narrow) else PlainView(text=narrow)
    if not ("%" in text or "\\" in text or "&" in text) or not _ESCAPED.search(shown.text):
        return [shown]
    read = _replaced(shown.text, _ESCAPED, _character)
    origin = [shown.origin[at] for at in read.origin] if shown.origin else read.origin
    return [shown, PlainView(text=read.text, origin=origin)]


def _narrow(text: str) -> str:
    """Full-width and mathematical letters as plain ones, one for one."""
    if text.isascii():
        return text
    wide = {ord(one): plain for one in set(text) if not one.isascii() and (plain := _ascii(one))}
    return text.translate(wide) if wide else text


def _ascii(character: str) -> str:
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 and plain.isascii() and not plain.isspace() else ""


def _character(found: re.Match[str]) -> str:
    if named := found["named"]:
        return _NAMED[named]
    if decimal := found["decimal"]:
        return chr(int(decimal)) if 32 <= int(decimal) < 127 else found[0]
    return chr(int(found["percent"] or found["unicode"] or found["hex"] or found["entity"], 16))


def _replaced(text: str, pattern: re.Pattern[str], to: Callable[[re.Match[str]], str]) -> PlainView:
    pieces: list[str] = []
    origin: list[int] = []
    at = 0
    for found in pattern.finditer(text):
        plain = to(found)
        pieces += [text[at : found.start()], plain]
        origin.extend(range(at, found.start()))
        origin.extend([found.start()] * len(plain))
        at = found.end()
    origin.extend(range(at, len(text) + 1))
    return PlainView(text="".join([*pieces, text[at:]]), origin=origin)
