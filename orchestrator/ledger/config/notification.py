"""What is a notification: one thing worth telling?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Any

MAX_KEY_CHARS = 90
"""The longest key, in characters: a mission's name, an epoch and a kind nearly always fit."""


class NotificationKind(StrEnum):
    """What happened. The words are those of `notify.kinds` in fleet.toml; those that wait for a person come first."""

    REVIEW = "review"
    BUDGET = "budget"
    PARKED = "parked"
    DEAD = "dead"
    UNSERVED = "unserved"
    FAILED = "failed"
    LOST = "lost"
    FINDING = "finding"
    LOG_REVIEW = "log-review"
    DONE = "done"

    @property
    def waits(self) -> bool:
        """Whether somebody is waited for."""
        return self in {
            NotificationKind.REVIEW,
            NotificationKind.BUDGET,
            NotificationKind.PARKED,
            NotificationKind.DEAD,
            NotificationKind.UNSERVED,
        }


@dataclass(frozen=True, kw_only=True)
class Notification:
    """One thing that happened. `key` is the same whoever finds it and however often; `path` leads to its page.

    `title` and `body` are one line each, and safe to be shown anywhere (`safe_text`).
    """

    key: str
    kind: NotificationKind
    title: str
    body: str
    path: str = ""

    def json(self) -> dict[str, Any]:
        """As a parcel keeps it."""
        return {"kind": self.kind.value, "title": self.title, "body": self.body, "path": self.path}


def read(key: str, body: Mapping[str, Any]) -> Notification:
    """What `json` made. A word that this version does not know is told all the same."""
    said = body.get("kind")
    word = said if isinstance(said, str) else ""
    kind = NotificationKind(word) if word in set(NotificationKind) else NotificationKind.LOG_REVIEW
    words = {name: str(body.get(name, "")) for name in ("title", "body", "path")}
    return Notification(key=key, kind=kind, **words)


def key_of(*parts: object) -> str:
    """A key of these parts, as it is where it is short and plain, else with a digest in the place of its end."""
    key = "-".join(str(part) for part in parts)
    if len(key) <= MAX_KEY_CHARS and key.isascii() and key.isprintable():
        return key
    plain = "".join(char if char.isascii() and char.isalnum() else "-" for char in key)
    return f"{plain[: MAX_KEY_CHARS - 17]}-{blake2b(key.encode('utf-8', 'replace'), digest_size=8).hexdigest()}"
