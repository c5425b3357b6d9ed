"""At which rate may a caller come? A bucket of tokens for each, refilled evenly, kept in this process."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

MAX_CALLERS = 10_000
"""Callers that are remembered; the one that was silent longest goes first, and would be full again by then."""


@dataclass
class RateLimiter:
    """So many requests a minute for each caller, and as many at once. Zero or less: no limit."""

    per_minute: int
    clock: Callable[[], float]
    """Monotonic seconds."""
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, caller: str) -> float:
        """Takes one request out of the caller's bucket; returns the seconds to wait when it is empty, else 0."""
        if self.per_minute <= 0:
            return 0.0
        now, rate = self.clock(), self.per_minute / 60
        with self._lock:
            left, since = self._left.pop(caller, (float(self.per_minute), now))
            left = min(float(self.per_minute), left + (now - since) * rate)
            wait = 0.0 if left >= 1 else (1 - left) / rate
            self._left[caller] = (left if wait else left - 1, now)
            while len(self._left) > MAX_CALLERS:
                self._left.popitem(last=False)
        return wait


def network_of(address: str) -> str:
    """Whose allowance an address is counted against: one host on IPv6 has all addresses of its /64 to call from."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    return str(found.ipv4_mapped or ipaddress.ip_network((int(found) >> 64 << 64, 64)))
