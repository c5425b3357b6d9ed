"""What does the journal say to one run at its actions, and was that of use? Never much, never twice.

What followed a warning is told from the actions alone: whether what it is about failed again, and whether something
else of the same program worked. Nobody's opinion is asked. Code of the project can ask in an agent's name: it can
neither use the warnings up nor have them judged, because only what the program tells of itself counts.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from handoff.warnings.action_warnings import INTERPRETERS, MAX_ACTION_CHARS, ActionWords, SubjectKind, action_words
from handoff.warnings.heard_warnings import HeardWarning, WarningVerdict
from handoff.warnings.warning_index import MAX_WARNINGS, SaidWarning
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.ports.action_warner import NO_ADVICE, ActionAdvice

MAX_WARNINGS_A_RUN = 12
"""Lines that one run hears: who hears more listens to none."""
MAX_OPEN_CALLS = 64
"""Calls that were asked about and that the program has not told of yet, those asked about last."""
MAX_TOLD_TEXTS = 1000
"""Lines that are refused or told to people who watch, in one run, whoever asks; and that are kept of a conversation."""
LookUp = Callable[[str, Sequence[str], int], Sequence[SaidWarning]]
"""Takes an action, the texts that were said, and how many lines at most. May raise OrchestratorError, sqlite3.Error."""


class WarningForm(StrEnum):
    """How a run hears a warning: with the result of the action, or instead of it, once."""

    WITH_RESULT = "with-result"
    REFUSE_ONCE = "refuse-once"


@dataclass(kw_only=True)
class _FollowedWarning:
    """A warning that was said, at which action, and what followed."""

    said: SaidWarning
    first: ActionWords
    held: bool
    """Whether the action was refused, and has not been done since."""
    pending: bool = True
    """Whether the action at which it was said has not come to its end: what comes of that, nobody could help."""
    failed: bool = False
    repeated: bool = False
    needless: bool = False
    worked: bool = False

    def concerns(self, action: ActionWords) -> bool:
        """Whether an action is what it warned of: a command in all its words, else the very same."""
        subject = self.said.subject
        if subject is not None and subject.kind is SubjectKind.COMMAND:
            return subject.concerns(action)
        return action.words >= self.first.words

    def follow(self, action: ActionWords, *, ok: bool) -> None:
        """Takes in what came of an action."""
        if not self.concerns(action):
            same_program = (action.tools & self.first.tools) - INTERPRETERS
            self.worked = self.worked or (ok and bool(same_program) and not self.pending_first)
            return
        if self.held:
            self.needless, self.repeated = self.needless or ok, self.repeated or not ok
            self.held = False
        elif self.pending:
            self.failed = not ok
        else:
            self.repeated = self.repeated or not ok
            self.worked = self.worked or ok
        self.pending = False

    @property
    def pending_first(self) -> bool:
        """Whether it was said with a result that is not there yet."""
        return self.pending and not self.held

    @property
    def verdict(self) -> WarningVerdict:
        """What it was good for."""
        if self.repeated or self.needless:
            return WarningVerdict.HURT
        if self.worked and (self.failed or self.held):
            return WarningVerdict.HELPED
        return WarningVerdict.UNCLEAR


@dataclass(frozen=True, kw_only=True, eq=False)
class _OpenCall:
    """A call that somebody asked about, and what was said there."""

    call: str
    action: str
    warnings: tuple[_FollowedWarning, ...]


@dataclass(kw_only=True)
class JournalWarner:
    """One run's warner. `note` tells people who watch; `known` are the lines that were said, also before this run."""

    look_up: LookUp
    form: WarningForm = WarningForm.WITH_RESULT
    limit: int = MAX_WARNINGS_A_RUN
    note: Callable[[str], None] = lambda line: None
    active: bool = True
    known: list[str] = field(default_factory=list)
    _open: list[_OpenCall] = field(default_factory=list)
    _told: set[str] = field(default_factory=set)
    """Lines that were told to whoever asked: these are refused no more."""
    _said: list[_FollowedWarning] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def before(self, action: str, *, call: str | None = None, may_refuse: bool = True) -> ActionAdvice:
        """As the port says. An index that cannot be used warns of nothing: no work fails for want of a memory."""
        action = _cut(action)
        with self._lock:
            left, known = self.limit - len(self._said), list(self.known)
        if not action or left < 1:
            return NO_ADVICE
        try:
            found = self.look_up(action, known, min(MAX_WARNINGS, left))
        except (OrchestratorError, sqlite3.Error):
            return NO_ADVICE
        with self._lock:
            found = [one for one in found if one.text not in self.known][: self.limit - len(self._said)]
            new = [one for one in found if one.text not in self._told] if len(self._told) < MAX_TOLD_TEXTS else []
            refuses = may_refuse and self.form is WarningForm.REFUSE_ONCE and bool(new)
            self._told.update(one.text for one in new)
            words = action_words(action)
            said = tuple(_FollowedWarning(said=one, first=words, held=refuses) for one in found)
            if call is None:
                self._count(said)
            elif said:
                self._open = [*self._open, _OpenCall(call=call, action=action, warnings=said)][-MAX_OPEN_CALLS:]
        for one in new:
            self.note(f"[{'held back once; ' if refuses else ''}the journal warns: {one.quoted}]")
        return ActionAdvice(lines=tuple(one.quoted for one in found), refuses=refuses)

    def confirm(self, names: Collection[str], *, call: str) -> None:
        """As the port says. Of those who asked about the same without an id the last one counts."""
        actions = {_cut(name) for name in names}
        with self._lock:
            asked = [one for one in self._open if one.action in actions and call in ("", one.call)]
            self._open = [one for one in self._open if one not in asked]
            for one in asked[-1:]:
                self._count(one.warnings)

    def _count(self, said: Iterable[_FollowedWarning]) -> None:
        """Takes what was said for said, each line once."""
        for one in said:
            if one.said.text not in self.known and len(self._said) < self.limit:
                self._said.append(one)
                self.known[:] = [*self.known, one.said.text][-MAX_TOLD_TEXTS:]

    def followed(self, action: str, *, ok: bool) -> None:
        """As the port says."""
        words = action_words(_cut(action))
        with self._lock:
            for one in self._said:
                one.follow(words, ok=ok)

    @property
    def heard(self) -> tuple[HeardWarning, ...]:
        """As the port says."""
        with self._lock:
            return tuple(
                HeardWarning(text=one.said.text, entry_id=one.said.entry_id, verdict=one.verdict) for one in self._said
            )


def _cut(action: str) -> str:
    return action[:MAX_ACTION_CHARS].strip()
