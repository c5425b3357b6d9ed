"""How do one or many notices read as one message?"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from orchestrator.core.ports.notifier import NotificationMessage
from orchestrator.ledger.config.notification import Notification, NotificationKind

MAX_LISTED = 20
"""So many notices are listed in one message; of more the number is told."""
_KIND_ORDER = {kind: number for number, kind in enumerate(NotificationKind)}


def batch_key(keys: Sequence[str]) -> str:
    """The key of a message about these notices: the notice's own, or a digest of them all."""
    if len(keys) == 1:
        return keys[0]
    return f"{len(keys)}-{blake2b(chr(10).join(sorted(keys)).encode(), digest_size=8).hexdigest()}"


def compose_message(notices: Sequence[Notification], *, key: str, fleet: str, link: str) -> NotificationMessage:
    """One message about all of them, what waits for a person first."""
    ordered = sorted(notices, key=lambda notice: _KIND_ORDER[notice.kind])
    if len(ordered) == 1:
        (one,) = ordered
        return NotificationMessage(
            key=key, title=one.title, body=f"{one.body}\n{_link_to(one, link)}".strip(), tone=_tone(one.kind)
        )
    waiting = sum(notice.kind.waits for notice in ordered)
    count = f"{len(ordered)} things happened"
    title = f"{fleet}: {count}, {waiting} wait{'s' * (waiting == 1)} for you" if waiting else f"{fleet}: {count}"
    lines = [f"· {notice.body}" for notice in ordered[:MAX_LISTED]]
    more = len(ordered) - MAX_LISTED
    lines += [f"· and {more} more: `shiftbook notify list`"] if more > 0 else []
    lines += [link] if link else []
    return NotificationMessage(key=key, title=title, body="\n".join(lines), tone=_tone(ordered[0].kind))


def _link_to(notice: Notification, link: str) -> str:
    if link:
        return f"{link}{notice.path}"
    name = notice.path.removeprefix("/missions/")
    return f"shiftbook mission show {name}" if notice.path.startswith("/missions/") else ""


def _tone(kind: NotificationKind) -> str:
    tones = {
        NotificationKind.DONE: "success",
        NotificationKind.REVIEW: "info",
        NotificationKind.FAILED: "warning",
        NotificationKind.PARKED: "warning",
        NotificationKind.UNSERVED: "warning",
        NotificationKind.FINDING: "warning",
    }
    return tones.get(kind, "failure" if kind is not NotificationKind.LOG_REVIEW else "warning")
