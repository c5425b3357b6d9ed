"""Which missions are made of one that asks for several attempts, and what may each of them cost?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions import document, frontmatter
from missions.declared.plain_values import WrongValues
from missions.mission import MAX_ATTEMPTS_BESIDE, MAX_NAME_CHARS, Mission, Quarantined
from missions.side_by_side.split import attempt_name, attempt_number, split_mission

BODY = "Fix the log-in.\n"


def text(*lines: str) -> str:
    """A file with this front matter."""
    return "\n".join(["---", *lines, "---", BODY])


def missions(source: str, name: str = "fix", budget_usd: float | None = None) -> dict[str, Mission]:
    """What is made of it, each read again."""
    made = split_mission(name, source, budget_usd=budget_usd)
    read = {one: document.read(f"{one}.md", said.encode()) for one, said in made.items()}
    assert all(isinstance(each, Mission) for each in read.values()), read
    return read  # type: ignore[return-value]  # looked at


def test_a_mission_that_asks_for_one_attempt_is_itself() -> None:
    """Byte for byte."""
    for source in (BODY, text("priority: 3"), text("attempts: 1")):
        assert split_mission("fix", source) == {"fix": source}


def test_so_many_attempts_are_so_many_missions() -> None:
    """With the same words, numbered, in one group; each waits for a person."""
    made = missions(text("attempts: 3", "project: shop", "agent: claude", "approve: auto", "# mine"))
    assert list(made) == ["fix-a1", "fix-a2", "fix-a3"]
    for each in made.values():
        assert (each.group, each.agent, each.project, each.approve) == ("fix", "claude", "shop", "always")
        assert (each.attempts, each.agents, each.body) == (None, (), BODY.strip())
        assert each.always_waits


def test_each_agent_of_a_list_has_its_turn() -> None:
    """One attempt for each, or so many as are said, in turn."""
    two = missions(text("agents: [claude, codex]"))
    assert {name: each.agent for name, each in two.items()} == {"fix-a1": "claude", "fix-a2": "codex"}
    three = missions(text("agents: claude, codex", "attempts: 3", "agent: gemini"))
    assert [each.agent for each in three.values()] == ["claude", "codex", "claude"]


@given(st.integers(2, MAX_ATTEMPTS_BESIDE), st.floats(0, 1000), st.none() | st.floats(0, 1000))
def test_together_they_cost_no_more_than_the_one(many: int, budget: float, default: float | None) -> None:
    """Its own budget goes before the fleet's, which is shared out, too."""
    made = missions(text(f"attempts: {many}", f"budget_usd: {budget:.6f}"), budget_usd=default)
    assert sum(each.budget_usd or 0.0 for each in made.values()) <= round(budget, 6) + many * 1e-6
    if default is not None:
        shared = missions(text(f"attempts: {many}"), budget_usd=default)
        assert sum(each.budget_usd or 0.0 for each in shared.values()) <= default + many * 1e-6


@pytest.mark.parametrize(
    "line",
    [
        "attempts: 0",
        f"attempts: {MAX_ATTEMPTS_BESIDE + 1}",
        "attempts: many",
        "attempts: 1e9",
        f"agents: [{', '.join(['claude'] * (MAX_ATTEMPTS_BESIDE + 1))}]",
        "agents: [claude, clod]",
        "agents: [claude, command]",
        "agents: [claude, auto]",
        "agent: ','",
        "agent: ' , ,'",
        "group: Not A Name",
    ],
)
def test_what_cannot_be_meant(line: str) -> None:
    """Nothing is made of it, and the file is told as broken, in one line."""
    with pytest.raises(WrongValues):
        split_mission("fix", text(line))
    found = document.read("fix.md", text(line).encode())
    assert isinstance(found, Quarantined)
    assert "\n" not in found.reason


def test_no_agent_of_a_list_is_dropped() -> None:
    """Fewer attempts than agents is said by mistake, in either place where it is read."""
    source = text("attempts: 2", "agents: [claude, codex, gemini]")
    with pytest.raises(frontmatter.Malformed, match="fewer than the 3 agents"):
        split_mission("fix", source)
    found = document.read("fix.md", source.encode())
    assert isinstance(found, Quarantined)
    assert "fewer than the 3 agents" in found.reason


def test_a_pushed_file_that_asks_for_several_runs_nothing() -> None:
    """It is in quarantine, with the command by which somebody who may makes missions of it."""
    for line in ("attempts: 2", "agents: [claude, codex]"):
        found = document.read("fix.md", text(line).encode())
        assert isinstance(found, Quarantined)
        assert "`shiftbook mission split fix`" in found.reason


def test_names_fit_and_are_known_again() -> None:
    """Of a long name the end is cut, and never the number."""
    long = "x" * MAX_NAME_CHARS
    made = split_mission(long, text("attempts: 2"))
    assert all(len(name) <= MAX_NAME_CHARS for name in made)
    group = document.read("m.md", made[next(iter(made))].encode()).group  # type: ignore[union-attr]  # it can be read
    assert [attempt_number(str(group), name) for name in made] == [1, 2]
    assert attempt_number("fix", attempt_name("fix", 4)) == 4
    assert [attempt_number("fix", each) for each in ("fix", "fix-a0", "fix-a10", "other-a1", "fix-ab")] == [0] * 5
