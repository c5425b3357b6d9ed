"""Does everybody agree who acts first, and does nobody wait for ever?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.roles import Role
from orchestrator.ledger.liveness import Liveness
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.notifications.elected_node import notifier_order
from orchestrator.node.precedence import Precedence, acting_order, waiting_share
from sync.remote import RefUpdate
from tests.ledgers import Town

NAMES = st.text("abcdefgh-", min_size=1, max_size=6)
ROLES = st.one_of(st.sampled_from([role.value for role in Role]), st.just(""), st.text(max_size=4))


@given(st.dictionaries(NAMES, ROLES), st.randoms())
def test_the_order_depends_on_roles_and_names_alone(roles: dict[str, str], chance: object) -> None:
    """Everybody is in it once; headquarters, standalone nodes, all others, each by name; whatever was read first."""
    order = acting_order(roles)
    assert sorted(order) == sorted(roles)
    ranks = {Role.HEADQUARTERS.value: 0, Role.STANDALONE_NODE.value: 1}
    assert list(order) == sorted(order, key=lambda node: (ranks.get(roles[node], 2), node))
    mixed = list(roles.items())
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert acting_order(dict(mixed)) == order


@given(st.sampled_from(list(Role)), st.integers(0, 10_000))
def test_a_place_further_back_waits_longer_and_never_longer_than_its_patience(role: Role, place: int) -> None:
    """Headquarters and standalone nodes wait for nobody, a worker at least half of its patience."""
    share = waiting_share(role, place)
    if role.folds_at_once:
        assert share == 0.0
        return
    assert 0.5 <= share <= 1.0
    assert share <= waiting_share(role, place + 1)


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
    return Precedence(me=me, role=role, liveness=liveness)


def test_only_those_that_live_are_waited_for(ledger: LedgerSnapshot) -> None:
    """Who has no beat is not there, and who was seen to stand still for five minutes neither."""
    liveness = Liveness()
    amy, ben = (place(name, Role.LOCAL_WORKER, liveness) for name in ("amy", "ben"))
    assert [one.wait(ledger, 16.0) for one in (amy, ben)] == [12.0, 14.0]
    assert place("hq", Role.HEADQUARTERS, liveness).wait(ledger, 16.0) == 0.0
    assert amy.headquarters_lives(ledger)
    for now in range(0, 301, 60):
        liveness.observe(ledger, float(now))
    assert not amy.headquarters_lives(ledger)
    assert [one.wait(ledger, 16.0) for one in (amy, ben)] == [8.0, 8.0]


def test_who_tells_people_is_chosen_by_the_same_order(ledger: LedgerSnapshot) -> None:
    """Of those who can; alive or not, because a speaker that is down stays the speaker."""
    assert notifier_order(ledger) == ("hq", "amy")
    assert notifier_order(ledger, "ben") == ("hq", "amy", "ben")
