"""How do words that anybody may have written become messages of a chat: redacted, within its limits, and nothing more?

They go out without a parse mode, so no markup of theirs counts; what the app itself makes of plain text (links,
mentions, commands) is broken up by a character of no width, except in code, where nothing is made of anything. The API
counts a message in UTF-16 units, as its bounds of code do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from handoff.secrets.redact import redact
from missions.one_line import printable
from orchestrator.core.ports.chat_network import ChatButton, OutgoingText
from orchestrator.node.notifications.safe_text import ZERO_WIDTH_SPACE, plain_text

MAX_UNITS = 4096
"""UTF-16 units of one message."""
MAX_PARTS = 4
"""Messages that one answer becomes; the rest is left out, and said."""
MAX_CODE_UNITS = 2400
CUT = "\n[… cut here]"
_COMMAND = re.compile(r"(?<![\w/])/(?=\w)")


def utf16_units(text: str) -> int:
    """The length of a text as the API counts it."""
    return len(text) + sum(ord(char) > 0xFFFF for char in text)


def safe_words(text: str) -> str:
    """Words of any number of lines without secrets, links, mentions, commands and characters that do not print."""
    clean = redact(text).text
    lines = (plain_text(line, len(line) + 10) if line.strip() else "" for line in clean.splitlines())
    return _COMMAND.sub(lambda found: found[0] + ZERO_WIDTH_SPACE, "\n".join(lines)).strip()


def messages(text: str, *, own: str = "") -> list[OutgoingText]:
    """A long answer as messages; `own` are words of ours below it, which may name commands."""
    parts = list(_parts(safe_words(text) or "(nothing)", MAX_UNITS - utf16_units(own) - 2))
    if len(parts) > MAX_PARTS:
        rest = sum(map(utf16_units, parts[MAX_PARTS:]))
        parts = [*parts[: MAX_PARTS - 1], f"{_fitted(parts[MAX_PARTS - 1], MAX_UNITS - 200 - utf16_units(own))}{CUT}"]
        parts[-1] += f"\n[{rest} more characters]"
    parts[-1] = f"{parts[-1]}\n\n{own}" if own else parts[-1]
    return [OutgoingText(text=part) for part in parts]


def card(words: str, code: str, own: str, buttons: tuple[ChatButton, ...]) -> OutgoingText:
    """One message: words, what is shown as code, words of ours, buttons. What is too long of the first two is cut."""
    shown = "\n".join(printable(line) for line in redact(code).text.splitlines()).rstrip()
    if utf16_units(shown) > MAX_CODE_UNITS:
        shown = f"{_fitted(shown, MAX_CODE_UNITS - len(CUT))}{CUT}"
    room = MAX_UNITS - utf16_units(shown) - utf16_units(own) - 8
    said = safe_words(words)
    head = said if utf16_units(said) <= room else f"{_fitted(said, room - len(CUT))}{CUT}"
    before = f"{head}\n\n" if shown else head
    place = (utf16_units(before), utf16_units(shown)) if shown else None
    return OutgoingText(text=f"{before}{shown}\n\n{own}" if own else f"{before}{shown}", code=place, buttons=buttons)


def _parts(text: str, roof: int) -> Iterator[str]:
    """The text in parts of at most `roof` units, cut between lines where there are any."""
    while utf16_units(text) > roof:
        part = _fitted(text, roof)
        line = part.rfind("\n")
        part = part[:line] if line > len(part) // 2 else part
        yield part
        text = text[len(part) :].lstrip("\n")
    if text:
        yield text


def _fitted(text: str, roof: int) -> str:
    """The beginning of a text, as much of it as fits."""
    units = 0
    for place, char in enumerate(text):
        units += 2 if ord(char) > 0xFFFF else 1
        if units > roof:
            return text[:place]
    return text
