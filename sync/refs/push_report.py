"""What became of each ref of a `git push`, by what it printed for programs (git-push(1), OUTPUT)?"""

from __future__ import annotations

import re

from sync.errors import PushRefused
from sync.remote import PushVerdict

LOST_RACE = re.compile(
    r"stale info|atomic push fail|atomic transaction failed|cannot lock ref|failed to update ref|already exists"
    r"|reference already|incorrect old value|fetch first|non-fast-forward|remote ref updated|failed to lock"
    r"|reference does not exist"
)
"""What git says when somebody else moved the ref first, on either side of the wire. Everything else is a refusal."""


def may_have_arrived(stderr: str) -> bool:
    """Whether the remote may have taken the push before the connection broke."""
    return "unexpected disconnect" in stderr or "hung up" in stderr or "unpack" in stderr or "RPC failed" in stderr


def read_verdicts(porcelain: str, *, raced: bool = False) -> dict[str, PushVerdict]:
    """One verdict for each `flag<TAB>from:to<TAB>summary (reason)` line. Raises PushRefused.

    `raced`: the remote's hook said that what it declined had only come too late.
    """
    found: dict[str, PushVerdict] = {}
    for line in porcelain.splitlines():
        flag, tab, rest = line.partition("\t")
        if not tab or len(flag) != 1:
            continue
        ref = rest.partition("\t")[0].rpartition(":")[2]
        summary = rest.partition("\t")[2]
        if flag == "=":
            found[ref] = PushVerdict.UNCHANGED
        elif flag != "!":
            found[ref] = PushVerdict.ACCEPTED
        elif LOST_RACE.search(summary) or (raced and "hook declined" in summary):
            found[ref] = PushVerdict.STALE
        else:
            raise PushRefused(ref, summary.partition("(")[2].rstrip(")") or summary)
    return found
