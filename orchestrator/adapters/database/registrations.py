"""Where is kept what each node told headquarters last? `plain/registrations` reads and writes it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.adapters.database.column_types import BIG_INTEGER, NameColumn, TextColumn, UtcColumn
from orchestrator.adapters.database.engine import Table


class RegistrationRow(Table):
    """One node's last report."""

    __tablename__ = "node_registrations"

    node: Mapped[str] = mapped_column(NameColumn(), primary_key=True)
    number: Mapped[int] = mapped_column(BIG_INTEGER)
    report: Mapped[str] = mapped_column(TextColumn())
    first: Mapped[datetime] = mapped_column(UtcColumn())
    received: Mapped[datetime] = mapped_column(UtcColumn())
