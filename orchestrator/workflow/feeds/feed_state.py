"""What is kept of a feed's state between two polls: when it is due, what to ask with, which entries came before?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from missions.plain_data import read_json
from orchestrator.core.ports.suppliers.feeds import FeedFailed

MAX_KNOWN = 2000
"""Entries that are remembered; feeds have at most 500 at a time."""
KNOWN_FOR = timedelta(days=30)
MAX_PAUSE = timedelta(days=1)
MAX_DOUBLINGS = 12


class KnownEntry(BaseModel):
    """An entry that came. `first` is when: its event has that time, however often it is tried."""

    model_config = ConfigDict(frozen=True)
    first: AwareDatetime
    seen: AwareDatetime
    done: bool = False


class FeedState(BaseModel):
    """A feed's state. `failures` in a row; `why` is the last one's reason; `read` is when it was read last."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    url: str = ""
    etag: str = ""
    modified: str = ""
    due: AwareDatetime | None = None
    read: AwareDatetime | None = None
    failures: Annotated[int, Field(ge=0)] = 0
    why: str = ""
    known: dict[str, KnownEntry] = {}

    def failed(self, error: FeedFailed, every: timedelta, now: datetime) -> FeedState:
        """After a poll that brought nothing: the pause doubles, up to a day, or is what its server asks for."""
        pause = min(MAX_PAUSE, every * 2 ** min(self.failures + 1, MAX_DOUBLINGS))
        if error.seconds is not None:
            pause = min(MAX_PAUSE, max(every, timedelta(seconds=error.seconds)))
        if error.gone:
            pause = max(MAX_PAUSE, every)
        return self.model_copy(update={"failures": self.failures + 1, "why": str(error), "due": now + pause})

    def came(self, idents: list[str], now: datetime) -> FeedState:
        """With these entries; what the first poll of an address brings is known and no news."""
        first_poll = self.read is None
        known = {key: each for key, each in self.known.items() if now - each.seen < KNOWN_FOR}
        for key in idents:
            before = known.pop(key, None) or KnownEntry(first=now, seen=now, done=first_poll)
            known[key] = before.model_copy(update={"seen": now})
        kept = dict(list(known.items())[-MAX_KNOWN:])
        return self.model_copy(update={"known": kept, "read": now})

    def done(self, ident: str) -> FeedState:
        """After an entry's event was taken in."""
        return self.model_copy(
            update={"known": {**self.known, ident: self.known[ident].model_copy(update={"done": True})}}
        )


def read_state(text: str, url: str) -> FeedState:
    """What was kept of the feed at an address; nothing where that was another one, or cannot be read."""
    try:
        found = FeedState.model_validate(read_json(text or "{}"))
    except (ValidationError, ValueError):
        return FeedState(url=url)
    return found if found.url == url else FeedState(url=url)
