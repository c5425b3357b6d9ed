"""What did each node tell headquarters last? Their registrations in a database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.adapters.database.column_types import BIG_INTEGER, NameColumn, TextColumn, UtcColumn
from orchestrator.adapters.database.engine import Database, Table
from orchestrator.core.errors import OutdatedReport, WrongSetting
from orchestrator.core.ports.registrations import KEPT_REGISTRATION, MAX_REGISTRATIONS, Registration


class RegistrationRow(Table):
    """One node's last report."""

    __tablename__ = "node_registrations"

    node: Mapped[str] = mapped_column(NameColumn(), primary_key=True)
    number: Mapped[int] = mapped_column(BIG_INTEGER)
    report: Mapped[str] = mapped_column(TextColumn())
    first: Mapped[datetime] = mapped_column(UtcColumn())
    received: Mapped[datetime] = mapped_column(UtcColumn())


@dataclass(frozen=True, kw_only=True)
class SqlRegistrations:
    """ports.Registrations in a database."""

    database: Database

    def put(self, node: str, number: int, report: str, when: datetime) -> Registration:
        """Takes one in. Raises OutdatedReport, WrongSetting."""
        with self.database.writing() as session:
            self.database.hold(session, "registrations")
            session.execute(delete(RegistrationRow).where(RegistrationRow.received < when - KEPT_REGISTRATION))
            row = session.get(RegistrationRow, node)
            if row is not None and number <= row.number:
                raise OutdatedReport(row.number)
            if row is None:
                if (session.scalar(select(func.count()).select_from(RegistrationRow)) or 0) >= MAX_REGISTRATIONS:
                    raise WrongSetting("node", f"{MAX_REGISTRATIONS} nodes are registered, and no more are taken")
                row = RegistrationRow(node=node, number=number, report=report, first=when, received=when)
                session.add(row)
            row.number, row.report, row.received = number, report, when
            return _registration(row)

    def every(self) -> tuple[Registration, ...]:
        """All of them."""
        with self.database.reading() as session:
            rows = session.scalars(select(RegistrationRow).order_by(RegistrationRow.node))
            return tuple(_registration(row) for row in rows)


def _registration(row: RegistrationRow) -> Registration:
    return Registration(node=row.node, number=row.number, report=row.report, first=row.first, received=row.received)
