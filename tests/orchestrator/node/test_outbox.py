"""Does a result that is ready survive until the ledger has it, whatever happens to the process or the line?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from missions.evidence.bundle import EvidenceBundle, EvidenceFile, SuiteReport
from missions.lease import Claim, ClaimState
from missions.mission import Status
from orchestrator.ledger.claims import take_over
from orchestrator.ledger.snapshot import HeldClaim
from orchestrator.node.handback import Handback
from orchestrator.node.outbox import Outbox, PendingResult
from sync.errors import PushRefused, RemoteUnreachable
from sync.remote import PushVerdict, RefUpdate
from tests.ledgers import Line, Ticks, Town, Working, record, working

CLAIM = Claim(mission="m", blob="a" * 40, node="n1", boot="b", epoch=1, attempt=1, nonce="x")


def letter(mission: str = "m", epoch: int = 1) -> PendingResult:
    """A result that is ready."""
    held = HeldClaim(claim=replace(CLAIM, mission=mission, epoch=epoch), oid="b" * 40)
    kept = record(held, section="Ä “quoted”\n", fields={"cost_usd": 0.5, "branch": None}, artifacts={"diff": "+\n"})
    shot = EvidenceFile(path="a.png", media="image/png", data=bytes(range(256)))
    kept = replace(kept, evidence=EvidenceBundle(files=(shot,), reports=(SuiteReport(path="j.xml", tests=1),)))
    return PendingResult(held=held, state=ClaimState.FAILED, record=kept, reason="stopped")


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    """An outbox whose folder is not there yet."""
    return Outbox(tmp_path / "deep/outbox")


def test_an_outbox_that_was_never_used_is_empty(outbox: Outbox) -> None:
    """No folder, no letters, no error."""
    assert list(outbox) == []
    assert outbox.unreadable() == []


def test_a_letter_reads_back_as_it_was_put(outbox: Outbox) -> None:
    """By another process as well: claim, state, reason and the whole record."""
    outbox.put(letter())
    assert list(Outbox(outbox.folder)) == [letter()]


def test_letters_of_several_attempts_stand_side_by_side(outbox: Outbox) -> None:
    """One file per mission and epoch; names that look alike do not collide."""
    letters = [letter("a", 1), letter("a", 2), letter("a-1", 1), letter("a-1", 2)]
    for each in letters:
        outbox.put(each)
    assert sorted(outbox, key=str) == sorted(letters, key=str)


def test_putting_a_letter_again_replaces_it(outbox: Outbox) -> None:
    """There is one letter for one attempt."""
    outbox.put(letter())
    newer = replace(letter(), reason="newer")
    outbox.put(newer)
    assert list(outbox) == [newer]


def test_what_was_taken_out_is_gone(outbox: Outbox) -> None:
    """Taking it out twice is no error; the others stay."""
    outbox.put(letter("a"))
    outbox.put(letter("b"))
    outbox.remove(letter("a"))
    outbox.remove(letter("a"))
    assert [each.record.mission for each in outbox] == ["b"]


def test_a_write_that_was_cut_off_is_no_letter(outbox: Outbox) -> None:
    """A process killed while it wrote leaves a half file beside the letters, which nobody reads."""
    outbox.put(letter())
    (outbox.folder / "half-1.new").write_text('{"claim": ')
    assert list(outbox) == [letter()]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"claim": {}}', "\0\0", json.dumps({"claim": 1, "record": {"new": "field"}})]
)
def test_a_letter_that_cannot_be_read_does_not_hold_up_the_others(outbox: Outbox, text: str) -> None:
    """It stays on disk for a person, and it is said."""
    outbox.put(letter())
    odd = outbox.folder / "a-1.json"
    odd.write_text(text)
    assert list(outbox) == [letter()]
    assert outbox.unreadable() == [odd]
    told: list[str] = []
    town = Town({"missions/m.md": "x"})
    delivery = Handback(
        bus=town.peer("n1").bus, outbox=outbox, tell=lambda _event, words, **_facts: told.append(words), clock=Ticks()
    )
    delivery.reload()
    assert delivery.missions == {"m"}
    assert str(odd) in told[0]
    assert odd.exists()


def test_a_killed_node_hands_back_after_its_restart(tmp_path: Path) -> None:
    """The work was done, the line was cut, the process died: the next run delivers it, and nobody works again."""
    town = Town({"missions/m.md": "do it\n"})
    first = working(town.peer("n1", boot="one"), tmp_path)
    first.step()
    first.peer.line.cut = True
    first.step()
    second = working(town.peer("n1", boot="two"), tmp_path)
    second.node.resume()
    second.settle()
    done = second.peer.ledger().archived("m")
    assert done is not None
    assert (done.mission.status, done.mission.attempt) == (Status.DONE, 1)
    assert second.agent.jobs == []
    assert list(second.handback.outbox) == []


def test_a_claim_that_a_recovery_brought_back_takes_no_result(tmp_path: Path) -> None:
    """Somebody else ended the mission since, and the branch tells it. The fold would drop a further end in silence, so
    what this node did is late work, which a person finds."""
    town = Town({"missions/m.md": "do it\n"})
    first = working(town.peer("n1", boot="one"), tmp_path)
    first.step()
    first.peer.line.cut = True
    first.step()
    other = town.peer("n2")
    held = other.ledger().claims["m"]
    taken = take_over(other.bus, held, blob=held.claim.blob)
    assert taken is not None
    assert other.end(taken).accepted
    other.fold()
    other.line.remote.push([RefUpdate(ref="refs/shiftbook/claim/m", expect=None, new=held.oid)])
    second = working(town.peer("n1", boot="two"), tmp_path)
    second.node.resume()
    second.settle()
    ledger = second.peer.ledger()
    assert list(ledger.late) == ["m-1-n1"]
    assert "refs/shiftbook/log/n1" not in second.peer.line.fetch()
    assert list(second.handback.outbox) == []


def test_a_result_that_arrived_before_the_kill_is_not_delivered_twice(tmp_path: Path) -> None:
    """The push went through, the process died before it could take the letter out."""
    town = Town({"missions/m.md": "do it\n"})
    first = working(town.peer("n1", boot="one"), tmp_path)
    first.step()
    kept = next(iter(first.handback.outbox))
    first.settle()
    first.handback.outbox.put(kept)
    second = working(town.peer("n1", boot="two"), tmp_path)
    second.node.resume()
    second.settle()
    assert second.peer.ledger().late == {}
    assert list(second.handback.outbox) == []
    assert second.peer.text("SESSION_LOG.md").count("<!-- entry: m-1 -->") == 1


def test_work_finished_offline_after_a_takeover_is_kept(tmp_path: Path) -> None:
    """Another node has taken the mission over meanwhile: the letter becomes late work, and leaves the outbox."""
    town = Town({"missions/m.md": "do it\n"})
    first = working(town.peer("n1"), tmp_path)
    first.step()
    other = town.peer("n2")
    held = other.ledger().claims["m"]
    assert take_over(other.bus, held, blob=held.claim.blob)
    first.step()
    assert set(other.ledger().late) == {"m-1-n1"}
    assert list(first.handback.outbox) == []
    assert first.jobs == {}


def test_a_full_disk_keeps_the_result_in_memory(tmp_path: Path) -> None:
    """It is said, and handed back all the same."""
    town = Town({"missions/m.md": "do it\n"})
    node = working(town.peer("n1"), tmp_path)
    (tmp_path / "outbox").write_text("a file where the folder should be")
    node.step()
    assert any(event == "disk" for event, _ in node.told)
    node.settle()
    assert node.peer.ledger().archived("m") is not None


def test_a_cut_line_is_told_to_whoever_hands_back(tmp_path: Path) -> None:
    """RemoteUnreachable, and the letter is still ready."""
    town = Town({"missions/m.md": "do it\n"})
    node = working(town.peer("n1"), tmp_path)
    node.step()
    node.peer.line.cut = True
    with pytest.raises(RemoteUnreachable):
        node.handback.hand_back()
    assert node.handback.waiting


class Hook(Line):
    """A server whose hook takes in no ends of some missions: what a limit on sizes or a scan for secrets does."""

    names: tuple[str, ...] = ("bad",)
    asked: int = 0

    def push(self, updates: Sequence[RefUpdate], *, atomic: bool = False) -> Mapping[str, PushVerdict]:
        """Refuses as GitHub does: with words of its own, and nothing moves."""
        for one in updates:
            if one.expect is not None and one.ref.removeprefix("refs/shiftbook/claim/") in self.names:
                self.asked += 1
                raise PushRefused(one.ref, "pre-receive hook declined: a file is too large")
        return super().push(updates, atomic=atomic)


class Late(Line):
    """A server whose hook takes in no late work."""

    def push(self, updates: Sequence[RefUpdate], *, atomic: bool = False) -> Mapping[str, PushVerdict]:
        """Refuses it."""
        for one in updates:
            if one.ref.startswith("refs/shiftbook/late/"):
                raise PushRefused(one.ref, "pre-receive hook declined")
        return super().push(updates, atomic=atomic)


def hooked(town: Town, folder: Path, *, slots: int = 1, boot: str = "one", once: bool = False) -> tuple[Working, Hook]:
    """A node behind that hook."""
    node = working(town.peer("n1", boot=boot), folder, slots=slots, once=once)
    hook = Hook(node.peer.line.remote)
    node.peer.line.remote = hook
    return node, hook


@pytest.mark.parametrize("slots", [1, 2])
def test_a_result_that_the_server_refuses_holds_up_nothing_else(tmp_path: Path, slots: int) -> None:
    """The letter stays, its slot is free: what is queued then is claimed, done and folded. It is said once."""
    town = Town({"missions/bad.md": "do bad\n"})
    node, hook = hooked(town, tmp_path, slots=slots)
    node.settle()
    assert node.jobs == {}
    town.peer("anna").push({"missions/good.md": "do good\n"})
    node.settle()
    assert node.peer.ledger().archived("good") is not None
    assert [each.held.claim.mission for each in node.handback.outbox] == ["bad"]
    assert [words for event, words in node.told if event == "refused"] == [
        "bad, attempt 1: the remote refused refs/shiftbook/claim/bad: pre-receive hook declined: a file is too large; "
        "the result stays in this node's outbox"
    ]
    assert hook.asked == 1


def test_a_refused_result_is_handed_back_when_the_server_takes_it(tmp_path: Path) -> None:
    """It is tried again after a rest, which grows while the answer stays the same; nobody works on it again."""
    town = Town({"missions/bad.md": "do bad\n"})
    node, hook = hooked(town, tmp_path)
    node.settle()
    for passed, asked in ((29, 1), (1, 2), (59, 2), (1, 3), (119, 3), (1, 4)):
        node.ticks.at += passed
        node.settle()
        assert hook.asked == asked
    hook.names = ()
    node.settle()
    assert node.peer.ledger().archived("bad") is None
    node.ticks.at += 240
    node.settle()
    assert node.peer.ledger().archived("bad") is not None
    assert len(node.agent.jobs) == 1
    assert list(node.handback.outbox) == []


def test_a_node_with_a_refused_result_starts_and_ends(tmp_path: Path) -> None:
    """A restart reads it from the outbox, does not work on its mission again, and a run with `once` ends."""
    town = Town({"missions/bad.md": "do bad\n"})
    first, _ = hooked(town, tmp_path)
    first.settle()
    second, hook = hooked(town, tmp_path, boot="two", once=True)
    town.peer("anna").push({"missions/good.md": "do good\n"})
    second.node.run()
    assert [job.mission.name for job in second.agent.jobs] == ["good"]
    assert second.peer.ledger().archived("good") is not None
    assert len(list(second.handback.outbox)) == 1
    third, hook = hooked(town, tmp_path, boot="three", once=True)
    hook.names = ()
    third.node.run()
    assert third.peer.ledger().archived("bad") is not None
    assert third.agent.jobs == []


def test_an_old_refused_result_does_not_keep_its_mission_from_a_new_attempt(tmp_path: Path) -> None:
    """Another node took the mission over and gave it back; this one, started again, goes on with its newer claim."""
    town = Town({"missions/bad.md": "do bad\n"})
    first, _ = hooked(town, tmp_path)
    first.settle()
    other = town.peer("n2")
    held = other.ledger().claims["bad"]
    taken = take_over(other.bus, held, blob=held.claim.blob)
    assert taken is not None
    other.end(taken, ClaimState.RELEASED)
    other.fold()
    newer = town.peer("n1", boot="one").hold("bad")
    assert newer.claim.epoch == 3
    second = working(town.peer("n1", boot="two"), tmp_path)
    second.peer.line.remote = Late(second.peer.line.remote)
    second.node.resume()
    second.step()
    second.settle()
    assert second.peer.ledger().archived("bad") is not None
    assert [each.held.claim.epoch for each in second.handback.outbox] == [1]
