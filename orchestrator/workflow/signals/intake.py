"""What becomes of an event that came in? The intake: once each, as the rules say, within the supplier's bounds.

A supplier that floods is told to come again later, and one that lies (data of the wrong form, two contents under one
id) is left alone for an hour. What became of each event is kept for people to see.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.suppliers.signals import SIGNAL_AGE, Signal, Signals
from orchestrator.ledger.config.supplier_tables import SupplierPart
from orchestrator.workflow.signals.cloud_event import CloudEvent, read_event
from orchestrator.workflow.signals.signal_rules import drafts, rule_for

FILED, BELOW, NO_RULE, CAPPED = "filed", "below", "no-rule", "capped"
REFUSED, CONTRADICTION, DUPLICATE, DEFERRED = "refused", "contradiction", "duplicate", "deferred"
VERDICTS = (FILED, BELOW, NO_RULE, CAPPED, REFUSED, CONTRADICTION)
"""What is kept. Of a duplicate and of what is deferred nothing new is."""
LIES = frozenset({REFUSED, CONTRADICTION})
MAX_LIES_PER_HOUR = 20
CLOCKS_DIFFER = timedelta(minutes=10)
"""By so much the supplier's clock may be ahead."""

FileMission = Callable[[str, str, str], str]
"""Files a mission: its text, its name, and the key under which it is filed once. Returns the name."""


@dataclass(frozen=True, kw_only=True)
class SignalResult:
    """What is answered for one event."""

    id: str
    verdict: str
    why: str = ""
    missions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SignalIntake:
    """One supplier's."""

    supplier: str
    part: SupplierPart
    signals: Signals
    file: FileMission
    now: Callable[[], datetime]

    def take(self, found: Any) -> SignalResult:
        """Takes one event in, from its JSON form. Raises what filing a mission raises; the event may be sent again."""
        why = self._closed()
        if why:
            return SignalResult(id="", verdict=DEFERRED, why=why)
        try:
            event = read_event(found)
            self._check_time(event)
        except WrongSetting as error:
            return self._unreadable(found, str(error))
        signal = self._begin(event.source, event.id, event.type, event.digest)
        if signal.verdict:
            return SignalResult(id=event.id, verdict=DUPLICATE, why=signal.verdict, missions=signal.missions)
        if self.signals.contents(signal.event_key) != {signal.key}:
            return self._settle(signal, CONTRADICTION, "another content came under this source and id")
        return self._judge(event, signal)

    def _closed(self) -> str:
        """Why nothing of this supplier is taken now; empty where it is."""
        now = self.now()
        if self.signals.count(self.supplier, since=now - timedelta(hours=1), verdicts=LIES) >= MAX_LIES_PER_HOUR:
            return "too many of its events were refused in the last hour"
        if self.signals.count(self.supplier, since=now - timedelta(minutes=1)) >= self.part.per_minute:
            return "more events a minute than fleet.toml lets it send"
        if self.signals.count(self.supplier, since=now - timedelta(days=1)) >= self.part.per_day:
            return "more events a day than fleet.toml lets it send"
        return ""

    def _check_time(self, event: CloudEvent) -> None:
        now = self.now()
        if not now - SIGNAL_AGE <= event.time <= now + CLOCKS_DIFFER:
            raise WrongSetting("time", "older than two days, or in the future")

    def _begin(self, source: str, ident: str, kind: str, digest: str) -> Signal:
        event_key = _hash(self.supplier, source, ident)
        return self.signals.begin(
            Signal(
                key=_hash(event_key, digest),
                event_key=event_key,
                supplier=self.supplier,
                event_id=ident,
                source=source,
                type=kind,
                received=self.now(),
            )
        )

    def _unreadable(self, found: Any, why: str) -> SignalResult:
        """Notes that something came that is no event, under what it is; again it is the same."""
        word = found.get("id") if isinstance(found, dict) else ""
        ident = word[:500] if isinstance(word, str) else ""
        signal = self._begin("", "", "", _hash(repr(found)))
        if signal.verdict:
            return SignalResult(id=ident, verdict=DUPLICATE, why=signal.verdict)
        return SignalResult(id=ident, verdict=self._settle(signal, REFUSED, why).verdict, why=why)

    def _judge(self, event: CloudEvent, signal: Signal) -> SignalResult:
        rule = rule_for(event, self.part.rules)
        if rule is None:
            return self._settle(signal, NO_RULE, "no rule of fleet.toml is about this type")
        try:
            wanted = drafts(event, rule, self.supplier)
        except WrongSetting as error:
            return self._settle(signal, REFUSED, str(error))
        if not wanted:
            return self._settle(signal, BELOW, f"nothing is as sure as {rule.min_confidence:g}")
        spent = self.signals.missions_since(self.supplier, self.now() - timedelta(days=1))
        left = max(0, self.part.missions_per_day - spent)
        if not left:
            return self._settle(
                signal, CAPPED, f"it may cause no more in a day (missions_per_day = {self.part.missions_per_day})"
            )
        names = tuple(
            self.file(draft.text, f"signal-{self.supplier[:30]}-{signal.key[:12]}-{place}", f"{signal.key}-{place}")
            for place, draft in enumerate(wanted[:left], start=1)
        )
        more = f"{len(wanted) - left} more were left out: the day's missions are spent" if len(wanted) > left else ""
        return self._settle(signal, FILED, more, names)

    def _settle(self, signal: Signal, verdict: str, why: str, missions: tuple[str, ...] = ()) -> SignalResult:
        self.signals.settle(signal.key, verdict, why, missions)
        return SignalResult(id=signal.event_id, verdict=verdict, why=why, missions=missions)


def _hash(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()
