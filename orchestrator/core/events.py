"""How does a part tell an event to whoever keeps the shift's record: a terminal, a log, a test?"""

from __future__ import annotations

from typing import Protocol


class Tell(Protocol):
    """One line of a node's shift.

    `event` is a stable word for programs (a log event), `sentence` the same for people. With `once` a sentence that
    was told already is not told again; `mission` and `facts` are values that the event is about.
    """

    def __call__(self, event: str, sentence: str, *, once: bool = False, **facts: object) -> None:
        """Takes the line; never raises and never waits for a reader."""
