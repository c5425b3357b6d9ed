"""Does everybody agree whose turn it is, is everybody's turn equally often, and does nobody wait for ever?"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orchestrator.core.roles import Role
from orchestrator.policy.turn_order import (
    MANY_GONE,
    MAX_STEP_SECONDS,
    MAX_TURNS,
    MIN_STEP_SECONDS,
    _weights,
    acting_order,
    leaders_of,
    pace_of,
    place_of,
    places,
    weight,
)

NAMES = st.text("abcdefgh-", min_size=1, max_size=6)
SUBJECTS = st.text(min_size=1, max_size=12)
FLEETS = st.frozensets(NAMES, min_size=1, max_size=12)
ROLES = st.one_of(st.sampled_from([role.value for role in Role]), st.just(""), st.text(max_size=4))
ANSWERS = st.none() | st.floats(0, 1000)
PAUSES = st.floats(0, 600)


@given(SUBJECTS, FLEETS, FLEETS)
def test_one_place_is_that_of_all_places(subject: str, fleet: frozenset[str], others: frozenset[str]) -> None:
    """Whoever counts who comes before it finds what the whole order says, also when others were weighed before."""
    places(subject, fleet | others)
    assert {node: place_of(node, subject, fleet) for node in fleet} == dict(places(subject, fleet))


@given(SUBJECTS, FLEETS, st.randoms())
def test_who_sees_the_same_nodes_sees_the_same_order(subject: str, fleet: frozenset[str], chance: object) -> None:
    """Each place is somebody's, whatever was read first."""
    mixed = list(fleet)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert places(subject, frozenset(mixed)) == places(subject, fleet)
    assert sorted(places(subject, fleet).values()) == list(range(len(fleet)))


@given(SUBJECTS, FLEETS, st.data())
def test_a_node_that_leaves_moves_only_those_behind_it(
    subject: str, fleet: frozenset[str], data: st.DataObject
) -> None:
    """Those before it keep their places, those behind it come one place nearer."""
    gone = data.draw(st.sampled_from(sorted(fleet)))
    before, after = places(subject, fleet), places(subject, fleet - {gone})
    assert dict(after) == {node: place - (place > before[gone]) for node, place in before.items() if node != gone}


@given(SUBJECTS, FLEETS, st.dictionaries(NAMES, FLEETS, min_size=1, max_size=8), ANSWERS, PAUSES)
def test_nodes_that_see_different_fleets_still_ask_within_the_turns_of_those_who_do_not(
    subject: str, dead: frozenset[str], views: dict[str, frozenset[str]], answer: float | None, pause: float
) -> None:
    """Some living node's turn comes after at most one turn for each that it takes for alive and that never asks."""
    living = views.keys() - dead
    assume(living)
    pace = pace_of(answer, pause)
    waits = {me: pace.wait(places(subject, views[me] | dead | {me})[me]) for me in living}
    silent = {me: len((views[me] | dead) - living) for me in living}
    assert all(wait <= MAX_TURNS * pace.step for wait in waits.values())
    first = max(living, key=lambda me: places(subject, frozenset(living))[me] == 0)
    assert waits[first] <= silent[first] * pace.step


def test_each_node_is_the_first_equally_often() -> None:
    """Of 4,000 missions each of eight nodes is the first for 500, give or take what chance allows."""
    fleet = frozenset(f"node-{number}" for number in range(8))
    first = Counter(min(fleet, key=places(f"mission-{n} 1", fleet).__getitem__) for n in range(4000))
    assert set(first) == fleet
    assert all(400 < often < 600 for often in first.values())


def test_no_node_is_last_for_good() -> None:
    """Another attempt at the same mission is another turn."""
    fleet = frozenset(f"node-{number}" for number in range(8))
    assert len({places(f"mission {epoch}", fleet)["node-0"] for epoch in range(1, 60)}) == 8


@given(st.dictionaries(NAMES, ROLES, min_size=1, max_size=12), SUBJECTS)
def test_headquarters_acts_first_for_all(roles: dict[str, str], subject: str) -> None:
    """Everybody is in the order once; headquarters, standalone nodes, then all others by their weight."""
    order = acting_order(subject, roles)
    assert sorted(order) == sorted(roles)
    ranks = {Role.HEADQUARTERS.value: 0, Role.STANDALONE_NODE.value: 1}
    place = places(subject, frozenset(roles))
    assert list(order) == sorted(order, key=lambda node: (ranks.get(roles[node], 2), place[node]))


@given(ANSWERS, PAUSES, st.integers(0, 10_000))
def test_each_place_waits_a_step_more_and_nobody_for_ever(answer: float | None, pause: float, place: int) -> None:
    """The first for nothing; a step is as long as an answer takes, within bounds; and there is a longest wait."""
    pace = pace_of(answer, pause)
    assert MIN_STEP_SECONDS <= pace.step <= MAX_STEP_SECONDS
    assert answer is None or not MIN_STEP_SECONDS <= answer <= MAX_STEP_SECONDS or pace.step == answer
    assert pace.wait(0) == 0.0
    assert pace.wait(place + pace.crowd) == pytest.approx(min(pace.wait(place) + pace.step, MAX_TURNS * pace.step))
    assert pace.wait(place) <= MAX_TURNS * pace.step


def test_those_who_seldom_look_share_a_turn_and_those_who_are_told_do_not() -> None:
    """At a look every five minutes thirty nodes ask at once: only a few of a hundred times two of them meet."""
    assert pace_of(0.5, 300.0).crowd == 30
    assert pace_of(0.5, 5.0).crowd == 1
    assert pace_of(0.5, 0.0).crowd == 1


SOME = st.frozensets(st.integers(0, 60).map(lambda number: f"node-{number}"), min_size=1)


@given(st.lists(SOME, min_size=1, max_size=6), st.sampled_from(["m 1", "m 2", "fold"]))
def test_the_place_is_that_by_weight_whoever_was_asked_about_before(sets: list[frozenset[str]], subject: str) -> None:
    """Weights are kept from one question to the next; the order is that of sorting anew, for more and fewer nodes."""
    for nodes in sets:
        order = sorted(nodes, key=lambda node: weight(subject, node), reverse=True)
        assert list(places(subject, nodes)) == order
        assert list(places(subject, nodes).values()) == list(range(len(order)))


def test_nodes_that_are_gone_are_forgotten() -> None:
    """A fleet whose machines are new every day does not fill the memory of those that stay."""
    for day in range(20):
        crowd = frozenset(f"day-{day}-{number}" for number in range(50))
        assert len(places("forget 1", crowd)) == 50
        assert len(_weights("forget 1")) <= (MANY_GONE + 1) * 50


def test_who_leads_goes_before_all_others() -> None:
    """Headquarters, standalone nodes, the rest: whatever they weigh."""
    roles = {"a": "", "b": "HEADQUARTERS", "c": "STANDALONE_NODE", "d": "LOCAL_WORKER", "e": "HEADQUARTERS"}
    order = acting_order("fold", roles)
    assert set(order[:2]) == {"b", "e"}
    assert order[2] == "c"
    assert leaders_of(roles.items()) == {("b", "HEADQUARTERS"), ("c", "STANDALONE_NODE"), ("e", "HEADQUARTERS")}
