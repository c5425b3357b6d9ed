"""How is usage stored: what has been used, by whom, for what?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Double, String, UniqueConstraint, func, select, type_coerce
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.adapters.database.column_types import NameColumn, UtcColumn
from orchestrator.adapters.database.engine import Database, Table
from orchestrator.core.ports.model import Usage
from orchestrator.core.ports.usage import Spend, UsageOwner, UsageTotals

DAY_CHARACTERS = len("2026-11-21")
MAX_MODEL_CHARACTERS = 200
"""So many characters of a model's name are kept: it may be a path."""


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
    agent: Mapped[str] = mapped_column(NameColumn(40))
    model: Mapped[str] = mapped_column(NameColumn(MAX_MODEL_CHARACTERS))
    backend: Mapped[str] = mapped_column(NameColumn(40))
    tokens_in: Mapped[int]
    tokens_out: Mapped[int]
    tokens_cached: Mapped[int]
    first_token_seconds: Mapped[float | None] = mapped_column(Double)
    seconds: Mapped[float] = mapped_column(Double)
    cost_usd: Mapped[float | None] = mapped_column(Double)
    tokens_written: Mapped[int] = mapped_column(server_default="0")


SUMMED = (UsageRow.tokens_in, UsageRow.tokens_out, UsageRow.tokens_cached, UsageRow.seconds, UsageRow.cost_usd)


@dataclass(frozen=True, kw_only=True)
class SqlUsageBook:
    """stores.UsageBook in a database."""

    database: Database

    def record(self, run: UsageOwner, usage: Usage, *, when: datetime) -> bool:
        """Notes what a run took, once."""
        used = vars(usage) | {"model": usage.model[:MAX_MODEL_CHARACTERS], "backend": usage.backend[:40]}
        with self.database.writing() as session:
            return self.database.insert_new(session, UsageRow, **vars(run), **used, when=when)

    def by_project(self, *, since: datetime) -> dict[str, UsageTotals]:
        """Totals by project."""
        return self._totals(UsageRow.project, since)

    def by_mission(self, *, since: datetime) -> dict[str, UsageTotals]:
        """Totals by mission."""
        return self._totals(UsageRow.mission, since)

    def spent(self, *, since: datetime) -> tuple[Spend, ...]:
        """Totals by day, node, project, agent and model."""
        day = func.substr(type_coerce(UsageRow.when, String), 1, DAY_CHARACTERS).label("day")
        keys = (day, UsageRow.node, UsageRow.project, UsageRow.agent, UsageRow.model)
        wanted = select(*keys, *_numbers()).where(UsageRow.when >= since).group_by(*keys).order_by(*keys)
        with self.database.reading() as session:
            return tuple(_spend(*row) for row in session.execute(wanted))

    def _totals(self, key: Mapped[str], since: datetime) -> dict[str, UsageTotals]:
        wanted = select(key, *_numbers()).where(UsageRow.when >= since).group_by(key)
        with self.database.reading() as session:
            return {name: _read_totals(numbers) for name, *numbers in session.execute(wanted)}


def _numbers() -> tuple[ColumnElement[Any], ...]:
    return func.count(), *(_sum(each) for each in SUMMED), func.count() - func.count(UsageRow.cost_usd)


def _spend(day: str, node: str, project: str, agent: str, model: str, *numbers: float) -> Spend:
    words = {"node": node, "project": project, "agent": agent, "model": model}
    return Spend(day=date.fromisoformat(day), **words, totals=_read_totals([*numbers]))


def _sum(column: Mapped[int] | Mapped[float] | Mapped[float | None]) -> ColumnElement[float]:
    return func.coalesce(func.sum(column), 0)


def _read_totals(numbers: list[float]) -> UsageTotals:
    runs, tokens_in, tokens_out, cached, seconds, cost, unpriced = numbers
    return UsageTotals(
        runs=int(runs),
        tokens_in=int(tokens_in),
        tokens_out=int(tokens_out),
        tokens_cached=int(cached),
        seconds=float(seconds),
        cost_usd=float(cost),
        unpriced=int(unpriced),
    )
