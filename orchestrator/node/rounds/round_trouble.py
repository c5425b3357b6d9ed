"""What does trouble in a round mean: a remote, a disk that does not answer, or a surprise that nobody foresaw?

Neither ends the node. What was foreseen is told once and tried again. A surprise is a mistake in this program, or
something that it did not expect of a library: it is told with its kind, and one that comes round after round is an
alarm, since only a person can end it.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from handoff.secrets.excerpts import redacted_line
from orchestrator.core.errors import BrokenLedger, Refused, WrongSetting
from orchestrator.core.events import Tell
from sync.errors import HistoryRewritten, SyncError

FINAL_ERRORS = (HistoryRewritten, Refused, BrokenLedger, WrongSetting)
"""What a node must end with: the remote was tampered with, or this node cannot or may not work here."""
ALARM_AFTER_ROUNDS = 5
"""So many rounds in a row end in the same surprise before it is an alarm."""
MAX_SURPRISE_CHARS = 300


@dataclass
class RoundTrouble:
    """What the last rounds of a node's loop ended in."""

    tell: Tell
    online: bool = True
    """Whether the remote and the disk answered the last time."""
    surprise: str = ""
    """In what the last round ended that nobody foresaw, with its kind; empty when it did not."""
    _times: int = 0

    @property
    def sound(self) -> bool:
        """Whether the last round was completed."""
        return self.online and not self.surprise

    def note(self, error: Exception) -> None:
        """Tells in what a round ended."""
        if isinstance(error, SyncError | OSError):
            self.online, self.surprise, self._times = False, "", 0
            self.tell("remote", f"{error}; trying again", once=True)
            return
        said = redacted_line(str(error), MAX_SURPRISE_CHARS)
        kind = f"{type(error).__name__}: {said}" if said else type(error).__name__
        self._times = self._times + 1 if kind == self.surprise else 1
        self.surprise = kind
        trace = "".join(traceback.format_exception(error))
        self.tell("internal", f"a round ended in {kind}; the next one tries again", once=True, trace=trace)
        if self._times == ALARM_AFTER_ROUNDS:
            alarm = f"{self._times} rounds in a row ended in {kind}: nothing is taken on or handed back"
            self.tell("alarm", f"{alarm}; restart the node, and report it if that does not help")

    def passed(self) -> None:
        """A round was completed."""
        if not self.online:
            self.tell("remote", "reachable again")
        self.online, self.surprise, self._times = True, "", 0
