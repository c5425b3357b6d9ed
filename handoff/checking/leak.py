"""Does a text leak the handoff?

Told by its words and not by its markers: text that is moved, quoted, wrapped anew, put between other texts or under
other markers has the same words in the same order. What is public anyway counts for nothing.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

RUN_WORDS = 6
"""How many words in a row make a run."""
ENOUGH_RUNS = 20
"""How many different runs of the handoff say that it was copied: some twenty-five words in a row."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, kw_only=True)
class HandoffTrace:
    """What one handoff is known by: runs of its words."""

    runs: frozenset[tuple[str, ...]]

    @classmethod
    def of(cls, handoff: str, public: Iterable[str] = ()) -> HandoffTrace:
        """Of a handoff, without what others may read anyway."""
        known = {run for text in public for run in _runs(text)}
        return cls(runs=frozenset(set(_runs(handoff)) - known))

    def held_by(self, text: str) -> bool:
        """Whether a text carries the handoff; of a short one, all of it."""
        folded = text.casefold()
        if not any(word in folded for word in self._anchors):
            return False
        found = set(islice(self._distinct(text), ENOUGH_RUNS))
        return bool(self.runs) and len(found) >= min(ENOUGH_RUNS, len(self.runs))

    @cached_property
    def _anchors(self) -> frozenset[str]:
        """A word of each run: a text with none of them needs no closer look, and most have none."""
        return frozenset(max(run, key=len) for run in self.runs)

    def _distinct(self, text: str) -> Iterator[tuple[str, ...]]:
        seen: set[tuple[str, ...]] = set()
        for run in _runs(text):
            if run in self.runs and run not in seen:
                seen.add(run)
                yield run


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    last: deque[str] = deque(maxlen=RUN_WORDS)
    for word in _WORD.finditer(text):
        last.append(word[0].casefold())
        if len(last) == RUN_WORDS:
            yield tuple(last)
