"""Which agent is chosen, and on what evidence?"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from missions.mission import AUTO, Mission, Status
from orchestrator.workflow.assignment.agent_choice import choose_agent

CODING = Mission(name="m", title="m", body="m", task="coding_task", project="shop", agent=AUTO)


def done(agent: str, number: int, *, cost: float | None = None, project: str = "shop", attempt: int = 1) -> Mission:
    """A mission that was accepted."""
    made = replace(CODING, name=f"{agent}-{number}", agent=agent, project=project, status=Status.DONE)
    return replace(made, attempt=attempt, cost_usd=cost)


def failed(agent: str, number: int) -> Mission:
    """One that was not."""
    return replace(done(agent, number), name=f"dead-{agent}-{number}", status=Status.DEAD)


def test_the_one_that_was_accepted_more_often_is_chosen_and_said() -> None:
    """With its numbers, in the project's name, and with those of the next best."""
    past = [*(done("claude", n, cost=0.31) for n in range(4)), failed("claude", 9)]
    chosen = choose_agent(CODING, {"claude", "codex"}, past)
    assert chosen is not None
    assert chosen.agent == "claude"
    assert chosen.because == "claude: 4 of 5 accepted in shop, $0.31 each; codex: none yet"


def test_one_that_mostly_fails_is_left_for_one_that_nobody_knows() -> None:
    """Few attempts prove little, many prove something."""
    assert choose_agent(CODING, {"claude", "codex"}, [failed("claude", 1)]).agent == "codex"  # type: ignore[union-attr]
    assert choose_agent(CODING, {"claude", "codex"}, [failed("codex", n) for n in range(5)]).agent == "claude"  # type: ignore[union-attr]


def test_of_nearly_equal_ones_the_cheapest() -> None:
    """And what lies above the mission's budget comes last."""
    past = [done(agent, n, cost=cost) for agent, cost in (("claude", 0.9), ("gemini", 0.2)) for n in range(6)]
    assert choose_agent(CODING, {"claude", "gemini"}, past).agent == "gemini"  # type: ignore[union-attr]
    better = [*past, *(done("claude", n, cost=0.9) for n in range(10, 40)), *(failed("gemini", n) for n in range(4))]
    assert choose_agent(CODING, {"claude", "gemini"}, better).agent == "claude"  # type: ignore[union-attr]
    poor = choose_agent(replace(CODING, budget_usd=0.5), {"claude", "gemini"}, better)
    assert poor is not None
    assert (poor.agent, "above the budget" in poor.because) == ("gemini", True)


def test_other_projects_count_less() -> None:
    """What an agent did here outweighs what another did elsewhere."""
    past = [done("claude", n, project="site") for n in range(4)] + [done("codex", n) for n in range(4)]
    chosen = choose_agent(CODING, {"claude", "codex"}, past)
    assert chosen is not None
    assert chosen.because.startswith("codex: 4 of 4 accepted in shop; claude: 4 of 4 accepted in other projects")


def test_the_small_model_comes_last_and_nobody_is_nobody() -> None:
    """An agent of our own on the embedded model is chosen where there is no other."""
    assert choose_agent(CODING, {"builtin", "aider"}, []).agent == "aider"  # type: ignore[union-attr]
    assert choose_agent(CODING, {"builtin"}, []).agent == "builtin"  # type: ignore[union-attr]
    assert choose_agent(CODING, set(), []) is None


@given(st.lists(st.tuples(st.sampled_from(["claude", "codex", "aider"]), st.booleans(), st.floats(0, 5)), max_size=20))
def test_the_order_of_the_past_changes_nothing(rows: list[tuple[str, bool, float]]) -> None:
    """Every machine chooses alike, whatever order it read the archive in."""
    past = [done(a, n, cost=cost) if good else failed(a, n) for n, (a, good, cost) in enumerate(rows)]
    agents = {"claude", "codex", "aider"}
    assert choose_agent(CODING, agents, past) == choose_agent(CODING, agents, past[::-1])
