"""Which mission is next, and why does another one wait?"""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.mission import Mission, Status
from missions.selection import (
    MAX_BACKOFF,
    NodeCapabilities,
    backoff,
    blocked_reason,
    choose,
    dependency_cycles,
    ineligible_reason,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OFFER = NodeCapabilities(
    node="desk", role="LOCAL_WORKER", capabilities=frozenset({"gpu"}), agents=frozenset({"builtin", "command"})
)
PLAIN = Mission(name="m", title="m", body="x")


def why(mission: Mission, *, finished: set[str] = frozenset(), known: set[str] = frozenset()) -> str | None:
    """Why it waits."""
    return blocked_reason(mission, finished, known, NOW)


@pytest.mark.parametrize("status", sorted(Status))
def test_only_queued_and_failed_missions_may_start(status: Status) -> None:
    """The others say what they are."""
    found = why(replace(PLAIN, status=status))
    assert found == (None if status in {Status.QUEUED, Status.FAILED} else f"it is {status}")


def test_a_mission_waits_for_what_it_depends_on() -> None:
    """Until all of it is done; a name that nobody knows is said to be one."""
    mission = replace(PLAIN, depends_on=("a", "b"))
    assert why(mission, finished={"a"}, known={"a", "b"}) == "waits for b"
    assert why(mission, finished={"a"}, known={"a"}) == "waits for b, which does not exist yet"
    assert why(mission, finished={"a", "b"}) is None


def test_a_mission_waits_for_its_time() -> None:
    """`not_before` is a moment; at that moment it may start."""
    later = replace(PLAIN, not_before=NOW + timedelta(minutes=1))
    assert "not before 2026-11-21 12:01 UTC" in (why(later) or "")
    assert why(replace(PLAIN, not_before=NOW)) is None


def test_a_failed_mission_rests_and_no_longer_than_its_rest() -> None:
    """A node whose clock is a day ahead cannot park a mission."""
    failed = replace(PLAIN, status=Status.FAILED, attempt=2)
    assert why(replace(failed, retry_at=NOW + timedelta(seconds=3))) is not None
    assert why(replace(failed, retry_at=NOW + timedelta(days=1))) is None
    assert why(replace(failed, retry_at=NOW)) is None


def test_rests_double_up_to_ten_minutes() -> None:
    """2, 4, 8 … seconds, for any number."""
    assert [backoff(n).total_seconds() for n in (0, 1, 2, 3)] == [2, 2, 4, 8]
    assert backoff(9) == timedelta(seconds=512)
    assert backoff(10) == backoff(10**9) == MAX_BACKOFF


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"to": ("desk",)}, True),
        ({"to": ("LOCAL_WORKER", "gpu")}, True),
        ({"to": ("gpu", "local-files")}, False),
        ({"to": ("vps",)}, False),
        ({"agent": "claude"}, False),
        ({"agent": "command", "run": "ls", "task": "coding_task"}, True),
        ({"task": "coding_task"}, True),
    ],
)
def test_a_node_takes_what_it_can_do_and_is_meant_for(changes: dict[str, object], fits: bool) -> None:
    """Every word of `to` must hold; an agent it has; a task that the agent can do. Else it says why."""
    found = ineligible_reason(replace(PLAIN, **changes), OFFER)  # type: ignore[arg-type]
    assert (found is None) is fits
    assert found is None or len(found) > 5


def test_a_node_without_coding_takes_no_coding_task() -> None:
    """ENABLE_VP_CODER off."""
    mission = replace(PLAIN, agent="command", run="ls", task="coding_task")
    assert ineligible_reason(mission, replace(OFFER, tasks=frozenset({"general_task"}))) is not None


def test_an_agent_without_a_sandbox_only_answers() -> None:
    """A node whose model may not change files leaves coding to others, and takes questions."""
    offer = replace(OFFER, answering=frozenset({"builtin"}))
    assert "has no sandbox" in (ineligible_reason(replace(PLAIN, task="coding_task"), offer) or "")
    assert ineligible_reason(PLAIN, offer) is None


MISSIONS = st.lists(
    st.builds(
        Mission,
        name=st.sampled_from("abcdefgh"),
        title=st.just("t"),
        body=st.just("b"),
        priority=st.integers(0, 9),
        status=st.sampled_from([Status.QUEUED, Status.FAILED, Status.DEAD]),
        agent=st.sampled_from(["builtin", "claude"]),
    ),
    max_size=8,
    unique_by=lambda m: m.name,
)


@given(MISSIONS, st.integers(-1, 9), st.randoms(use_true_random=False))
def test_the_best_are_chosen_in_whatever_order_they_come(missions: list[Mission], slots: int, random: object) -> None:
    """At most as many as asked, none that must wait or does not fit, no better one left out."""
    first = choose(missions, OFFER, slots=slots, finished=(), known=(), now=NOW)
    shuffled = list(missions)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert choose(shuffled, OFFER, slots=slots, finished=(), known=(), now=NOW) == first
    fit = {m.name for m in missions if m.status is not Status.DEAD and m.agent == "builtin"}
    assert {m.name for m in first} <= fit
    assert len(first) == min(max(0, slots), len(fit))
    keys = [(-m.priority, m.name) for m in first]
    assert keys == sorted(keys)
    left = [(-m.priority, m.name) for m in missions if m.name in fit and m not in first]
    assert not keys or not left or max(keys) < min(left)


GRAPHS = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdefg"), max_size=3), max_size=6)


def reaches(graph: dict[str, list[str]], start: str) -> set[str]:
    """Everything that a mission waits for, directly or not."""
    found: set[str] = set()
    waiting = list(graph.get(start, ()))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += graph.get(name, ())
    return found


@given(GRAPHS, st.sets(st.sampled_from("abcdef")))
def test_exactly_those_that_wait_for_themselves_are_found(graph: dict[str, list[str]], done: set[str]) -> None:
    """Each with a way round along real dependencies; a finished one waits for nothing, so it breaks a circle."""
    missions = {
        name: replace(PLAIN, name=name, depends_on=tuple(needs), status=Status.DONE if name in done else Status.QUEUED)
        for name, needs in graph.items()
    }
    open_graph = {name: [] if name in done else needs for name, needs in graph.items()}
    found = dependency_cycles(missions)
    assert set(found) == {name for name in graph if name in reaches(open_graph, name)}
    for name, way in found.items():
        assert way[0] == way[-1] == name
        assert all(after in open_graph[before] for before, after in itertools.pairwise(way))
        assert len(set(way)) == len(way) - 1


def test_a_long_chain_is_no_circle_and_no_stack_overflow() -> None:
    """Thousands of missions in a row."""
    missions = {f"m{n}": replace(PLAIN, name=f"m{n}", depends_on=(f"m{n + 1}",)) for n in range(1500)}
    assert dependency_cycles({name: missions[name] for name in list(missions)[:300]}) == {}
    assert dependency_cycles({"m0": missions["m0"], "m1": replace(missions["m1"], depends_on=("m0",))})["m0"] == (
        "m0",
        "m1",
        "m0",
    )
