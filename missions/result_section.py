"""What do the attempts' sections below a mission's marker say, read back: each once, and why one failed?"""

from __future__ import annotations

import re

from missions.document import RESULT_MARK
from missions.one_line import one_line

_ATTEMPT = re.compile(r"^### Attempt ", re.MULTILINE)
_ERROR = re.compile(r"^- error: (.*)$", re.MULTILINE)
_LAST_PRINTED = re.compile(r"^(?=.*\S)(.*)\n\s*`{3,}\s*\Z", re.MULTILINE)
MAX_FAILURE_CHARS = 200


def attempt_sections(text: str) -> list[str]:
    """The sections of a mission's file, the newest attempt first; what no node wrote is none of them."""
    below = text.partition(RESULT_MARK)[2].replace("\r\n", "\n")
    starts = [found.start() for found in _ATTEMPT.finditer(below)]
    ends = [*starts[1:], len(below)]
    return [below[start:end].strip() for start, end in zip(starts, ends, strict=False)][::-1]


def without_repeat(section: str) -> str:
    """A section that says its first sentence once: the summary goes where the answer begins with it."""
    head, _, rest = section.partition("\n\n")
    summary, _, below = rest.partition("\n\n")
    opening = summary.rstrip("….")
    said_again = bool(opening) and any(part.startswith(opening) for part in below.split("\n\n"))
    return f"{head}\n\n{below}" if said_again else section


def opens_with(answer: str, summary: str) -> bool:
    """Whether an answer begins with what its summary says, so that one of them is enough."""
    return bool(summary.strip()) and " ".join(answer.split()).startswith(" ".join(summary.split()).rstrip("…."))


def failure_line(section: str) -> str:
    """Why an attempt failed, in one line: its error, and the last line that it printed, unless the error has it; ""
    where it says none."""
    error, printed = _ERROR.search(section), _LAST_PRINTED.search(section)
    if not error:
        return ""
    why, last = error[1].strip(), printed[1].strip() if printed else ""
    return one_line(why if last in why else f"{why}: {last}", MAX_FAILURE_CHARS)
