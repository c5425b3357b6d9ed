"""How does a text that somebody else wrote become words that are safe in any message?

A mission's title goes into headers of mails, into chats that read markup, and onto screens that make links of whatever
looks like one. Nothing in it may start a new line, call people together, dress up as a link or turn the text round.
"""

from __future__ import annotations

import re
import unicodedata

from handoff.secrets.redact import redact

TITLE, SENTENCE = 120, 400
"""The longest title and sentence, in characters."""
BREAK = "\u200b"
"""Zero wide: a reader sees nothing of it, a program that looks for a mention or an address does."""
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Control, format (also those that turn the direction of writing), surrogates, line and paragraph separators."""
_LINKS = re.compile(r"(?i)(?<=\w)(://)|(?<=\bwww)(\.)|(?<=[\])])([(\[])")
_CALLS = re.compile(r"@(?=\w)|(?<=[\s(])#(?=\w)")


def plain(text: str, roof: int = TITLE) -> str:
    """The text as one line without markup, mentions and links, at most `roof` characters long."""
    seen = "".join(" " if unicodedata.category(char) in _UNSEEN else char for char in text[: 20 * roof])
    line = " ".join(redact(seen).text.split())
    if len(line) > roof:
        line = line[: roof - 1].rstrip() + "…"
    line = line.replace("<", "‹").replace(">", "›")
    line = _LINKS.sub(lambda found: BREAK + found[0] + BREAK, line)
    return _CALLS.sub(lambda found: found[0] + BREAK, line)


def quoted(text: str, roof: int = TITLE) -> str:
    """The same in quotation marks that it cannot close."""
    return f"“{plain(text, roof).replace('“', chr(34)).replace('”', chr(34))}”"
