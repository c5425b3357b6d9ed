"""The event hub: what happened in this process, for everybody who listens, so that whoever was cut off goes on?

A bounded ring of the last events. An id is `<hub>.<number>`: whoever comes back with one gets what came since, or is
told by an event `gap` that something was missed, so that they look anew. That the ledger moved is no event of the ring:
however often it moved, it is looked at once.
"""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.node.wakeups import SETTLE_SECONDS, ChangeSignal

KINDS = ("ledger", "output", "device", "sync")
"""What is told: the ledger moved; an attempt printed something; devices came or went; a device's operations came."""
MAX_EVENTS, MAX_RING_BYTES, MAX_EVENT_BYTES = 1_000, 2 * 1024 * 1024, 64 * 1024
"""Events that are kept, their bytes, and the bytes of one."""
RETRY_MILLISECONDS = 2000
"""Milliseconds after which a browser connects again by itself."""
_ID = re.compile(r"([0-9a-z]{1,32})\.([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class HubEvent:
    """One event. `data` is JSON in one line."""

    number: int
    kind: str
    data: str


class EventHub:
    """Events of one process, told to any number of threads. `name` tells this hub from that of another start."""

    def __init__(self, signal: ChangeSignal, *, name: str) -> None:
        self.signal, self.name = signal, name
        self._ring: deque[HubEvent] = deque()
        self._bytes = 0
        self._newest = 0

    def publish(self, kind: str, data: Mapping[str, Any]) -> None:
        """Tells everybody who listens. Raises ValueError for an unknown kind, or for more than an event may have."""
        line = json.dumps(data, ensure_ascii=False)
        if kind not in KINDS or kind == "ledger":
            raise ValueError(f"no event of this hub is called {kind}")
        if len(line.encode("utf-8", "replace")) > MAX_EVENT_BYTES:
            raise ValueError(f"an event has at most {MAX_EVENT_BYTES} bytes")
        with self.signal.changing():
            self._newest += 1
            self._ring.append(HubEvent(number=self._newest, kind=kind, data=line))
            self._bytes += len(line)
            while len(self._ring) > MAX_EVENTS or self._bytes > MAX_RING_BYTES:
                self._bytes -= len(self._ring.popleft().data)

    def stream(
        self,
        ping: float,
        *,
        last_id: str = "",
        kinds: Collection[str] = KINDS,
        welcome: Callable[[], bool] = lambda: True,
    ) -> Iterator[str]:
        """The stream for one listener: server-sent events of these kinds, and a ping after `ping` seconds of silence.

        `last_id` is the id of the last event that it got before. Ends when the signal is closed, and before anything
        is sent to a listener who is not `welcome` any more.
        """
        heard, place = self.signal.rang, self._place_of(last_id)
        yield f"retry: {RETRY_MILLISECONDS}\n: listening\n\n"
        while not self.signal.closed:
            rang, told = self.signal.rang, []
            if rang != heard:
                time.sleep(SETTLE_SECONDS)
                rang = self.signal.rang
            fresh, newest, missed = self._since(place)
            if missed:
                told.append(self._line("gap", "{}", fresh[0].number - 1 if fresh else newest))
            told += [self._line(event.kind, event.data, event.number) for event in fresh if event.kind in kinds]
            if rang != heard and "ledger" in kinds:
                told.append(self._line("ledger", "{}", newest))
            heard, place = rang, newest
            if told and not welcome():
                return
            yield from told
            if not self._wait(heard, place, ping):
                if self.signal.closed or not welcome():
                    return
                yield ": ping\n\n"

    def _wait(self, heard: int, place: int, seconds: float) -> bool:
        """Waits for something to tell; False where nothing came in so many seconds."""
        self.signal.wait(lambda: self.signal.rang != heard or self._newest != place, seconds)
        return not self.signal.closed and (self.signal.rang != heard or self._newest != place)

    def _place_of(self, last_id: str) -> int:
        """Behind which event a listener goes on; -1 where nobody knows what it has missed."""
        found = _ID.fullmatch(last_id)
        if not last_id:
            return self._newest
        known = found is not None and found[1] == self.name and int(found[2]) <= self._newest
        return int(found[2]) if found is not None and known else -1

    def _since(self, place: int) -> tuple[list[HubEvent], int, bool]:
        """The events behind a place, the number of the newest, and whether some before them are lost."""
        with self.signal.changing(quietly=True):
            if place < 0:
                return [], self._newest, True
            fresh = [event for event in self._ring if event.number > place]
            return fresh, self._newest, self._newest - place > len(fresh)

    def _line(self, kind: str, data: str, place: int) -> str:
        return f"id: {self.name}.{place}\nevent: {kind}\ndata: {data}\n\n"
