"""What does `fleet.toml` say of the accounts that agents work with, and of what is done when a window is used up?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from missions.agents.agent_names import PAID_AGENTS, is_paid_agent
from missions.declared.value_rules import After, Limits
from orchestrator.ledger.config.policy_tables import FleetTomlTable

ACCOUNT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}", re.ASCII)
QuotaMode = Literal["wait", "park", "off"]


def _account_agents(value: tuple[str, ...]) -> tuple[str, ...]:
    """Agents that work with an account. Raises ValueError."""
    for agent in value:
        if not is_paid_agent(agent):
            raise ValueError(f"{agent!r} works with no account: there are {', '.join(sorted(PAID_AGENTS))}")
    return value


class AccountPart(FleetTomlTable):
    """`[accounts.NAME]`: which agents on which nodes share one account. Without nodes: on every node."""

    agents: Annotated[tuple[str, ...], Limits(min_length=1), After(_account_agents)]
    nodes: tuple[Annotated[str, Limits(min_length=1, max_length=80)], ...] = ()


class QuotasPart(FleetTomlTable):
    """`[quotas]`: what is done when a window of an account is used up. `jitter_seconds` is how far nodes come back
    apart from each other."""

    mode: QuotaMode = "wait"
    jitter_seconds: Annotated[float, Limits(ge=0, le=3600, allow_inf_nan=False)] = 120.0


def check_accounts(accounts: Mapping[str, AccountPart]) -> None:
    """Names are plain words, and no agent of a node has two accounts. Raises ValueError."""
    seen: dict[tuple[str, str], str] = {}
    for name, part in accounts.items():
        if not ACCOUNT_NAME.fullmatch(name):
            raise ValueError(f"accounts: {name!r} is no name: write letters, digits, '.', '_' and '-'")
        for agent, node in _places(part):
            other = seen.setdefault((agent, node), name)
            if other != name:
                where = f" on {node}" if node else ""
                raise ValueError(f"accounts: {other} and {name} both have {agent}{where}: it has one account there")


def account_of(accounts: Mapping[str, AccountPart], node: str, agent: str) -> str:
    """The account with which an agent works on a node; its own one there where nobody named any."""
    for name, part in accounts.items():
        if agent in part.agents and node in part.nodes:
            return name
    shared = (name for name, part in accounts.items() if agent in part.agents and not part.nodes)
    return next(shared, f"{agent}@{node}")


def _places(part: AccountPart) -> Iterator[tuple[str, str]]:
    for agent in part.agents:
        for node in part.nodes or ("",):
            yield agent, node
