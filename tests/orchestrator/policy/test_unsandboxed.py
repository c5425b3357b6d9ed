"""Facts about what runs where no sandbox works."""

from __future__ import annotations

import pytest

from missions.agent_trust import TrustTier
from missions.mission import Mission
from orchestrator.policy.unsandboxed import sandbox_required_reason


def mission(**fields: object) -> Mission:
    """A mission."""
    return Mission(name="fix", title="Fix", body="", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("agent", ["claude", "builtin"])
def test_only_the_most_trusted(agent: str) -> None:
    """An agent's work on a project runs unconfined only when it is trusted most; else it is said why and what to do."""
    one = mission(agent=agent, project="shop")
    assert sandbox_required_reason(one, TrustTier.PROVEN) == ""
    for tier in (TrustTier.UNTRIED, TrustTier.TRUSTED):
        why = sandbox_required_reason(one, tier)
        assert f"{agent} is {tier} with" in why
        assert "install bubblewrap" in why


def test_who_only_answers() -> None:
    """Who starts nothing needs no sandbox."""
    assert sandbox_required_reason(mission(agent="builtin"), TrustTier.UNTRIED) == ""


def test_a_persons_own_line() -> None:
    """A command line is a person's signed word as it is; one that an agent proposed is not."""
    assert sandbox_required_reason(mission(agent="command", run="true"), TrustTier.UNTRIED) == ""
    assert sandbox_required_reason(mission(agent="command", run="true", parent="plan"), TrustTier.TRUSTED) != ""
