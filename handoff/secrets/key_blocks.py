"""Where does a private key of several lines begin and end, also when one of its ends is missing?"""

import re
from collections.abc import Iterator
from itertools import pairwise

_RULE = "(?:-{4,5}|[-\u2013\u2014]{2,5})"  # word processors and telephones make dashes of hyphens
_END = re.compile(rf"{_RULE} ?(BEGIN|END) [A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)? ?{_RULE}")
_BREAK = r"(?:(?:\\r)?\\n|\r?\n)[ \t>|+#*\"',-]{0,12}(?:\d{1,4}[:|] ?)?"
_LINES = re.compile(rf"(?:{_BREAK}[A-Za-z0-9+/=]{{16,}}+(?=[ \t\"',;\\]{{0,6}}(?:\\|\r?\n|\Z)))+")
_BODY = re.compile(r"[A-Za-z0-9+/=]{16}")
_PUTTY = re.compile(r"Private-Lines: \d{1,3}(?=\r?\n)")
_REACH = 20_000  # characters: a key of 16,384 bits has 13,000


def find_key_blocks(text: str) -> Iterator[tuple[int, int, str]]:
    """Every block as (start, end, kind): from BEGIN to END, or over the lines beside the one end that is there."""
    if "PRIVATE KEY" in text:
        yield from _blocks(text)
    for putty in _PUTTY.finditer(text) if "Private-Lines:" in text else ():
        if lines := _LINES.match(text, putty.end()):
            yield lines.start(), lines.end(), "private-key"


def _blocks(text: str) -> Iterator[tuple[int, int, str]]:
    ends = [None, *_END.finditer(text), None]
    closed = -1
    for this, following in pairwise(ends):
        if this is not None and this[1] == "BEGIN":
            if following is not None and following[1] == "END" and following.start() > this.end():
                closed = following.start()
                if _BODY.search(text, this.end(), following.start()):  # else code that names both ends
                    yield this.start(), following.end(), "private-key"
            elif lines := _LINES.match(text, this.end()):
                yield this.start(), lines.end(), "private-key"
        elif this is not None and this.start() != closed and (start := _above(text, this.start())) is not None:
            yield start, this.end(), "private-key"


def _above(text: str, end: int) -> int | None:
    """Where the lines of a key begin that end here."""
    start = at = text.rfind("\n", 0, end) + 1
    floor = max(0, end - _REACH)
    while at > floor:
        above = text.rfind("\n", floor, at - 1) + 1 or floor
        if not re.fullmatch(
            r"[ \t>|+#*\"'-]{0,12}[A-Za-z0-9+/]{16,256}={0,2}[ \t\"',;\\nr]{0,6}", text[above : at - 1]
        ):
            break
        at = above
    return at if at < start else None
