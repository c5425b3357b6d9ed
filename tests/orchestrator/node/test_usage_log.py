"""Is what an attempt took noted with what it cost, on a real database?"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from missions.lease import Claim, ClaimState
from missions.mission import Mission
from orchestrator.adapters.database.factory import open_stores
from orchestrator.core.ports.agent import Outcome, Usage
from orchestrator.ledger.result_report import EndedAttempt
from orchestrator.node.budget_and_disk import SpendingRecords
from orchestrator.node.usage_log import UsageLog
from tests.ledgers import NOON

TOKENS = Usage(model="gpt-4o-mini", tokens_in=1_000_000, tokens_out=0)


def ended(agent: str, usage: Usage, node: str = "desk") -> EndedAttempt:
    """An attempt of that agent."""
    return EndedAttempt(
        mission=Mission(name="m", title="m", body="x", agent=agent, project="shop"),
        claim=Claim(mission="m", blob="0" * 40, node=node, boot="b", epoch=1, attempt=1, nonce=agent),
        outcome=Outcome(ok=True, summary="Done.", usage=usage),
        state=ClaimState.DONE,
        started=NOON - timedelta(minutes=1),
        finished=NOON,
        final=True,
    )


@pytest.mark.parametrize(
    ("agent", "usage", "usd"),
    [
        ("claude", Usage(model="m", tokens_in=1, cost_usd=0.5), 0.5),
        ("claude", TOKENS, 0.15),
        ("gemini", Usage(model="gemini-2.5-pro", tokens_in=600_000), 0.75),  # of many calls: no long prompt's price
        ("builtin", Usage(model="gpt-4o-mini", tokens_in=1_000_000, backend="openai"), 0.15),
        ("builtin", Usage(model="gpt-4o-mini", tokens_in=1_000_000, backend="xllamacpp"), 0.0),
        ("command", TOKENS, 0.0),
    ],
)
def test_what_an_attempt_took_is_priced_where_nobody_said(tmp_path: Path, agent: str, usage: Usage, usd: float) -> None:
    """An agent's own figure counts; a command and a model on this machine cost nothing, whatever it is called."""
    stores = open_stores(f"sqlite:///{tmp_path / 'x.db'}", now=lambda: NOON, new_id=lambda: "i")
    try:
        UsageLog(book=stores.usage).record(ended(agent, usage))
        records = SpendingRecords(node="desk", usage=stores.usage)
        assert records.booked(NOON - timedelta(hours=1)) == {"shop": pytest.approx(usd)}
        assert records.booked(NOON + timedelta(days=1)) == {}
    finally:
        stores.close()


def test_another_nodes_rows_in_the_same_database_are_not_this_nodes(tmp_path: Path) -> None:
    """A database may serve more than one node."""
    stores = open_stores(f"sqlite:///{tmp_path / 'x.db'}", now=lambda: NOON, new_id=lambda: "i")
    try:
        UsageLog(book=stores.usage).record(ended("claude", Usage(model="m", cost_usd=1.0), node="vps"))
        assert SpendingRecords(node="desk", usage=stores.usage).booked(NOON - timedelta(hours=1)) == {}
    finally:
        stores.close()
