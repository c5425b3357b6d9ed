"""How does what a person says reach an attempt while it works? The port of steering, between a node and an attempt."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Intake = Callable[[str], bool]
"""Takes a text into the middle of the work; False where it can no longer. Called from any thread; never waits."""


class Steering(Protocol):
    """What people say to one attempt, as the attempt hears it."""

    def take(self) -> tuple[str, ...]:
        """What was said and not told yet, oldest first, each once: whoever takes it tells it."""

    def give_back(self, texts: tuple[str, ...]) -> None:
        """What was taken into the work and never read there: it waits again."""

    def intake(self, take: Intake) -> AbstractContextManager[None]:
        """While this lasts, what is said goes to `take` at once, and not to one that began before."""

    @property
    def waits(self) -> bool:
        """Whether something was said that was not told yet."""

    def finish(self) -> bool:
        """Ends the hearing, unless something waits; whether it is ended. What is said from then on is too late."""


class Unsteered:
    """The steering of an attempt to which nobody can speak."""

    waits = False

    def take(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def give_back(self, texts: tuple[str, ...]) -> None:
        """Nobody hears it."""

    def intake(self, take: Intake) -> AbstractContextManager[None]:
        """Nobody speaks."""
        return nullcontext()

    def finish(self) -> bool:
        """Nobody spoke."""
        return True
