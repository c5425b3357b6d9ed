"""What was said at the actions of a conversation? It outlives a turn: nothing is said twice to one conversation.

Only the lines are kept. Each turn has a warner of its own, and hears as many new ones as a run may.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from orchestrator.core.ports.action_warner import ActionWarner, Unwarned
from orchestrator.execution.journal_warner import JournalWarner
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.journal.run_warner import JournalLookUp, run_warner

MAX_CONVERSATIONS = 256
"""Conversations whose warnings are remembered, those used last."""


@dataclass(frozen=True, kw_only=True)
class ConversationWarners:
    """Those of one process; one that forgets, such as a restart, may say a line again."""

    look_up: JournalLookUp
    _kept: OrderedDict[str, list[str]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, conversation: str, ledger: LedgerSnapshot | None, project: str) -> ActionWarner:
        """A turn's, as this ledger has it; that of nobody where there is none."""
        if ledger is None:
            return Unwarned()
        made = run_warner(self.look_up, ledger, project, lambda line: None)
        if not isinstance(made, JournalWarner):
            return made
        with self._lock:
            made.known = self._kept.setdefault(conversation, made.known)
            self._kept.move_to_end(conversation)
            while len(self._kept) > MAX_CONVERSATIONS:
                self._kept.popitem(last=False)
            return made
