"""What has been used, by whom, for what?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Engine, String, UniqueConstraint, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from orchestrator.ports import Usage
from orchestrator.store.database import Table

SECONDS_FORM = "%Y-%m-%dT%H:%M:%S.%fZ"
"""Times as text that sorts, the same on every database."""


class UsageRow(Table):
    """One attempt's usage. Counts are the model's own, money is USD, `cost_usd` is empty where nobody knows it."""

    __tablename__ = "usage"
    __table_args__ = (UniqueConstraint("mission", "epoch", "node"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    when: Mapped[str] = mapped_column(String(32), index=True)
    node: Mapped[str] = mapped_column(String(100))
    mission: Mapped[str] = mapped_column(String(100))
    project: Mapped[str] = mapped_column(String(100), default="", index=True)
    attempt: Mapped[int]
    epoch: Mapped[int]
    agent: Mapped[str] = mapped_column(String(40))
    model: Mapped[str] = mapped_column(String(200))
    backend: Mapped[str] = mapped_column(String(40))
    tokens_in: Mapped[int]
    tokens_out: Mapped[int]
    tokens_cached: Mapped[int]
    first_token_seconds: Mapped[float | None]
    seconds: Mapped[float]
    cost_usd: Mapped[float | None]


@dataclass(frozen=True, kw_only=True)
class Run:
    """Whose usage it is."""

    node: str
    mission: str
    epoch: int
    attempt: int
    agent: str
    project: str = ""


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Sums over the runs of one project or mission. `unpriced` runs have no known cost."""

    runs: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    seconds: float
    cost_usd: float
    unpriced: int


def record(engine: Engine, run: Run, usage: Usage, *, when: datetime) -> bool:
    """Notes what a run took; returns False, and changes nothing, when that run was noted before."""
    row = UsageRow(
        when=when.astimezone(UTC).strftime(SECONDS_FORM),
        node=run.node,
        mission=run.mission,
        project=run.project,
        attempt=run.attempt,
        epoch=run.epoch,
        agent=run.agent,
        model=usage.model,
        backend=usage.backend,
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        tokens_cached=usage.tokens_cached,
        first_token_seconds=usage.first_token_seconds,
        seconds=usage.seconds,
        cost_usd=usage.cost_usd,
    )
    try:
        with Session(engine) as session, session.begin():
            session.add(row)
    except IntegrityError:  # the one constraint of this table
        return False
    return True


def by_project(engine: Engine, *, since: datetime) -> dict[str, Totals]:
    """Totals by project; runs without one are under an empty name."""
    return _totals(engine, UsageRow.project, since)


def by_mission(engine: Engine, *, since: datetime) -> dict[str, Totals]:
    """Totals by mission, over all its attempts on all nodes that this database knows of."""
    return _totals(engine, UsageRow.mission, since)


def _totals(engine: Engine, key: Mapped[str], since: datetime) -> dict[str, Totals]:
    wanted = (
        select(key, func.count(), *(_sum(each) for each in SUMMED), func.count() - func.count(UsageRow.cost_usd))
        .where(UsageRow.when >= since.astimezone(UTC).strftime(SECONDS_FORM))
        .group_by(key)
    )
    with Session(engine) as session:
        return {name: _read(numbers) for name, *numbers in session.execute(wanted)}


SUMMED = (UsageRow.tokens_in, UsageRow.tokens_out, UsageRow.tokens_cached, UsageRow.seconds, UsageRow.cost_usd)


def _sum(column: Mapped[int] | Mapped[float] | Mapped[float | None]) -> ColumnElement[float]:
    return func.coalesce(func.sum(column), 0)


def _read(numbers: list[float]) -> Totals:
    runs, tokens_in, tokens_out, cached, seconds, cost, unpriced = numbers
    return Totals(
        runs=int(runs),
        tokens_in=int(tokens_in),
        tokens_out=int(tokens_out),
        tokens_cached=int(cached),
        seconds=float(seconds),
        cost_usd=float(cost),
        unpriced=int(unpriced),
    )
