"""Facts about what runs where no sandbox works."""

from __future__ import annotations

import pytest

from missions.agent_trust import Tier
from missions.mission import Mission
from orchestrator.policy.unsandboxed import may_run_unconfined


def mission(**fields: object) -> Mission:
    """A mission."""
    return Mission(name="fix", title="Fix", body="", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("agent", ["claude", "builtin"])
def test_only_the_most_trusted(agent: str) -> None:
    """An agent's work on a project runs unconfined only when it is trusted most; else it is said why and what to do."""
    one = mission(agent=agent, project="shop")
    assert may_run_unconfined(one, Tier.PROVEN) == ""
    for tier in (Tier.UNTRIED, Tier.TRUSTED):
        why = may_run_unconfined(one, tier)
        assert f"{agent} is {tier} with" in why
        assert "install bubblewrap" in why


def test_who_only_answers() -> None:
    """Who starts nothing needs no sandbox."""
    assert may_run_unconfined(mission(agent="builtin"), Tier.UNTRIED) == ""


def test_a_persons_own_line() -> None:
    """A command line is a person's signed word as it is; one that an agent proposed is not."""
    assert may_run_unconfined(mission(agent="command", run="true"), Tier.UNTRIED) == ""
    assert may_run_unconfined(mission(agent="command", run="true", parent="plan"), Tier.TRUSTED) != ""
