"""How does a text that somebody else wrote become words that are safe in any message?

A mission's title goes into headers of mails, into chats that read markup, and onto screens that make links of whatever
looks like one. Nothing in it may start a new line, call people together, dress up as a link or turn the text round.
"""

from __future__ import annotations

import re

from handoff.secrets.excerpts import redacted_line

MAX_TITLE_CHARS, MAX_SENTENCE_CHARS = 120, 400
"""The longest title and sentence, in characters."""
ZERO_WIDTH_SPACE = "\u200b"
"""Zero wide: a reader sees nothing of it, a program that looks for a mention or an address does."""
_LINK_STARTS = re.compile(
    r"(?i)(?<=\w)(://)|(?<=\bwww)(\.)|(?<=[\])])([(\[])"
    r"|(?<=\w)([.\u3002\uff0e\uff61])(?=[^\W\d_]{2}|xn--)"  # any word may be a country or a new domain by now
    r"|(?<=\bmailto)(:)|(?<=\btel)(:)|(?<=\bjavascript)(:)|(?<=\bdata)(:)(?=\w)"
)
_MENTION_STARTS = re.compile(r"@(?=\w)|(?:^|(?<=[\s(]))#(?=\w)")


def plain_text(text: str, roof: int = MAX_TITLE_CHARS) -> str:
    """The text as one line without markup, mentions and links, at most `roof` characters long."""
    line = redacted_line(text, roof)
    line = line.replace("<", "‹").replace(">", "›")
    line = _LINK_STARTS.sub(lambda found: ZERO_WIDTH_SPACE + found[0] + ZERO_WIDTH_SPACE, line)
    return _MENTION_STARTS.sub(lambda found: found[0] + ZERO_WIDTH_SPACE, line)


def quoted_text(text: str, roof: int = MAX_TITLE_CHARS) -> str:
    """The same in quotation marks that it cannot close."""
    return f"“{plain_text(text, roof).replace('“', chr(34)).replace('”', chr(34))}”"
