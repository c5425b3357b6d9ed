"""Which events did suppliers send? Their signals in a database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.adapters.database.column_types import BIG_INTEGER, NameColumn, TextColumn, UtcColumn
from orchestrator.adapters.database.engine import Database, Table
from orchestrator.core.ports.suppliers.signals import KEPT_SIGNAL, Signal


class SignalRow(Table):
    """One event."""

    __tablename__ = "signals"

    id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    key: Mapped[str] = mapped_column(NameColumn(), unique=True)
    event_key: Mapped[str] = mapped_column(NameColumn(), index=True)
    supplier: Mapped[str] = mapped_column(NameColumn(), index=True)
    event_id: Mapped[str] = mapped_column(TextColumn())
    source: Mapped[str] = mapped_column(TextColumn())
    type: Mapped[str] = mapped_column(TextColumn())
    received: Mapped[datetime] = mapped_column(UtcColumn())
    verdict: Mapped[str] = mapped_column(NameColumn())
    why: Mapped[str] = mapped_column(TextColumn())
    missions: Mapped[str] = mapped_column(TextColumn())
    filed: Mapped[int]


@dataclass(frozen=True, kw_only=True)
class SqlSignals:
    """ports.Signals in a database."""

    database: Database

    def begin(self, signal: Signal) -> Signal:
        """Notes one, once."""
        with self.database.writing() as session:
            self.database.hold(session, "signals")
            session.execute(delete(SignalRow).where(SignalRow.received < signal.received - KEPT_SIGNAL))
            row = session.scalar(select(SignalRow).where(SignalRow.key == signal.key))
            if row is None:
                row = SignalRow(
                    key=signal.key,
                    event_key=signal.event_key,
                    supplier=signal.supplier,
                    event_id=signal.event_id,
                    source=signal.source,
                    type=signal.type,
                    received=signal.received,
                    verdict="",
                    why="",
                    missions="",
                    filed=0,
                )
                session.add(row)
                session.flush()
            return _signal(row)

    def settle(self, key: str, verdict: str, why: str, missions: tuple[str, ...] = ()) -> None:
        """Notes its end."""
        known = update(SignalRow).where(SignalRow.key == key)
        values = {"verdict": verdict, "why": why, "missions": " ".join(missions), "filed": len(missions)}
        with self.database.writing() as session:
            session.execute(known.values(**values))

    def contents(self, event_key: str) -> frozenset[str]:
        """Its keys."""
        with self.database.reading() as session:
            return frozenset(session.scalars(select(SignalRow.key).where(SignalRow.event_key == event_key)))

    def count(self, supplier: str, *, since: datetime, verdicts: frozenset[str] = frozenset()) -> int:
        """Events since."""
        asked = select(func.count()).select_from(SignalRow)
        asked = asked.where(SignalRow.supplier == supplier, SignalRow.received > since)
        if verdicts:
            asked = asked.where(SignalRow.verdict.in_(sorted(verdicts)))
        with self.database.reading() as session:
            return session.scalar(asked) or 0

    def missions_since(self, supplier: str, since: datetime) -> int:
        """Missions since."""
        asked = select(func.coalesce(func.sum(SignalRow.filed), 0))
        with self.database.reading() as session:
            return int(session.scalar(asked.where(SignalRow.supplier == supplier, SignalRow.received > since)) or 0)

    def listing(self, *, supplier: str = "", verdict: str = "", before: int = 0, limit: int = 50) -> tuple[Signal, ...]:
        """A page."""
        asked = select(SignalRow).order_by(SignalRow.id.desc()).limit(limit)
        asked = asked.where(SignalRow.supplier == supplier) if supplier else asked
        asked = asked.where(SignalRow.verdict == verdict) if verdict else asked
        asked = asked.where(SignalRow.id < before) if before else asked
        with self.database.reading() as session:
            return tuple(_signal(row) for row in session.scalars(asked))


def _signal(row: SignalRow) -> Signal:
    return Signal(
        key=row.key,
        event_key=row.event_key,
        supplier=row.supplier,
        event_id=row.event_id,
        source=row.source,
        type=row.type,
        received=row.received,
        verdict=row.verdict,
        why=row.why,
        missions=tuple(row.missions.split()),
        number=row.id,
    )
