"""Is a mission won, kept, taken over and handed back by exactly one node, whatever happens on the way?"""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from missions.lease import ClaimState, LeaseWatch
from missions.mission import Status
from orchestrator.core.ports.agent import AgentJob, Outcome
from orchestrator.core.ports.model import Stop
from orchestrator.core.roles import Role
from orchestrator.ledger import claims as claims
from orchestrator.ledger.claims import RewriteDetector, keep_late, take_over
from orchestrator.ledger.result_record import read_record
from orchestrator.ledger.snapshot import HeldClaim
from orchestrator.ledger.transport import LOG, late_ref
from sync.errors import HistoryRewritten, RemoteUnreachable, SyncError
from sync.heartbeat import Beat
from sync.objects import read_commit
from sync.remote import RefUpdate
from tests.ledgers import Keys, Peer, Town, Working, intake_of, record, working

CLAIM = "refs/shiftbook/claim/m"


@pytest.fixture
def town() -> Town:
    """A ledger with one mission, in memory."""
    return Town({"missions/m.md": "do it\n"})


def taken_over(town: Town, held: HeldClaim, name: str = "new") -> tuple[Peer, HeldClaim]:
    """Somebody who took the claim over."""
    peer = town.peer(name)
    taken = take_over(peer.bus, peer.ledger().claims[held.claim.mission], blob=held.claim.blob)
    assert taken is not None
    return peer, taken


def log_of(peer: Peer) -> list[str]:
    """What a node's log says, oldest first: mission and epoch."""
    tip, found = peer.bus.remote.fetch().get(LOG + peer.name), []
    while tip is not None:
        kept = read_record(peer.bus.store, tip)
        found.append(f"{kept.mission}-{kept.epoch}")
        tip = next(iter(read_commit(peer.bus.store.get(tip)).parents), None)
    return found[::-1]


@pytest.mark.parametrize("where", ["memory", "git"])
def test_every_mission_has_one_holder_however_many_try(where: str, tmp_path: Path) -> None:
    """Nodes that claim the same twelve missions at one moment share them out without a second holder or a lost one."""
    names = [f"m{number}" for number in range(12)]
    town = Town({f"missions/{name}.md": "x" for name in names}, folder=tmp_path if where == "git" else None)
    peers = [town.peer(f"n{number}") for number in range(4)]
    views = [peer.ledger() for peer in peers]
    gate, won = threading.Barrier(len(peers)), list[HeldClaim]()

    def claim(index: int) -> None:
        gate.wait()
        won.extend(claims.claim_missions(peers[index].bus, [views[index].open[name] for name in names]))

    threads = [threading.Thread(target=claim, args=(index,)) for index in range(len(peers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(held.claim.mission for held in won) == sorted(names)
    ledger = town.peer("view").ledger()
    assert {held.claim.mission: held for held in won} == dict(ledger.claims)
    town.close()


def test_nothing_wanted_is_nothing_claimed(town: Town) -> None:
    """No push is made."""
    node = town.peer("n1")
    node.line.cut = True
    assert claims.claim_missions(node.bus, []) == []


def test_a_first_claim_names_what_it_is_on(town: Town) -> None:
    """The mission's blob, the node, this run of it, the next epoch and attempt."""
    node = town.peer("n1", boot="b7")
    filed = node.ledger().open["m"]
    claim = node.hold("m").claim
    assert (claim.mission, claim.blob, claim.node, claim.boot) == ("m", filed.blob, "n1", "b7")
    assert (claim.epoch, claim.attempt, claim.state) == (1, 1, ClaimState.RUNNING)
    assert node.ledger().claims["m"].claim == claim


def test_a_claim_whose_answer_was_lost_is_won_if_it_arrived(town: Town) -> None:
    """And only then."""
    node = town.peer("n1")
    node.line.lose_pushes = 1
    assert node.claim("m") == []
    node.line.lose_answers = 1
    assert len(node.claim("m")) == 1


@pytest.mark.parametrize("text", [None, "---\ntitle: [\n---\n", "---\nepoch: 1\n---\nx"])
def test_a_claim_whose_mission_changed_under_it_is_withdrawn(town: Town, text: str | None) -> None:
    """Deleted, broken or run meanwhile: the second look sees it, and the ref is free again."""
    node = town.peer("n1")
    held = node.hold("m")
    town.peer("anna").push({"missions/m.md": text})
    assert claims.confirm(node.bus, [held], node.ledger()) == []
    assert CLAIM not in node.bus.remote.fetch()


def test_an_edit_between_claim_and_start_is_no_reason_to_withdraw(town: Town) -> None:
    """The work starts from the newer text."""
    node, anna = town.peer("n1"), town.peer("anna")
    view = node.ledger()
    node.line.before_push.append(lambda: anna.push({"missions/m.md": "do it better\n"}))
    taken = intake_of(node).claim(view, 1)
    assert [t.mission.body for t in taken] == ["do it better"]


def test_of_two_who_take_over_one_wins(town: Town) -> None:
    """The new claim counts the attempt, fences the old epoch and descends from the old claim."""
    held = town.peer("old").hold("m")
    one, two = town.peer("one"), town.peer("two")
    seen = [peer.ledger().claims["m"] for peer in (one, two)]
    won = [take_over(p.bus, s, blob=held.claim.blob) for p, s in zip((one, two), seen, strict=True)]
    assert [w is not None for w in won] == [True, False]
    claim = one.ledger().claims["m"].claim
    assert (claim.node, claim.epoch, claim.attempt) == ("one", 2, 2)
    assert one.bus.store.descends(one.ledger().claims["m"].oid, held.oid)


def test_a_result_is_accepted_once(town: Town) -> None:
    """Handing it back again, before and after the fold, says accepted and writes nothing more."""
    node = town.peer("n1")
    held = node.hold("m")
    assert node.end(held).accepted
    assert node.end(held).accepted
    node.fold()
    assert node.end(held).accepted
    assert log_of(node) == ["m-1"]
    assert node.ledger().late == {}


@pytest.mark.parametrize("facts", [{"section": "half a letter: \udcc3"}, {"proposals": {"idea": ""}}])
def test_a_result_is_known_again_by_what_was_written(town: Town, facts: dict[str, Any]) -> None:
    """What a record cannot say in a file, an empty proposal or half a letter, does not make it another one's."""
    node = town.peer("n1")
    held = node.hold("m")
    ended = replace(record(held), **facts)
    told = [claims.complete(node.bus, held, ended, state=ClaimState.DONE) for _ in range(2)]
    assert [(one.accepted, one.late) for one in told] == [(True, None)] * 2


def test_a_result_whose_answer_was_lost_is_not_handed_back_twice(town: Town) -> None:
    """Whether the push arrived or not, one entry stands in the log at the end."""
    node = town.peer("n1")
    held = node.hold("m")
    node.line.lose_pushes, node.line.lose_answers = 1, 1
    assert node.end(held).accepted
    assert log_of(node) == ["m-1"]


def test_a_result_on_a_cut_line_is_found_accepted_later(town: Town) -> None:
    """It arrived, then the line broke; the next try sees it in the log."""
    node = town.peer("n1")
    held = node.hold("m")
    node.line.lose_answers, node.line.cut_after_push = 1, True
    with pytest.raises(RemoteUnreachable):
        node.end(held)
    node.line.cut = node.line.cut_after_push = False
    assert node.end(held).accepted
    assert log_of(node) == ["m-1"]


def test_results_of_one_node_form_one_log() -> None:
    """Each entry's commit descends from the one before, and holds its own record."""
    town = Town({f"missions/m{number}.md": "x" for number in range(3)})
    node = town.peer("n1")
    for held in node.claim("m0", "m1", "m2"):
        node.end(held)
    assert log_of(node) == ["m0-1", "m1-1", "m2-1"]


def test_a_log_that_moved_meanwhile_is_written_on(town: Town) -> None:
    """A lost race on the node's own log, say by a second thread, is tried again."""
    node = town.peer("n1")
    held = node.hold("m")
    other = replace(record(held), mission="other", epoch=9)
    commit = node.bus.commit(other.files(), "x", onto=None, tree=None)
    node.line.before_push.append(lambda: node.line.remote.push([RefUpdate(ref=LOG + "n1", expect=None, new=commit)]))
    assert node.end(held).accepted
    assert log_of(node) == ["other-9", "m-1"]


@pytest.mark.parametrize("state", [ClaimState.DONE, ClaimState.FAILED, ClaimState.CANCELLED, ClaimState.RELEASED])
def test_a_zombie_is_refused_whole_and_its_work_is_kept(town: Town, state: ClaimState) -> None:
    """Whatever it says of its attempt; doing it again finds the same ref."""
    old = town.peer("old")
    held = old.hold("m")
    new, taken = taken_over(town, held)
    ended = old.end(held, state)
    assert (ended.accepted, ended.late) == (False, "refs/shiftbook/late/m-1-old")
    assert old.end(held, state) == ended
    assert log_of(old) == []
    assert new.end(taken).accepted
    kept = new.ledger().late
    assert read_record(new.bus.store, kept["m-1-old"]).section == record(held).section


def test_a_zombie_that_wakes_up_after_the_fold_is_late_as_well(town: Town) -> None:
    """No claim is left at all; its epoch is not in its log."""
    old = town.peer("old")
    held = old.hold("m")
    new, taken = taken_over(town, held)
    new.end(taken)
    new.fold()
    assert not old.end(held).accepted
    assert set(new.ledger().late) == {"m-1-old"}


def test_a_reverted_fold_does_not_make_a_lost_attempt_look_accepted(town: Town) -> None:
    """A person undid the fold, so epoch 1 runs again; its holder is fenced: the new work is kept as late work."""
    old = town.peer("old")
    old.attempt("m", section="the first result")
    old.fold()
    town.peer("anna").push({old.archived_paths("m")[0]: None, "missions/m.md": "do it\n"})
    held = old.hold("m")
    assert held.claim.epoch == 1
    taken_over(town, held)
    ended = old.end(held, section="the second result")
    assert not ended.accepted
    assert ended.late is not None
    kept = old.bus.remote.fetch()[ended.late]
    assert read_record(old.bus.store, kept).section == "the second result"


def test_two_late_works_of_one_name_are_both_kept(town: Town) -> None:
    """`a` of node `b-2-c` in epoch 1 and `a-1-b` of node `c` in epoch 2 would stand under one ref."""
    node = town.peer("n1")
    held = node.hold("m")
    one = replace(held.claim, mission="a", epoch=1, node="b-2-c")
    two = replace(held.claim, mission="a-1-b", epoch=2, node="c")
    assert late_ref("a", 1, "b-2-c") == late_ref("a-1-b", 2, "c")
    records = [replace(record(held), mission=c.mission, epoch=c.epoch, section=c.node) for c in (one, two)]
    refs = [keep_late(node.bus, claim, kept) for claim, kept in zip((one, two), records, strict=True)]
    here = node.bus.remote.fetch()
    assert [read_record(node.bus.store, here[ref]).section for ref in refs] == ["b-2-c", "c"]
    assert [keep_late(node.bus, c, kept) for c, kept in zip((one, two), records, strict=True)] == refs


def test_a_log_with_nonsense_in_it_is_no_obstacle(town: Town) -> None:
    """Somebody pushed a commit that is no record onto the node's log: handing back goes on."""
    node = town.peer("n1")
    held = node.hold("m")
    junk = node.bus.commit({"record.json": b"[]"}, "x", onto=None, tree=None)
    node.line.push([RefUpdate(ref=LOG + "n1", expect=None, new=junk)])
    taken_over(town, held)
    assert not node.end(held).accepted


def test_half_a_character_in_an_output_does_not_stop_the_hand_back(town: Town) -> None:
    """A record is bytes that can be read again, whatever an agent said."""
    node = town.peer("n1")
    held = node.hold("m")
    assert node.end(held, section="cut \ud83d", artifacts={"output.txt": "\udcff"}).accepted
    node.fold()
    assert "cut ?" in node.archived("m")


def test_a_witness_is_silent_while_all_go_by_the_rules(town: Town) -> None:
    """Claim, takeover, end, fold, and the next claim, however many of these steps lie between two looks."""
    watcher, every_step = town.peer("w1"), RewriteDetector(town.peer("w0").bus)
    seldom = {number: RewriteDetector(watcher.bus) for number in range(2, 5)}
    steps = 0

    def look() -> None:
        nonlocal steps
        steps += 1
        every_step.check(watcher.ledger())
        for number, witness in seldom.items():
            if steps % number == 0:
                witness.check(watcher.ledger())

    look()
    for _ in range(3):
        held = town.peer("a").hold("m")
        look()
        peer, taken = taken_over(town, held, "b")
        look()
        peer.end(taken, ClaimState.RELEASED)
        look()
        peer.fold()
        look()


@pytest.mark.parametrize("step", ["stranger", "older", "unrelated epoch"])
def test_a_witness_raises_the_alarm_when_a_claim_moves_against_the_rules(town: Town, step: str) -> None:
    """Another node's claim in its place, an older state of it, or a later epoch that does not descend."""
    old = town.peer("old")
    held = old.hold("m")
    new, taken = taken_over(town, held)
    witness = RewriteDetector(town.peer("w").bus)
    witness.check(new.ledger())
    claim = {
        "stranger": replace(held.claim, node="eve"),
        "older": held.claim,
        "unrelated epoch": replace(taken.claim, epoch=3, node="eve"),
    }[step]
    forged = held.oid if step == "older" else claims._commit(new.bus, claim, onto=None)
    new.line.push([RefUpdate(ref=CLAIM, expect=taken.oid, new=forged)])
    for _ in range(2):
        with pytest.raises(HistoryRewritten):
            witness.check(new.ledger())


def test_a_silent_holder_loses_its_mission_and_a_living_one_does_not(town: Town) -> None:
    """Only what does not move for a lease is taken over, timed by the observer's own clock."""
    dead, alive, heir = town.peer("dead"), town.peer("alive"), town.peer("heir")
    town.peer("anna").push({"missions/k.md": "x"})
    dead.hold("m")
    alive.hold("k")
    intake = intake_of(heir)
    lease = heir.ledger().charter.bus.lease
    taken = []
    for second in range(0, 60, 5):
        blob = town.server.store.put("blob", b"%d" % second)
        town.server.refs["refs/shiftbook/beat/alive"] = blob
        ledger = heir.ledger()
        intake.observe(ledger, float(second))
        taken += [(second, t.mission.name, t.held.claim.epoch) for t in intake.take_over(ledger, 5)]
    assert taken == [(int(lease), "m", 2)]


def test_a_restarted_node_takes_its_own_up_at_once(town: Town) -> None:
    """It need not wait for the lease; the run before it is fenced; a claim of this very run is left alone."""
    before, after = town.peer("n1", boot="one"), town.peer("n1", boot="two")
    held = before.hold("m")
    taken = intake_of(after).resume(after.ledger(), 1)
    assert [(t.held.claim.epoch, t.held.claim.attempt, t.end) for t in taken] == [(2, 2, "")]
    assert not before.end(held).accepted
    assert intake_of(after).resume(after.ledger(), 1) == []


def test_a_mission_whose_attempts_are_spent_is_only_ended(town: Town) -> None:
    """The third holder in a row went silent: nobody starts a fourth attempt; it is dead with its history."""
    held = town.peer("a").hold("m")
    for name in ("b", "c"):
        _, held = taken_over(town, held, name)
    node = working(town.peer("hq"), Path("unused"))
    for now in (0.0, 29.0, 31.0):
        node.ticks.at = now
        node.take_in(node.peer.ledger())
    taken = node.scheduler.take_over(node.peer.ledger(), 1)
    assert [bool(t.end) for t in taken] == [True]
    assert "3 attempts are spent" in taken[0].end


@pytest.fixture
def node(town: Town, tmp_path: Path) -> Working:
    """A whole node."""
    return working(town.peer("n1"), tmp_path)


def status(working: Working) -> Status | None:
    """The mission's state on the branch."""
    ledger = working.peer.ledger()
    filed = ledger.open.get("m") or ledger.archived("m")
    return filed.mission.status if filed else None


def test_a_node_does_a_mission_from_claim_to_fold(node: Working) -> None:
    """One round starts it, the next hands it back and folds it."""
    node.settle()
    assert status(node) is Status.DONE
    assert len(node.agent.jobs) == 1
    assert node.peer.ledger().claims == {}


@pytest.mark.parametrize("lost", [0, 1])
def test_a_claim_won_just_before_the_line_broke_is_worked_on(node: Working, lost: int) -> None:
    """With its answer or after it: the node goes on beating, so nobody else would ever take the mission."""
    line = node.peer.line
    line.cut_after_push, line.lose_answers = True, lost
    node.step()
    assert node.jobs == {}
    line.cut = line.cut_after_push = False
    node.settle()
    assert status(node) is Status.DONE
    assert len(node.agent.jobs) == 1


def test_a_takeover_won_just_before_the_line_broke_is_worked_on(town: Town, node: Working) -> None:
    """The same for a claim that was taken over."""
    town.peer("gone").hold("m")
    node.step()
    for at in (1015.0, 1029.0):
        node.ticks.at = at
        node.step()
    node.ticks.at = 1031.0
    node.peer.line.lose_answers, node.peer.line.cut_after_push = 1, True
    node.step()
    node.peer.line.cut = node.peer.line.cut_after_push = False
    node.settle()
    assert status(node) is Status.DONE
    assert [job.attempt for job in node.agent.jobs] == [2]


def test_a_claim_from_an_old_view_is_withdrawn_when_it_is_found(town: Town, node: Working) -> None:
    """Won after the fold, and the line broke before the second look: it is taken back, not worked on (trap D)."""
    view = node.peer.ledger()
    other = town.peer("other")
    other.attempt("m", ClaimState.FAILED)
    other.fold()
    node.peer.line.cut_after_push = True
    with pytest.raises(RemoteUnreachable):
        node.node.scheduler.claim(view, 1)
    node.peer.line.cut = node.peer.line.cut_after_push = False
    assert node.peer.ledger().claims["m"].claim.epoch == 1
    node.step()
    claim = node.peer.ledger().claims.get("m")
    assert claim is None or claim.claim.epoch == 2


def test_what_is_handed_back_is_not_started_again(node: Working) -> None:
    """In the round that hands a result back, the ledger that was read before still shows the claim as running."""
    node.settle(20)
    assert len(node.agent.jobs) == 1


def test_a_result_waits_out_a_cut_line(node: Working) -> None:
    """It is on disk; the node tries again, and the mission is neither lost nor done twice."""
    node.step()
    node.peer.line.cut = True
    for _ in range(3):
        node.step()
    assert node.handback.waiting
    node.peer.line.cut = False
    node.settle()
    assert status(node) is Status.DONE
    assert len(node.agent.jobs) == 1
    assert list(node.handback.outbox) == []


def test_an_agents_mistake_is_a_failed_attempt(node: Working) -> None:
    """Not a mission that runs for ever with nobody at it."""

    def breaks(_job: AgentJob, _stop: Stop) -> Outcome:
        raise ZeroDivisionError("oops")

    node.agent.does = breaks
    node.settle()
    assert status(node) is Status.FAILED
    assert "oops" in node.peer.text("missions/m.md")


def test_a_hand_back_that_fails_for_one_result_keeps_the_others(town: Town, tmp_path: Path) -> None:
    """What could not be pushed stays ready, in its order, and nothing is handed back twice."""
    town.peer("anna").push({"missions/k.md": "x"})
    node = working(town.peer("n1"), tmp_path, slots=2)
    node.step()
    delivery = node.handback
    assert delivery.missions == {"m", "k"}
    node.peer.line.before_push.append(lambda: None)
    node.peer.line.cut_after_push = True
    assert [letter.record.mission for letter in delivery.hand_back()] == [sorted(delivery.missions ^ {"m", "k"})[0]]
    with pytest.raises(SyncError):
        delivery.hand_back()
    node.peer.line.cut = node.peer.line.cut_after_push = False
    assert len(delivery.hand_back()) == 1
    assert sorted(log_of(node.peer)) == ["k-1", "m-1"]


def test_a_watch_that_was_away_takes_nothing_over_at_once() -> None:
    """A node that was cut off or asleep first looks whether the others still move."""
    watch = LeaseWatch(lease=30, roof=30)
    watch.observe({"m": "a"}, 0.0)
    watch.observe({"m": "a"}, 500.0)
    assert watch.expired(["m"]) == []


LEFT = "left"


@pytest.fixture
def signed(keys: Keys) -> Town:
    """A ledger with signatures and two nodes, of which one will be taken out."""
    signers = keys.signers(anna=("admin", "author"), left=("node",), n1=("node",))
    town = Town({"allowed_signers": signers})
    town.peer("anna", key=keys["anna"]).push({"missions/m.md": "do it\n"})
    return town


def taken_out(town: Town, keys: Keys, **others: tuple[str, ...]) -> None:
    """anna takes the node out of the fleet; `others` are listed beside those that stay."""
    signers = keys.signers(anna=("admin", "author"), n1=("node",), **others)
    town.peer("anna", key=keys["anna"]).push({"allowed_signers": signers})


def rounds(node: Working, count: int = 4, seconds: float = 20) -> None:
    """So many rounds, each after a pause."""
    for _ in range(count):
        node.step()
        node.ticks.at += seconds
    node.settle()


@pytest.mark.parametrize("state", [ClaimState.DONE, ClaimState.FAILED, ClaimState.RELEASED])
def test_what_a_node_ended_that_was_taken_out_before_the_fold_is_done_again(
    signed: Town, keys: Keys, tmp_path: Path, state: ClaimState
) -> None:
    """Its word does not count, nobody can fold it: after a lease another node takes the mission over. It is said."""
    signed.peer(LEFT, key=keys[LEFT]).attempt("m", state, section="by the one who left")
    taken_out(signed, keys)
    node = working(signed.peer("n1", key=keys["n1"]), tmp_path)
    node.step()
    assert node.peer.ledger().claims["m"].claim.node == LEFT
    rounds(node)
    done = node.peer.ledger().archived("m")
    assert done is not None
    assert (done.mission.status, done.mission.node, done.mission.attempt) == (Status.DONE, "n1", 2)
    text = node.peer.archived("m")
    assert "by the one who left" not in text
    assert f"its word on {state} does not count" in text


def test_what_a_listed_node_ended_is_nobody_elses(signed: Town, keys: Keys, tmp_path: Path) -> None:
    """A closed claim may wait for its fold for as long as it takes: nobody takes it over."""
    signed.peer(LEFT, key=keys[LEFT]).attempt("m")
    node = working(signed.peer("n1", key=keys["n1"]), tmp_path, role=Role.LOCAL_WORKER)
    for _ in range(6):
        now = node.peer.ledger()
        node.take_in(now)
        assert node.node.scheduler.take_over(now, 1) == []
        node.ticks.at += 20
    assert node.node.scheduler.watch.expired(["m"]) == ["m"]


def test_an_end_in_anothers_name_does_not_hold_a_mission_for_ever(signed: Town, keys: Keys, tmp_path: Path) -> None:
    """Somebody without a key closed a claim in the name of a listed node: the same."""
    signed.peer("n1", key=keys["eve"]).attempt("m")
    node = working(signed.peer("n1", key=keys["n1"], boot="two"), tmp_path)
    rounds(node)
    done = node.peer.ledger().archived("m")
    assert done is not None
    assert (done.mission.status, done.mission.attempt) == (Status.DONE, 2)


def test_the_beats_of_a_node_that_was_taken_out_keep_no_lease(signed: Town, keys: Keys, tmp_path: Path) -> None:
    """It goes on beating, since it may still push: its running claim is taken over as a silent holder's."""
    left = signed.peer(LEFT, key=keys[LEFT])
    left.hold("m")
    beat = Beat(left.bus.remote, left.bus.store, f"refs/shiftbook/beat/{LEFT}")
    beat.start()
    node = working(signed.peer("n1", key=keys["n1"]), tmp_path)
    for out in (False, True):
        if out:
            taken_out(signed, keys)
        for _ in range(4):
            beat.move()
            node.step()
            node.ticks.at += 20
        node.settle()
        assert (node.peer.ledger().archived("m") is not None) == out
