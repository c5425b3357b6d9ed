"""One node polls the bot: the first that can, the next when it is silent for its lease, and never two at a time."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field

import pytest

from orchestrator.core.roles import Role
from orchestrator.ledger.liveness import Liveness
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.rounds.polling_turn import PollingTurn, polling_order
from sync.remote import RefUpdate
from tests.ledgers import Peer, Ticks, Town
from tests.waiting import PATIENCE, until

LEASE = 30.0  # as `tests.ledgers.FLEET` has it: 3 beats of 10 s
ROLES = {"hq": Role.HEADQUARTERS, "spare": Role.STANDALONE_NODE, "third": Role.STANDALONE_NODE}


def page(role: Role, *, polls: bool = True) -> str:
    return f"---\nrole: {role.value}\n{'polls: yes' if polls else 'version: 1'}\n---\n"


@dataclass
class Machine:
    """A node as far as polling is concerned: it beats, it looks, it is cut off. Time is everybody's here."""

    name: str
    peer: Peer
    ticks: Ticks
    turn: PollingTurn = field(init=False)
    up: bool = True
    cut: bool = False
    beaten: float = float("-inf")

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A new process: it knows nothing of before."""
        self.up, self.cut, self.liveness, self.beaten = True, False, Liveness(), self.ticks()
        self.gaps = 0
        self.turn = PollingTurn(
            me=self.name,
            role=ROLES[self.name],
            liveness=self.liveness,
            fenced=self.fenced,
            gaps=lambda: self.gaps,
            clock=self.ticks,
        )

    def fenced(self) -> bool:
        return self.ticks() - self.beaten >= 0.8 * LEASE

    def step(self) -> None:
        """Beats and looks, where it can."""
        if not self.up or self.cut:
            return
        refs = self.peer.bus.remote.fetch()
        ref = f"refs/shiftbook/beat/{self.name}"
        new = self.peer.bus.store.put("blob", f"{self.name} {self.ticks()}".encode())
        self.peer.line.push([RefUpdate(ref=ref, expect=refs.get(ref), new=new)])
        self.gaps += self.fenced()
        self.beaten = self.ticks()
        ledger = self.peer.ledger()
        self.liveness.observe(ledger, self.ticks())
        self.turn.observe(ledger)

    @property
    def polls(self) -> bool:
        return self.up and self.turn.may_poll


def fleet(*names: str) -> tuple[Town, Ticks, dict[str, Machine]]:
    town, ticks = Town({f"heartbeats/{name}.md": page(ROLES[name]) for name in names}), Ticks()
    return town, ticks, {name: Machine(name, town.peer(name), ticks) for name in names}


def pass_time(machines: dict[str, Machine], ticks: Ticks, seconds: float) -> set[str]:
    """Steps of five seconds; who polled in any of them. Never two."""
    seen: set[str] = set()
    for _ in range(int(seconds // 5)):
        ticks.at += 5
        for machine in machines.values():
            machine.step()
            polling = [each.name for each in machines.values() if each.polls]
            assert len(polling) <= 1, polling
            seen |= set(polling)
    return seen


def test_a_node_alone_polls_at_once() -> None:
    """There is nobody to wait for."""
    _, ticks, machines = fleet("hq")
    assert pass_time(machines, ticks, 5) == {"hq"}


def test_headquarters_is_first_and_the_spare_waits() -> None:
    """It begins a lease after it came up beside the spare, which would have seen it by then."""
    _, ticks, machines = fleet("hq", "spare")
    machines["spare"].step()
    assert pass_time(machines, ticks, LEASE - 5) == {"spare"}  # until it sees headquarters' first beat
    assert pass_time(machines, ticks, 600) == {"hq"}


def test_the_spare_takes_over_after_the_lease_and_gives_it_back() -> None:
    """A power cut; then it is back, and waits until the spare has seen that."""
    _, ticks, machines = fleet("hq", "spare")
    pass_time(machines, ticks, 120)
    machines["hq"].up = False
    assert pass_time(machines, ticks, LEASE - 10) == set()
    assert pass_time(machines, ticks, 60) == {"spare"}
    machines["hq"].start()
    pass_time(machines, ticks, LEASE)
    assert pass_time(machines, ticks, 120) == {"hq"}


def test_who_is_cut_off_from_the_ledger_stops_before_the_next_one_begins() -> None:
    """It may still reach Telegram: its own fence says no."""
    _, ticks, machines = fleet("hq", "spare")
    pass_time(machines, ticks, 120)
    machines["hq"].cut = True
    assert pass_time(machines, ticks, 20) == {"hq"}
    assert pass_time(machines, ticks, 5) == set()
    assert pass_time(machines, ticks, 120) == {"spare"}
    machines["hq"].cut = False
    assert "hq" in pass_time(machines, ticks, 120)


def test_a_spare_that_is_cut_off_when_headquarters_comes_back_stops_by_itself() -> None:
    """It cannot see who is back; by the time that one polls its own lease has run out."""
    _, ticks, machines = fleet("hq", "spare")
    machines["hq"].up = False
    assert pass_time(machines, ticks, 120) == {"spare"}
    machines["spare"].cut = True
    machines["hq"].start()
    assert pass_time(machines, ticks, 120) == {"spare", "hq"}
    assert not machines["spare"].polls


def test_who_was_away_does_not_poll_while_it_looks_who_came_back() -> None:
    """Another thread may ask in the middle of that very look."""
    _, ticks, machines = fleet("hq", "spare")
    machines["hq"].up = False
    assert pass_time(machines, ticks, 120) == {"spare"}
    spare, asked = machines["spare"], list[bool]()

    class Asked(Liveness):
        def silent_for(self, node: str) -> float:
            asked.append(spare.turn.may_poll)
            return super().silent_for(node)

    spare.cut = True
    machines["hq"].start()
    pass_time(machines, ticks, LEASE)
    spare.cut = False
    spare.liveness = spare.turn.liveness = Asked()
    spare.step()
    assert asked
    assert not any(asked)


def test_a_node_that_cannot_see_the_ledger_does_not_poll_though_it_beats() -> None:
    """Its pushes go through, its fetches do not: it would not see who came back."""
    _, ticks, machines = fleet("spare")
    pass_time(machines, ticks, 10)
    assert machines["spare"].polls
    ticks.at += 0.8 * LEASE
    machines["spare"].beaten = ticks()
    assert not machines["spare"].polls


@pytest.mark.parametrize("seed", range(12))
def test_there_are_never_two_whatever_fails(seed: int) -> None:
    """Three nodes that die, come back, are cut off and mended by chance; and somebody polls again in the end."""
    chance = random.Random(seed)
    _, ticks, machines = fleet("hq", "spare", "third")
    for _ in range(60):
        machine = machines[chance.choice(sorted(machines))]
        event = chance.choice(["die", "start", "cut", "mend"])
        if event == "start" or not machine.up:
            machine.start()
        elif event == "die":
            machine.up = False
        else:
            machine.cut = event == "cut"
        pass_time(machines, ticks, chance.choice([5, 10, 25, 40, 90]))
    for machine in machines.values():
        machine.start()
    assert "hq" in pass_time(machines, ticks, 300)


def test_a_node_that_ended_cleanly_is_not_waited_for() -> None:
    """Its beat is gone, and it had stopped polling before that."""
    _, ticks, machines = fleet("hq", "spare")
    pass_time(machines, ticks, 120)
    hq = machines["hq"]
    hq.turn.leave()
    assert not hq.polls
    hq.up = False
    ref = "refs/shiftbook/beat/hq"
    hq.peer.line.push([RefUpdate(ref=ref, expect=hq.peer.bus.remote.fetch()[ref], new=None)])
    assert pass_time(machines, ticks, 10) == {"spare"}


def test_the_end_of_a_node_waits_for_the_answer_that_is_under_way() -> None:
    """Another node would do again what this one left in the middle."""
    _, _, machines = fleet("hq")
    turn, begun, ends, left = machines["hq"].turn, threading.Event(), threading.Event(), threading.Event()

    def answer() -> None:
        with turn.answering():
            begun.set()
            ends.wait(PATIENCE)

    def leave() -> None:
        turn.leave()
        left.set()

    threads = [threading.Thread(target=answer), threading.Thread(target=leave)]
    threads[0].start()
    begun.wait(PATIENCE)
    threads[1].start()
    assert not left.wait(0.3)
    ends.set()
    until(left.is_set)
    for thread in threads:
        thread.join()


def ledger(town: Town) -> LedgerSnapshot:
    return town.peer("x").ledger()


def test_only_nodes_that_say_so_and_no_worker_are_in_the_order() -> None:
    """A worker's page may say what it likes."""
    town = Town(
        {
            "heartbeats/hq.md": page(Role.HEADQUARTERS),
            "heartbeats/spare.md": page(Role.STANDALONE_NODE),
            "heartbeats/quiet.md": page(Role.STANDALONE_NODE, polls=False),
            "heartbeats/worker.md": page(Role.LOCAL_WORKER),
        }
    )
    assert polling_order(ledger(town), "spare", Role.STANDALONE_NODE) == ("hq", "spare")
    assert polling_order(ledger(town), "worker", Role.LOCAL_WORKER) == ("hq", "spare")
