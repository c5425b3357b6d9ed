"""How did the bot's polling go lately on this machine? Noted by whoever polls, read by whoever asks how things are."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from missions.plain_data import read_json
from orchestrator.core.ports.stores import Cursors

MARK = "telegram polling "
EVERY = timedelta(minutes=5)
"""How often the same is noted again: a poll ends every half minute, and each note is a write."""
ANSWERS, CONFLICT, TROUBLE, RESTS = "answers", "conflict", "trouble", "rests"
MAX_CHARS = 300


@dataclass(frozen=True, kw_only=True)
class PollState:
    """One look. `state` is `answers` (the network did), `conflict` (another program polls), `trouble`, or `rests`
    (another node's turn); `says` is its words, without secrets."""

    at: datetime
    state: str
    says: str = ""

    def is_news(self, before: PollState | None) -> bool:
        """Whether it is to be noted after `before`."""
        return before is None or before.state != self.state or not timedelta() <= self.at - before.at < EVERY

    def note(self, marks: Cursors, bot: str) -> None:
        """Keeps it. Raises StoreFailed."""
        told = asdict(self) | {"at": self.at.isoformat(), "says": self.says[:MAX_CHARS]}
        marks.put(f"{MARK}{bot}", json.dumps(told))


def read_poll_state(marks: Cursors, bot: str) -> PollState | None:
    """What was noted last for a bot; None for nothing, or for what cannot be read. Raises StoreFailed."""
    try:
        found = read_json(marks.get(f"{MARK}{bot}") or "null")
        at = datetime.fromisoformat(str(found["at"]))
        return PollState(at=at, state=str(found["state"]), says=str(found["says"])) if at.tzinfo else None
    except (ValueError, KeyError, TypeError):
        return None
