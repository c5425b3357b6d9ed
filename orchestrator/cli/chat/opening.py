"""How is a chat's backend opened while the person already types?

Loading the program's parts and a model takes seconds. They begin when the prompt is there, and whoever asks waits for
what of them is left.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.cli.chat.backend import ChatBackend


@dataclass
class OpeningBackend:
    """A backend that is on its way. Start it once, and close it."""

    open: Callable[[], AbstractContextManager[ChatBackend]]
    model: str = ""
    """What will be asked first: a model, a backend, or "" for the node's choice."""
    _held: ExitStack = field(default_factory=ExitStack)
    _found: ChatBackend | None = None
    _error: BaseException | None = None
    _opened: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begins. Returns at once."""
        threading.Thread(target=self._open, name="opening", daemon=True).start()

    def get(self) -> ChatBackend:
        """The backend; waits for it. Raises what opening it raised."""
        self._opened.wait()
        if self._error is not None:
            raise self._error
        assert self._found is not None
        return self._found

    def close(self) -> None:
        """Closes what was opened."""
        self._opened.wait()
        self._held.close()

    def _open(self) -> None:
        try:
            self._found = self._held.enter_context(self.open())
        except BaseException as error:  # raised again for whoever asks
            self._error = error
        self._opened.set()
        if self._found is not None:
            with suppress(Exception):  # whoever asks is told why
                self._found.warm(self.model)
