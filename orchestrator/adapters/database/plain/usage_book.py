"""How is usage noted and added up: what has been used, by whom, for what? The table is `usage.UsageRow`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from orchestrator.adapters.database.plain.column_values import moment_value, name_value
from orchestrator.adapters.database.plain.statements import Transactions
from orchestrator.core.ports.model import Usage
from orchestrator.core.ports.usage import Spend, UsageOwner, UsageTotals

MAX_MODEL_CHARACTERS = 200
"""So many characters of a model's name are kept: it may be a path."""
MAX_BACKEND_CHARACTERS = 40
MAX_AGENT_CHARACTERS = 40

RECORD = """
INSERT INTO usage ("when", node, mission, project, attempt, epoch, agent, model, backend, tokens_in, tokens_out,
  tokens_cached, tokens_written, first_token_seconds, seconds, cost_usd)
VALUES (:when, :node, :mission, :project, :attempt, :epoch, :agent, :model, :backend, :tokens_in, :tokens_out,
  :tokens_cached, :tokens_written, :first_token_seconds, :seconds, :cost_usd)
ON CONFLICT DO NOTHING RETURNING id"""
NUMBERS = """count(*), coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0), coalesce(sum(tokens_cached), 0),
  coalesce(sum(seconds), 0), coalesce(sum(cost_usd), 0), count(*) - count(cost_usd)"""
KEYS = 'substr("when", 1, 10), node, project, agent, model'
"""By day, first of all."""
SPENT = f'SELECT {KEYS}, {NUMBERS} FROM usage WHERE "when" >= :since GROUP BY {KEYS} ORDER BY {KEYS}'  # noqa: S608
BY_PROJECT = f'SELECT project, {NUMBERS} FROM usage WHERE "when" >= :since GROUP BY project'  # noqa: S608  # constants
BY_MISSION = f'SELECT mission, {NUMBERS} FROM usage WHERE "when" >= :since GROUP BY mission'  # noqa: S608


@dataclass(frozen=True, kw_only=True)
class SqlUsageBook:
    """stores.UsageBook in a database."""

    database: Transactions

    def record(self, run: UsageOwner, usage: Usage, *, when: datetime) -> bool:
        """Notes what a run took, once."""
        with self.database.writing() as sql:
            whose = {"attempt": run.attempt, "epoch": run.epoch, "agent": name_value(run.agent, MAX_AGENT_CHARACTERS)}
            whose |= {name: name_value(getattr(run, name)) for name in ("node", "mission", "project")}
            by = {
                "model": name_value(usage.model[:MAX_MODEL_CHARACTERS], MAX_MODEL_CHARACTERS),
                "backend": name_value(usage.backend[:MAX_BACKEND_CHARACTERS]),
            }
            return bool(sql(RECORD, **(vars(usage) | whose | by), when=moment_value(when)))

    def by_project(self, *, since: datetime) -> dict[str, UsageTotals]:
        """Totals by project."""
        return self._totals(BY_PROJECT, since)

    def by_mission(self, *, since: datetime) -> dict[str, UsageTotals]:
        """Totals by mission."""
        return self._totals(BY_MISSION, since)

    def spent(self, *, since: datetime) -> tuple[Spend, ...]:
        """Totals by day, node, project, agent and model."""
        with self.database.reading() as sql:
            return tuple(_spend(*row) for row in sql(SPENT, since=moment_value(since)))

    def _totals(self, wanted: str, since: datetime) -> dict[str, UsageTotals]:
        with self.database.reading() as sql:
            return {name: _read_totals(numbers) for name, *numbers in sql(wanted, since=moment_value(since))}


def _spend(day: str, node: str, project: str, agent: str, model: str, *numbers: float) -> Spend:
    words = {"node": node, "project": project, "agent": agent, "model": model}
    return Spend(day=date.fromisoformat(day), **words, totals=_read_totals([*numbers]))


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
