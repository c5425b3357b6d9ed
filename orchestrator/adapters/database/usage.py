"""Where is usage stored: what has been used, by whom, for what? `plain/usage_book` reads and writes it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Double, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.adapters.database.column_types import NameColumn, UtcColumn
from orchestrator.adapters.database.engine import Table
from orchestrator.adapters.database.plain.usage_book import (
    MAX_AGENT_CHARACTERS,
    MAX_BACKEND_CHARACTERS,
    MAX_MODEL_CHARACTERS,
)


class UsageRow(Table):
    """One attempt's usage. Counts are the model's own, money is USD, `cost_usd` is empty where nobody knows it."""

    __tablename__ = "usage"
    __table_args__ = (UniqueConstraint("mission", "epoch", "node"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    when: Mapped[datetime] = mapped_column(UtcColumn(), index=True)
    node: Mapped[str] = mapped_column(NameColumn())
    mission: Mapped[str] = mapped_column(NameColumn())
    project: Mapped[str] = mapped_column(NameColumn(), default="", index=True)
    attempt: Mapped[int]
    epoch: Mapped[int]
    agent: Mapped[str] = mapped_column(NameColumn(MAX_AGENT_CHARACTERS))
    model: Mapped[str] = mapped_column(NameColumn(MAX_MODEL_CHARACTERS))
    backend: Mapped[str] = mapped_column(NameColumn(MAX_BACKEND_CHARACTERS))
    tokens_in: Mapped[int]
    tokens_out: Mapped[int]
    tokens_cached: Mapped[int]
    first_token_seconds: Mapped[float | None] = mapped_column(Double)
    seconds: Mapped[float] = mapped_column(Double)
    cost_usd: Mapped[float | None] = mapped_column(Double)
    tokens_written: Mapped[int] = mapped_column(server_default="0")
