"""Does a node's change of a mission's file say what only a person may say: that a result is approved or rejected?

A node may carry a decision on, take one back with its reason, and write that policy decided about a result that nobody
had waited for. Everything else in these fields is a person's.
"""

from __future__ import annotations

from dataclasses import replace

from missions import document
from missions.mission import BY_POLICY, Mission, Status

HELD_STATUSES = frozenset({Status.REVIEW})
RELEASED_STATUSES = frozenset({Status.DONE, Status.QUEUED, Status.CANCELLED})


def forged_decision(old: bytes | None, new: bytes) -> str:
    """Which word of a person's a node would write itself, in words; empty if none."""
    before, after = _read_mission(old), _read_mission(new)
    if after is None:
        return ""  # no mission comes of it, so nobody acts on it
    if before is None:
        # Deleted while it ran: an earlier rejection stands in the text that was claimed, and it lets nothing in.
        before = Mission(name=after.name, title="", body="", rejections=after.rejections, retries=after.retries)
        before = replace(before, feedback_rounds=after.feedback_rounds)
        if after.decision == "rejected":
            before = replace(before, decision=after.decision, decided_by=after.decided_by)
    if (after.rejections, after.retries) != (before.rejections, before.retries):
        return "a node does not count rejections, nor a person's orders to try it again"
    if after.on_approval not in (before.on_approval, None):
        return "a node does not say what becomes of an approved branch"
    more = after.feedback_rounds - before.feedback_rounds
    if more and not (more == 1 and before.status is Status.DONE and after.status is Status.QUEUED):
        return "a node counts a round of feedback when it queues a mission for it, one at a time"
    if before.status in HELD_STATUSES and after.status in RELEASED_STATUSES:
        return f"it waits in review: a node does not make it {after.status}"
    return _forged_approval(before, after)


def in_review(data: bytes) -> bool:
    """Whether a mission's file says that it waits for a person."""
    read = _read_mission(data)
    return read is not None and read.status in HELD_STATUSES


def _forged_approval(before: Mission, after: Mission) -> str:
    said = [(one.decision, one.decided_by) for one in (before, after)]
    if said[0] == said[1] or after.decision is None:
        return ""
    by_policy = after.decision == "approved" and after.decided_by == BY_POLICY
    carried_on = before.status is Status.DONE and after.decision == "approved"
    return "" if by_policy or carried_on else f"a node does not say that {after.decided_by} {after.decision} it"


def _read_mission(data: bytes | None) -> Mission | None:
    found = document.read("m.md", data) if data is not None else None
    return found if isinstance(found, Mission) else None
