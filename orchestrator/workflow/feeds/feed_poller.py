"""When is a feed polled, and what becomes of its entries? The poller: a supplier that this node asks by itself.

A new entry is an event like any other: the same rules, threshold and rates, kept where people see it. What it says is
somebody else's words. What the first poll finds is no news, and an entry counts once by its id, however it is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from orchestrator.core.ports.stores import Cursors
from orchestrator.core.ports.suppliers.feeds import FeedEntry, FeedFailed, FeedReader
from orchestrator.ledger.config.supplier_tables import SupplierPart
from orchestrator.workflow.feeds.feed_marks import PREFIX, entry_key
from orchestrator.workflow.signals.intake import DEFERRED, SignalIntake, SignalResult

if TYPE_CHECKING:  # most nodes poll no feed, and need no pydantic
    from orchestrator.workflow.feeds.feed_state import FeedState

ENTRY_TYPE = "feed.entry"
"""What a rule's `type` says to be about entries."""
OLD_AFTER = timedelta(days=2)
"""An entry that says it is older when it comes is no news."""


@dataclass(frozen=True, kw_only=True)
class PolledFeed:
    """What one poll brought. `why`: why it brought nothing; `due`: when the next one is."""

    supplier: str
    results: tuple[SignalResult, ...] = ()
    why: str = ""
    due: datetime


@dataclass(frozen=True, kw_only=True)
class FeedPoller:
    """This node's. `intake` takes one supplier's events in."""

    reader: FeedReader
    marks: Cursors
    intake: Callable[[str, SupplierPart], SignalIntake]
    now: Callable[[], datetime]
    release: Callable[[], None] = lambda: None
    """Lets go of what `intake` opened, after each poll."""

    def due(self, suppliers: Mapping[str, SupplierPart]) -> list[str]:
        """The suppliers whose feed is due now."""
        feeds = {name: self.state(name, part) for name, part in suppliers.items() if part.feed}
        return sorted(name for name, state in feeds.items() if state.due is None or state.due <= self.now())

    def state(self, supplier: str, part: SupplierPart) -> FeedState:
        """What is kept of a supplier's feed."""
        from orchestrator.workflow.feeds.feed_state import read_state

        return read_state(self.marks.get(PREFIX + supplier), part.feed)

    def poll(self, supplier: str, part: SupplierPart) -> PolledFeed:
        """Asks one feed and takes in what is new. Raises what filing a mission raises; then it is tried again."""
        state, every, now = self.state(supplier, part), timedelta(minutes=part.every_minutes), self.now()
        try:
            fetched = self.reader.fetch(part.feed, etag=state.etag, modified=state.modified)
        except FeedFailed as error:
            after = state.failed(error, every, now)
            self._keep(supplier, after)
            return PolledFeed(supplier=supplier, why=str(error), due=after.due or now)
        state = state.model_copy(update={"failures": 0, "why": "", "due": now + every})
        entries = {entry_key(each): each for each in reversed(fetched.entries or ())}  # the oldest first
        if fetched.entries is not None:
            state = state.came(list(entries), now)
        self._keep(supplier, state)  # what was seen first when is kept before anything is filed
        try:
            results, state = self._take(supplier, part, state, entries)
        finally:
            self.release()
        # Until all that the feed has is taken in, the next poll asks for the whole of it again. What was put off and
        # has left it since is not waited for.
        whole = all(state.known[key].done for key in entries if key in state.known)
        validators = {"etag": fetched.etag, "modified": fetched.modified} if whole else {"etag": "", "modified": ""}
        self._keep(supplier, state.model_copy(update=validators))
        return PolledFeed(supplier=supplier, results=tuple(results), due=state.due or now)

    def _take(
        self, supplier: str, part: SupplierPart, state: FeedState, entries: Mapping[str, FeedEntry]
    ) -> tuple[list[SignalResult], FeedState]:
        intake, results = self.intake(supplier, part), list[SignalResult]()
        for key, entry in entries.items():
            known = state.known.get(key)
            if known is None or known.done:
                continue
            fresh = entry.published is None or entry.published > known.first - OLD_AFTER
            if fresh and self.now() - known.first < OLD_AFTER:
                result = intake.take(feed_event(part, entry, known.first))
                results.append(result)
                if result.verdict == DEFERRED:
                    break
            state = state.done(key)
            self._keep(supplier, state)
        return results, state

    def _keep(self, supplier: str, state: FeedState) -> None:
        self.marks.put(PREFIX + supplier, state.model_dump_json())


def feed_event(part: SupplierPart, entry: FeedEntry, first: datetime) -> dict[str, Any]:
    """An entry as an event, with the time at which it was seen first."""
    data = {
        "title": entry.title,
        "link": entry.link,
        "summary": entry.summary,
        "published": entry.published.isoformat() if entry.published else None,
        "confidence": max(_found_words(part, entry), default=part.confidence),
    }
    return {
        "specversion": "1.0",
        "id": entry_key(entry),
        "source": part.feed[:500],
        "type": ENTRY_TYPE,
        "subject": entry.title[:500],
        "time": first.isoformat(),
        "data": data,
    }


def _found_words(part: SupplierPart, entry: FeedEntry) -> Iterator[float]:
    text = f"{entry.title}\n{entry.summary}".casefold()
    return (sure for word, sure in part.words.items() if word.casefold() in text)
