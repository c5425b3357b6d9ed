"""Does an attempt end as the one before it did? A repeated ending is told once in its mission's file, and how often.

Only an ending that does not count as an attempt (parked, put back) can come again and again, whenever somebody lets the
mission go on. The last of them stands in the file, and each in its node's log.
"""

from __future__ import annotations

import re

from missions.document import RESULT_MARK
from missions.lease import ClaimState

UNCOUNTED_STATES = (ClaimState.PARKED.value, ClaimState.RELEASED.value)
NOT_STARTED = "Not started: "
"""How the summary begins of an attempt that was not even begun."""
PUT_BACK_IN_WORK = "Put back in its work: "
"""How the summary begins of an attempt that had done something when the window of its account was used up."""
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


def is_quota_release(section: str) -> bool:
    """Whether a section tells of work that was put back because the window of its account was used up."""
    head, _, rest = section.partition("\n")
    return f" · {ClaimState.RELEASED.value} · " in head and rest.lstrip("\n").startswith(PUT_BACK_IN_WORK)


def keeper_after(section: str, node: str, keeper: str | None) -> str | None:
    """Who keeps a mission's workspace after it was put back: who had worked in it, and where nothing was begun whoever
    kept it before."""
    if is_quota_release(section):
        return node
    head, _, rest = section.partition("\n")
    unbegun = f" · {ClaimState.RELEASED.value} · " in head and rest.lstrip("\n").startswith(NOT_STARTED)
    return keeper if unbegun else None


def quota_releases(text: str) -> int:
    """How often in a row a mission was put back in its work for want of quota, on whatever node. What was put back
    before it began is passed over; any other end begins the count anew."""
    _, mark, results = text.partition(RESULT_MARK)
    sections = re.split(r"^(?=### )", results, flags=re.MULTILINE)[1:] if mark else []
    count = 0
    for section in reversed(sections):
        told = section.replace("\r\n", "\n").rstrip()
        times = _TIMES.search(told)
        if is_quota_release(told):
            count += int(times[1]) if times else 1
        elif f" · {ClaimState.RELEASED.value} · " not in told.partition("\n")[0]:
            break
    return count


def _ending(section: str) -> tuple[str, str]:
    """Whose end a section tells, and what it says but for its numbers: how long it took, how much was free."""
    head, _, rest = section.partition("\n")
    return head.rpartition(" · ")[0], re.sub(r"[\d.,]+", "0", rest)
