"""Under which ids do spans of one mission meet, made on machines that never speak to each other of it?

Both ids follow from the mission's name, so that whoever files it, claims it and folds it writes into one trace and
nothing has to be carried along. Names are used once in a ledger; where one collector hears of several ledgers, a
namespace of their own keeps those apart (`service.namespace` of OTEL_RESOURCE_ATTRIBUTES).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import SpanContext, TraceFlags


@dataclass(frozen=True, kw_only=True)
class MissionTrace:
    """The ids of a mission's trace, and of its first span."""

    trace_id: int
    root_id: int

    @classmethod
    def of(cls, mission: str, namespace: str = "") -> MissionTrace:
        """Those of a mission's name."""
        digest = hashlib.sha256(f"shiftbook mission\n{namespace}\n{mission}".encode()).digest()
        trace, root = int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])
        return cls(trace_id=trace or 1, root_id=root or 1)  # zero is no id

    @property
    def parent(self) -> SpanContext:
        """What the other spans of the mission hang on."""
        flags = TraceFlags(TraceFlags.SAMPLED)
        return SpanContext(self.trace_id, self.root_id, is_remote=True, trace_flags=flags)


class MissionIdGenerator(IdGenerator):
    """Ids of chance, but where a mission's first span is made."""

    def __init__(self) -> None:
        self._chance = RandomIdGenerator()
        self._wanted = threading.local()

    @contextmanager
    def making(self, trace: MissionTrace) -> Iterator[None]:
        """The next span of this thread that hangs on none is that trace's first."""
        self._wanted.trace = trace
        try:
            yield
        finally:
            self._wanted.trace = None

    def generate_span_id(self) -> int:
        """The id of a span that begins."""
        trace: MissionTrace | None = getattr(self._wanted, "trace", None)
        return trace.root_id if trace is not None else self._chance.generate_span_id()

    def generate_trace_id(self) -> int:
        """The id of a trace that begins."""
        trace: MissionTrace | None = getattr(self._wanted, "trace", None)
        return trace.trace_id if trace is not None else self._chance.generate_trace_id()
