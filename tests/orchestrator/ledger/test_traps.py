"""Do the guards against traps A to D protect, and is it really they who do?

Each trap has two tests: one in which the guard holds, and one that takes the guard out and shows that the bad thing
then happens, so that the first cannot pass by accident. ARCHITECTURE.md describes the traps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from missions.lease import Claim, ClaimState
from missions.mission import Status
from orchestrator.ledger import claims as claims
from orchestrator.ledger.claims import RewriteDetector
from orchestrator.ledger.result_record import read_record
from orchestrator.ledger.snapshot import HeldClaim, LedgerSnapshot
from orchestrator.ledger.transport import Transport
from sync import publish as publishing
from sync.errors import HistoryRewritten
from sync.remote import LedgerRemote, Oid, PushVerdict, RefUpdate
from tests.ledgers import Peer, Town, intake_of, working
from tests.orchestrator.ledger.test_claims import taken_over
from tests.orchestrator.repositories import git

CLAIM = "refs/shiftbook/claim/m"


@pytest.fixture(params=["memory", "git"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    """A ledger with one mission, in memory and on a real bare repository."""
    town = Town({"missions/m.md": "do it\n"}, folder=tmp_path / "town" if request.param == "git" else None)
    yield town
    town.close()


@pytest.fixture
def memory() -> Town:
    """A ledger with one mission, in memory."""
    return Town({"missions/m.md": "do it\n"})


def exit_code_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes trap A's guard out: `=` (exit code 0) counts as a win."""

    def settle(
        remote: LedgerRemote, updates: Sequence[RefUpdate], *, atomic: bool = False
    ) -> Mapping[str, PushVerdict]:
        found = publishing.push_and_resolve(remote, updates, atomic=atomic)
        return {r: PushVerdict.ACCEPTED if v is PushVerdict.UNCHANGED else v for r, v in found.items()}

    monkeypatch.setattr(claims, "push_and_resolve", settle)


def twins(town: Town) -> list[Peer]:
    """Two processes that make the same claim, object id and all: one name, one boot, one nonce."""
    pair = [town.peer("twin"), town.peer("twin")]
    return [replace(peer, bus=replace(peer.bus, nonce=lambda: "the same nonce")) for peer in pair]


def race(pair: Sequence[Peer]) -> list[list[HeldClaim]]:
    """Both look, then both push."""
    views = [peer.ledger() for peer in pair]
    return [claims.claim_missions(peer.bus, [view.open["m"]]) for peer, view in zip(pair, views, strict=True)]


def test_trap_a_an_identical_claim_is_not_a_second_win(town: Town) -> None:
    """Of two pushes of one and the same claim object exactly one wins, though git ends both with exit code 0."""
    first, second = race(twins(town))
    assert len(first) == 1
    assert second == []


def test_trap_a_without_its_guard_both_win(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """If an exit code of 0 counted, both would hold the mission."""
    exit_code_counts(monkeypatch)
    first, second = race(twins(town))
    assert first == second
    assert len(first) == 1


def test_trap_a_a_nonce_makes_two_claims_two_objects(memory: Town) -> None:
    """Two claims of one node, boot and second differ in their object ids by their nonces alone."""
    node = memory.peer("n1")
    filed = node.ledger().open["m"]
    first = claims.claim_missions(node.bus, [filed])[0]
    node.line.push([RefUpdate(ref=CLAIM, expect=first.oid, new=None)])
    second = claims.claim_missions(node.bus, [filed])[0]
    assert first.oid != second.oid
    assert replace(first.claim, nonce=second.claim.nonce) == second.claim


def accepted_results(town: Town) -> list[str]:
    """The nodes on whose logs a result of the mission was accepted."""
    view = town.peer("view")
    refs = view.bus.remote.fetch()
    logs = {ref.rpartition("/")[2]: oid for ref, oid in refs.items() if ref.startswith("refs/shiftbook/log/")}
    return sorted(node for node, oid in logs.items() if read_record(view.bus.store, oid).mission == "m")


def result_then_takeover(town: Town) -> None:
    """The old holder hands back while another, who thinks it silent, takes over from the claim as it saw it last."""
    old, new = town.peer("old"), town.peer("new")
    held = old.hold("m")
    seen = new.ledger().claims["m"]
    old.end(held)
    taken = claims.take_over(new.bus, seen, blob=held.claim.blob)
    if taken is not None:
        new.end(taken)


def unmoved_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes trap B's guard out: the result is pushed beside the claim under lease, but the claim stays as it is."""
    commit = claims._commit

    def staying(bus: Transport, claim: Claim, *, onto: Oid | None) -> Oid:
        return onto if claim.closed and onto else commit(bus, claim, onto=onto)

    monkeypatch.setattr(claims, "_commit", staying)
    exit_code_counts(monkeypatch)


def test_trap_b_a_result_moves_the_claim_so_a_takeover_comes_too_late(town: Town) -> None:
    """After a result was accepted nobody can take the mission over from the claim that they saw before."""
    result_then_takeover(town)
    assert accepted_results(town) == ["old"]


def test_trap_b_without_its_guard_two_results_are_accepted(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """If completing left the claim where it is, a result and a takeover would both land."""
    unmoved_claim(monkeypatch)
    result_then_takeover(town)
    assert accepted_results(town) == ["new", "old"]


def takeover_during_push(town: Town) -> claims.CompletionResult:
    """A zombie hands back; the server takes the takeover in after it has told the zombie what refs it has."""
    zombie, other = town.peer("zombie"), town.peer("other")
    held = zombie.hold("m")
    taken = claims.take_over(other.bus, other.ledger().claims["m"], blob=held.claim.blob)
    assert taken is not None
    git(town.bare, "update-ref", CLAIM, held.oid)  # the takeover's objects are there; its ref waits for the hook
    hook = town.bare / "hooks/pre-receive"
    line = f"env -u GIT_QUARANTINE_PATH git update-ref {CLAIM} {taken.oid}"
    hook.write_text(f"#!/bin/sh\n[ -e once ] && exit 0\ntouch once\n{line}\n")
    hook.chmod(0o755)
    return zombie.end(held)


def test_trap_b_a_takeover_in_the_middle_of_a_push_refuses_the_zombie_whole(tmp_path: Path) -> None:
    """A zombie whose claim is taken while its push is under way gets nothing accepted; its work is kept as late."""
    town = Town({"missions/m.md": "do it\n"}, folder=tmp_path)
    ended = takeover_during_push(town)
    assert not ended.accepted
    assert ended.late in town.peer("view").bus.remote.fetch()
    assert accepted_results(town) == []
    town.close()


def test_trap_b_without_its_guard_a_zombie_slips_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the claim did not move, git would not even send it, and the zombie's result would land beside the takeover."""
    town = Town({"missions/m.md": "do it\n"}, folder=tmp_path)
    unmoved_claim(monkeypatch)
    assert takeover_during_push(town).accepted
    assert accepted_results(town) == ["zombie"]
    assert town.peer("view").ledger().claims["m"].claim.node == "other"
    town.close()


def forced_back(town: Town) -> tuple[Peer, HeldClaim]:
    """A stale holder that was taken over forces its claim and its result in."""
    old, new = town.peer("old"), town.peer("new")
    held = old.hold("m")
    taken = claims.take_over(new.bus, new.ledger().claims["m"], blob=held.claim.blob)
    assert taken is not None
    return old, held


def test_trap_c_a_claim_that_was_forced_back_stops_everybody_who_saw_the_newer(town: Town, tmp_path: Path) -> None:
    """A node that has seen epoch 2 follows no claim of epoch 1, and folds nothing that came with it."""
    old, held = forced_back(town)
    hq = working(town.peer("hq"), tmp_path / "hq")
    hq.step()
    newer = hq.peer.ledger().claims["m"].oid
    old.line.push([RefUpdate(ref=CLAIM, expect=newer, new=held.oid)])
    old.end(held)
    with pytest.raises(HistoryRewritten):
        hq.step()
    with pytest.raises(HistoryRewritten):
        hq.step()  # it stays alarmed
    assert hq.peer.ledger().open["m"].mission.status is Status.QUEUED


def test_trap_c_without_its_guard_a_stale_result_is_folded(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If nobody compared with what was seen before, the forced result would become the mission's."""
    monkeypatch.setattr(RewriteDetector, "check", lambda _self, _ledger: None)
    old, held = forced_back(town)
    hq = working(town.peer("hq"), tmp_path / "hq")
    hq.step()
    newer = hq.peer.ledger().claims["m"].oid
    old.line.push([RefUpdate(ref=CLAIM, expect=newer, new=held.oid)])
    old.end(held)
    hq.step()
    done = hq.peer.ledger().archived("m")
    assert done is not None
    assert (done.mission.status, done.mission.node, done.mission.epoch) == (Status.DONE, "old", 1)


def claimed_again(town: Town) -> tuple[Peer, LedgerSnapshot]:
    """A node with a view from before the mission was claimed, failed and folded."""
    late, quick = town.peer("late"), town.peer("quick")
    view = late.ledger()
    quick.attempt("m", ClaimState.FAILED)
    assert quick.fold().missions == {"m": Status.FAILED}
    return late, view


def test_trap_d_a_claim_won_after_the_fold_is_not_started(town: Town) -> None:
    """A node whose view is from before the fold wins the claim's ref, looks again, withdraws and starts nothing."""
    late, view = claimed_again(town)
    assert intake_of(late).claim(view, 1) == []
    assert late.ledger().claims == {}


def test_trap_d_without_its_guard_an_attempt_is_made_twice(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """If it started on the push's word alone, attempt 1 of epoch 1 would be made, and accepted, a second time."""
    monkeypatch.setattr(claims, "confirm", lambda _bus, held, _now: list(held))
    late, view = claimed_again(town)
    taken = intake_of(late).claim(view, 1)
    assert [(t.held.claim.epoch, t.held.claim.attempt) for t in taken] == [(1, 1)]
    assert late.end(taken[0].held).accepted
    assert accepted_results(town) == ["late", "quick"]


def test_trap_d_holds_for_an_archived_mission(town: Town) -> None:
    """A finished mission that a node with an old view wins again is neither started nor blocked by that claim."""
    late, quick = town.peer("late"), town.peer("quick")
    view = late.ledger()
    quick.attempt("m")
    quick.fold()
    assert intake_of(late).claim(view, 1) == []
    assert late.ledger().claims == {}


def test_trap_d_raises_no_false_alarm_in_those_who_watch(town: Town) -> None:
    """A witness that fetches between such a claim and its withdrawal knows it for what it is, and goes on."""
    late, quick, watcher = town.peer("late"), town.peer("quick"), town.peer("watcher")
    witness = RewriteDetector(watcher.bus)
    view = late.ledger()
    held = quick.hold("m")
    witness.check(watcher.ledger())
    quick.end(held)
    quick.fold()
    won = claims.claim_missions(late.bus, [view.open["m"]])
    assert len(won) == 1
    witness.check(watcher.ledger())
    claims.confirm(late.bus, won, late.ledger())
    witness.check(watcher.ledger())


def test_a_withdrawn_claim_that_is_won_again_at_the_same_epoch_is_no_alarm(town: Town) -> None:
    """A person breaks the file for a moment: one claim is withdrawn, another won, and a witness saw neither step."""
    first, second, anna = town.peer("first"), town.peer("second"), town.peer("anna")
    watcher = town.peer("watcher")
    witness = RewriteDetector(watcher.bus)
    won = claims.claim_missions(first.bus, [first.ledger().open["m"]])
    witness.check(watcher.ledger())
    anna.push({"missions/m.md": "---\n: broken\n---\ndo it\n"})
    assert claims.confirm(first.bus, won, first.ledger()) == []
    anna.push({"missions/m.md": "do it\n"})
    again = second.hold("m")
    assert again.claim.epoch == won[0].claim.epoch
    for _ in range(2):
        witness.check(watcher.ledger())


def test_a_claim_that_another_with_an_old_view_wins_is_none_where_the_file_is_gone(town: Town) -> None:
    """Both saw the file before it was deleted; the later one withdraws as well."""
    first, second, anna = town.peer("first"), town.peer("second"), town.peer("anna")
    watcher, view = town.peer("watcher"), second.ledger()
    witness = RewriteDetector(watcher.bus)
    won = claims.claim_missions(first.bus, [first.ledger().open["m"]])
    witness.check(watcher.ledger())
    anna.push({"missions/m.md": None})
    assert claims.confirm(first.bus, won, first.ledger()) == []
    assert len(claims.claim_missions(second.bus, [view.open["m"]])) == 1
    witness.check(watcher.ledger())


@pytest.mark.parametrize("step", ["branch stood still", "text was edited", "claim was taken over", "older epoch"])
def test_a_claim_that_nobody_can_have_withdrawn_stays_an_alarm(town: Town, step: str) -> None:
    """The file was there and open all the time, or the claim was no fresh one, or a stale holder's stands there."""
    holder, anna = town.peer("holder"), town.peer("anna")
    held = holder.hold("m")
    if step in ("claim was taken over", "older epoch"):
        _, held = taken_over(town, held)
    watcher, eve = town.peer("watcher"), town.peer("eve")
    witness = RewriteDetector(watcher.bus)
    witness.check(watcher.ledger())
    if step == "text was edited":
        anna.push({"missions/m.md": "do it well\n"})
    if step in ("claim was taken over", "older epoch"):
        anna.push({"missions/m.md": None})
        anna.push({"missions/m.md": "do it\n"})
    epoch = held.claim.epoch - (step == "older epoch")
    forged = claims._commit(eve.bus, replace(held.claim, node="eve", epoch=epoch), onto=None)
    eve.line.push([RefUpdate(ref=CLAIM, expect=held.oid, new=forged)])
    for _ in range(2):
        with pytest.raises(HistoryRewritten):
            witness.check(watcher.ledger())
