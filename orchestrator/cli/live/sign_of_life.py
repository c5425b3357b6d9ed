"""How does a terminal show a sign of life while nothing else is said? A line that ticks, and goes."""

from __future__ import annotations

import os
import shutil
import threading
import time
from dataclasses import dataclass, field
from typing import TextIO

from missions.one_line import one_line


def can_write_over(out: TextIO) -> bool:
    """Whether lines may be written over: on a terminal that can."""
    return out.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")


@dataclass(kw_only=True)
class SignOfLife:
    """A line with what is done and for how many seconds, written over each second from the first one on."""

    out: TextIO
    shown: bool
    before: str = ""
    """What stands at the left, and with its colours as `margin`."""
    margin: str = ""
    period: float = 1.0
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def begin(self, doing: str, since: float | None = None) -> None:
        """From now on this is done, or since a moment of the monotonic clock; `what · who` becomes `what 6 s · who`."""
        self.end()
        if self.shown:
            self._over = threading.Event()
            began = time.monotonic() if since is None else since
            given = (doing, began, self._over)
            self._thread = threading.Thread(target=self._tick, args=given, name="sign", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Nothing is any more; the line is gone when this returns."""
        if self._thread is not None:
            self._over.set()
            self._thread.join()
            self._thread = None

    def _tick(self, doing: str, began: float, over: threading.Event) -> None:
        what, _, who = doing.partition(" · ")
        shown = False
        while not over.wait(self.period):
            seconds = round((time.monotonic() - began) / self.period)
            words = f"{what} {seconds} s" + (f" · {who}" if who else "")
            room = max(20, shutil.get_terminal_size().columns - len(self.before) - 1)
            self.out.write(f"\r{self.margin or self.before}{one_line(words, room)}\x1b[K")
            self.out.flush()
            shown = True
        if shown:
            self.out.write("\r\x1b[K")
            self.out.flush()
