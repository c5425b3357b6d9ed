"""The replay window: which numbers came already? Each is taken once, in any order, with a bounded memory (RFC 6479)."""

from __future__ import annotations

from dataclasses import dataclass

WINDOW = 1024
"""How far a message may come behind the newest one: a browser sends six at a time."""
MAX_NUMBER = 2**40
"""The highest number: a channel is over long before."""


@dataclass
class ReplayWindow:
    """The numbers of one channel that were taken."""

    newest: int = -1
    taken: int = 0
    """Bit n: `newest - n` was taken."""

    def take(self, number: int) -> bool:
        """Whether the number is new; it is not the next time."""
        if not 0 <= number <= MAX_NUMBER:
            return False
        if number > self.newest:
            ahead = number - self.newest
            self.taken = ((self.taken << ahead) if ahead < WINDOW else 0) | 1
            self.taken &= (1 << WINDOW) - 1
            self.newest = number
            return True
        behind = self.newest - number
        if behind >= WINDOW or self.taken >> behind & 1:
            return False
        self.taken |= 1 << behind
        return True
