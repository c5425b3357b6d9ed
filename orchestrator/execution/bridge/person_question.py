"""How does an agent ask a person, and what becomes of its run when nobody is there?

While it waits no model is asked, so it costs nothing. A person who watches can answer at once; after that the run
rests with its question, and whoever has it go on tells it the answer.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from handoff.secrets.excerpts import redacted_line
from missions.one_line import printable
from orchestrator.core.ports.model import Stop
from orchestrator.core.ports.steering import Steering

LOOK_SECONDS = 0.2
"""Between two looks whether the run was stopped meanwhile."""
NOBODY_YET = (
    "Nobody has answered yet. The question is with a person now, and this run rests until it is answered: end your turn"
    " now, in a few words on where you are. You are told the answer when you go on."
)
MAX_SHOWN_CHARS = 400
"""Characters of a question that people who watch are shown in a line."""


@dataclass(kw_only=True)
class PersonQuestion:
    """One round's, until it is closed. `seconds` is for how long an answer is waited for; `stop` is the attempt's."""

    steering: Steering
    stop: Stop
    seconds: float
    say: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    _open: str = ""
    _since: float = 0.0
    _closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def open(self) -> str:
        """The question that nobody has answered; "" where there is none."""
        return self._open

    @property
    def open_seconds(self) -> float:
        """For how long the agent has known that it rests."""
        return self.clock() - self._since if self._open else 0.0

    def ask(self, question: str) -> str:
        """The answer, or that there is none yet. One question is asked at a time."""
        with self._lock:
            if self._open or self._closed:
                return NOBODY_YET
            answers = self._heard(question)
            if self._closed:  # its program is gone, and nobody reads this answer
                self.steering.give_back(tuple(answers))
                return NOBODY_YET
            if not answers:
                self._since, self._open = self.clock(), " ".join(printable(question).split())
                self.say("[nobody has answered: it rests with its question]")
                return NOBODY_YET
            return "\n\n".join(answers)

    def close(self) -> None:
        """The round is over. Whoever still waits gives up, and what they heard waits for the next round."""
        self._closed = True
        with self._lock:
            pass  # whoever waited has given back what they heard

    def _heard(self, question: str) -> list[str]:
        """What is said within the time; also what comes in its first and its last moment."""
        came: queue.SimpleQueue[str] = queue.SimpleQueue()

        def take(text: str) -> bool:
            if not self._closed:
                came.put(text)
            return not self._closed

        until = self.clock() + self.seconds
        with self.steering.intake(take):
            self.say(f"[asks a person: {redacted_line(question, MAX_SHOWN_CHARS)}]")
            while came.empty() and self.clock() < until and not self._closed:
                if self.stop.wait(min(LOOK_SECONDS, max(0.0, until - self.clock()))):
                    break
        found = []
        while not came.empty():
            found.append(came.get_nowait())
        return found
