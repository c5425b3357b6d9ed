"""How does a part say what it did from when to when, so that a mission can be followed over machines?

It opens a span here. Where nobody traces, which is so unless a machine says otherwise, that is an object that does
nothing; the one who traces is put in once, when a process starts (`app/factories/tracer_factory`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

Fact = str | int | float | bool
FILING = "mission.file"
"""The first span of a mission: all others of it, on whichever machine, are below this one."""


class Span(Protocol):
    """What is being done."""

    def note(self, **facts: Fact) -> None:
        """Adds facts to it. Texts leave without secrets, and shortened."""

    def fail(self, why: str) -> None:
        """It did not come to what it should."""


class Tracer(Protocol):
    """Takes spans. None of its methods raises, or waits for whoever reads them."""

    def span(self, name: str, mission: str, facts: Mapping[str, Fact]) -> AbstractContextManager[Span]:
        """A span from here to the end of a `with` block, of this mission if one is named; a span that is opened in it
        in the same thread is below it. What the block raises makes it fail, and goes on."""

    def moment(self) -> int:
        """A moment, for `record`."""

    def record(self, name: str, began: int, mission: str, facts: Mapping[str, Fact]) -> None:
        """A span of something that is over: from a moment until now."""

    def close(self) -> None:
        """Sends what was not sent yet, for a few seconds at most."""


class _NoSpan:
    def note(self, **facts: Fact) -> None:
        """Nothing."""

    def fail(self, why: str) -> None:
        """Nothing."""


class SilentTracer:
    """Traces nothing."""

    _nothing: Span = _NoSpan()

    def span(self, name: str, mission: str, facts: Mapping[str, Fact]) -> AbstractContextManager[Span]:
        """Nothing."""
        return nullcontext(self._nothing)

    def moment(self) -> int:
        """No moment."""
        return 0

    def record(self, name: str, began: int, mission: str, facts: Mapping[str, Fact]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


@dataclass
class _Place:
    tracer: Tracer


_PLACE = _Place(SilentTracer())


def set_tracer(tracer: Tracer) -> None:
    """From now on this process' spans go there."""
    _PLACE.tracer = tracer


def is_traced() -> bool:
    """Whether anybody takes them."""
    return not isinstance(_PLACE.tracer, SilentTracer)


def span(name: str, *, mission: str = "", **facts: Fact) -> AbstractContextManager[Span]:
    """As `Tracer.span` has it."""
    return _PLACE.tracer.span(name, mission, facts)


def moment() -> int:
    """As `Tracer.moment` has it."""
    return _PLACE.tracer.moment()


def record(name: str, began: int, *, mission: str = "", **facts: Fact) -> None:
    """As `Tracer.record` has it."""
    _PLACE.tracer.record(name, began, mission, facts)
