"""Who is waited for, how long, and by whom?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.core.roles import Role
from orchestrator.ledger.liveness import Liveness
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.notifications.elected_node import TELLING, notifier_order
from orchestrator.node.precedence import Precedence, hq_patience
from orchestrator.policy.turn_order import MAX_STEP_SECONDS, acting_order, places
from sync.latency import LatencyMeter
from sync.remote import RefUpdate
from tests.ledgers import Town, working

STEP = 0.3
ROLES = {"hq": Role.HEADQUARTERS.value, "amy": Role.LOCAL_WORKER.value, "ben": Role.LOCAL_WORKER.value}


def page(role: Role, *, notifies: bool = False) -> str:
    """A node's page."""
    return f"---\nrole: {role.value}\n{'notifies: yes' if notifies else 'agents: builtin'}\n---\n"


@pytest.fixture
def ledger() -> LedgerSnapshot:
    """A fleet of headquarters and two workers that beat, and a worker that left its page."""
    town = Town(
        {
            "heartbeats/hq.md": page(Role.HEADQUARTERS, notifies=True),
            "heartbeats/amy.md": page(Role.LOCAL_WORKER, notifies=True),
            "heartbeats/ben.md": page(Role.LOCAL_WORKER),
            "heartbeats/aaa.md": page(Role.LOCAL_WORKER),
        }
    )
    ada = town.peer("ada")
    blob = ada.bus.store.put("blob", b"1")
    beats = [RefUpdate(ref=f"refs/shiftbook/beat/{node}", expect=None, new=blob) for node in ("hq", "amy", "ben")]
    ada.bus.remote.push(beats)
    return ada.ledger()


def place(me: str, role: Role, liveness: Liveness) -> Precedence:
    """A node whose remote always answers in the same time."""
    meter = LatencyMeter()
    for _ in range(200):
        meter.answered(STEP)
    return Precedence(me=me, role=role, liveness=liveness, pushes=meter)


def test_headquarters_acts_at_once_and_the_others_one_step_after_the_other(ledger: LedgerSnapshot) -> None:
    """Where headquarters lives the workers leave it two of its looks, and then go by the order."""
    liveness = Liveness()
    waits = {name: place(name, Role(role), liveness).wait(ledger, "fold") for name, role in ROLES.items()}
    _, second, third = acting_order("fold", ROLES)
    patience = hq_patience(ledger.charter.bus)
    assert waits["hq"] == 0.0
    assert waits[second] == pytest.approx(patience + STEP)
    assert waits[third] == pytest.approx(patience + 2 * STEP)


def test_a_host_that_limits_pushes_makes_turns_longer(ledger: LedgerSnapshot) -> None:
    """A push waits for its turn there, whatever the last ones took; and headquarters is waited for as much longer."""
    amy = place("amy", Role.LOCAL_WORKER, Liveness())
    charter = ledger.charter
    slow = replace(
        ledger, charter=charter.model_copy(update={"bus": charter.bus.model_copy(update={"pushes_a_minute": 6})})
    )
    assert (amy.pace(ledger).step, amy.pace(slow).step) == (pytest.approx(STEP), 10.0)
    assert amy.wait(slow, "fold") > amy.wait(ledger, "fold") + 100


def test_only_those_that_live_are_waited_for(ledger: LedgerSnapshot) -> None:
    """Who has no beat is not there, and who was seen to stand still for five minutes neither."""
    liveness = Liveness()
    for now in range(0, 301, 60):
        assert place("amy", Role.LOCAL_WORKER, liveness).living(ledger) == {"hq", "amy", "ben"}
        liveness.observe(ledger, float(now))
    assert [place(name, Role.LOCAL_WORKER, liveness).wait(ledger, "fold") for name in ("amy", "ben")] == [0.0, 0.0]


def test_a_beat_that_no_admin_let_in_makes_nobody_wait(ledger: LedgerSnapshot) -> None:
    """Whoever can push a ref could otherwise stand before everybody under a thousand names."""
    amy = place("amy", Role.LOCAL_WORKER, Liveness())
    amy.members = frozenset({"amy"})
    assert amy.living(ledger) == {"amy"}
    assert amy.wait(ledger, "fold") == 0.0


def test_a_node_that_does_what_it_can_and_ends_waits_for_nobody(ledger: LedgerSnapshot) -> None:
    """`shiftbook node run --once` would otherwise end before its turn."""
    ben = place("ben", Role.LOCAL_WORKER, Liveness())
    ben.at_once = True
    assert ben.wait(ledger, "fold") == 0.0
    assert {ben.place(f"m{n} 1", {"hq", "amy"}) for n in range(20)} == {0}


def test_who_tells_people_is_chosen_by_the_same_order(ledger: LedgerSnapshot) -> None:
    """Of those who can; alive or not, because a speaker that is down stays the speaker."""
    assert notifier_order(ledger) == ("hq", "amy")
    assert notifier_order(ledger, "ben") == acting_order(TELLING, ROLES)


def test_the_place_among_a_thousand_is_counted_without_their_order(ledger: LedgerSnapshot) -> None:
    """It is the place in the order all the same. Who is able is the very set of those that are free where nobody's page
    says otherwise, and who is in a set adds nothing to it."""
    ben = place("ben", Role.LOCAL_WORKER, Liveness())
    free = ben.able(ledger, lambda offer: True)
    assert ben.able(ledger, lambda offer: True) is free
    assert ben.able(ledger, lambda offer: offer.node != "amy") == free - {"amy"}
    crowd = frozenset(f"node-{number}" for number in range(1000))
    some = sorted(crowd)[:50]
    before = places.cache_info().misses
    found = [place(node, Role.LOCAL_WORKER, Liveness()).place("m 1", crowd) for node in some]
    assert places.cache_info().misses == before
    order = places("m 1", crowd)
    assert found == [order[node] for node in some]


def test_whose_page_says_another_role_goes_by_its_own(ledger: LedgerSnapshot) -> None:
    """A machine that became headquarters does not wait for its page to say so; one without any page is a worker."""
    patience = hq_patience(ledger.charter.bus)
    amy = place("amy", Role.HEADQUARTERS, Liveness())
    first = acting_order("fold", {**ROLES, "amy": Role.HEADQUARTERS.value})[0]
    assert amy.wait(ledger, "fold") == (0.0 if first == "amy" else pytest.approx(patience + STEP))
    assert place("hq", Role.LOCAL_WORKER, Liveness()).wait(ledger, "fold") <= 2 * STEP + 1e-9
    assert place("new", Role.LOCAL_WORKER, Liveness()).wait(ledger, "fold") > patience


def test_a_worker_leaves_the_fold_to_headquarters_for_a_while(tmp_path: Path) -> None:
    """It hands its result back and waits while headquarters lives; if that does nothing, the worker folds."""
    town = Town({"missions/a.md": "Do it.\n", "heartbeats/hq.md": page(Role.HEADQUARTERS, notifies=True)})
    ada = town.peer("ada")
    beat = RefUpdate(ref="refs/shiftbook/beat/hq", expect=None, new=ada.bus.store.put("blob", b"1"))
    ada.bus.remote.push([beat])
    found = working(town.peer("amy"), tmp_path, role=Role.LOCAL_WORKER)
    found.settle()
    assert [held.claim.closed for held in ada.ledger().claims.values()] == [True]
    found.ticks.at += hq_patience(ada.ledger().charter.bus)
    found.settle()
    assert list(ada.ledger().every_archived()) == []
    found.ticks.at += MAX_STEP_SECONDS
    found.settle()
    assert len(list(ada.ledger().every_archived())) == 1
