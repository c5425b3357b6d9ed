"""Does an attempt end as the one before it did? A repeated ending is told once in its mission's file, and how often.

Only an ending that does not count as an attempt (parked, put back) can come again and again, whenever somebody lets the
mission go on. The last of them stands in the file, and each in its node's log.
"""

from __future__ import annotations

import re

from missions.document import RESULT_MARK
from missions.lease import ClaimState

UNCOUNTED_STATES = (ClaimState.PARKED.value, ClaimState.RELEASED.value)
_HEAD = re.compile(rf"^### Attempt \d+ · (?:{'|'.join(UNCOUNTED_STATES)}) · \S+ · ", re.MULTILINE)
_TIMES = re.compile(r"\n\n- ended like this (\d+) times in a row$")


def merge_repeated_ending(text: str, section: str) -> tuple[str, str]:
    """A mission's file and the section that is to be added to it: if the file's last section tells the same ending of
    the same node, the file without that section, and the new section with how often it ended like this."""
    before, mark, results = text.partition(RESULT_MARK)
    last = next((found for found in reversed(list(_HEAD.finditer(results)))), None)
    if not mark or last is None or _HEAD.match(section) is None:
        return text, section
    told = results[last.start() :].replace("\r\n", "\n").rstrip()
    times = _TIMES.search(told)
    if _ending(_TIMES.sub("", told)) != _ending(section.rstrip()):
        return text, section
    count = int(times[1]) + 1 if times else 2
    return before + mark + results[
        : last.start()
    ].rstrip(), f"{section.rstrip()}\n\n- ended like this {count} times in a row"


def _ending(section: str) -> tuple[str, str]:
    """Whose end a section tells, and what it says but for its numbers: how long it took, how much was free."""
    head, _, rest = section.partition("\n")
    return head.rpartition(" · ")[0], re.sub(r"[\d.,]+", "0", rest)
