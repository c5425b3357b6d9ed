"""What did headquarters say last, and how old is that? The cache of its state in a worker's home folder.

It is there when headquarters is not, also over a restart; it may be deleted at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from orchestrator.workflow.delegation.shared_state import (
    MAX_STATE_BYTES,
    TTL_SECONDS,
    SharedState,
    read_shared_state,
)
from sync import files

CACHE_FILE = "headquarters.json"
"""In the home folder."""


@dataclass(frozen=True, kw_only=True)
class CachedState:
    """What headquarters said, and when this machine read it by its own clock."""

    state: SharedState
    read_at: datetime

    def is_fresh(self, now: datetime) -> bool:
        """Whether it is younger than its time to live. A clock that was put back makes nothing fresh."""
        return timedelta(0) <= now - self.read_at < timedelta(seconds=TTL_SECONDS)


@dataclass(frozen=True, kw_only=True)
class StateCache:
    """The file. Its own time is when it was read: nothing in it is of this machine's clock."""

    home: Path

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.home / CACHE_FILE

    def load(self) -> CachedState | None:
        """What was kept; None where there is nothing, or nothing that can be read."""
        try:
            with self.path.open("rb") as file:
                words, changed = file.read(MAX_STATE_BYTES + 1), self.path.stat().st_mtime
            return CachedState(state=read_shared_state(words), read_at=datetime.fromtimestamp(changed).astimezone())
        except (OSError, ValueError, OverflowError):
            return None

    def save(self, state: SharedState) -> None:
        """Replaces it, for this user alone. Raises OSError."""
        files.replace(self.path, state.model_dump_json(), durable=False, mode=0o600)
