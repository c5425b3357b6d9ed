"""Does a change reach a branch that others push to as well, exactly once, whatever the line does?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pytest

from orchestrator.ledger.publish import LedgerChange, commit_change
from sync.errors import PushRefused, PushUncertain, RemoteUnreachable, TooManyRaces
from sync.publish import publish, push_and_resolve
from sync.remote import PushVerdict, Refs, RefUpdate
from tests.ledgers import Line, Peer, Town

A = "refs/shiftbook/claim/a"


@pytest.fixture
def town() -> Town:
    """A ledger in memory."""
    return Town({"list.md": ""})


def append(peer: Peer, word: str) -> None:
    """Adds a line to a file that everybody edits."""

    def plan(refs: Refs) -> list[RefUpdate]:
        ledger = peer.reader.read(refs)
        files = {"list.md": ledger.text("list.md") + word + "\n"}
        return [
            RefUpdate(ref=peer.bus.main, expect=ledger.tip, new=peer.commit(files, onto=ledger.tip, tree=ledger.tree))
        ]

    publish(peer.bus.remote, plan, pause=0.001)


def test_edits_of_many_who_publish_at_once_are_all_there(town: Town) -> None:
    """A lost race costs a recomputation and never an edit. Each word is another: the same edit of the same peer onto
    the same commit at the same second is one commit, and so one edit."""
    words = {f"n{number}-{edit}": town.peer(f"n{number}") for number in range(6) for edit in range(2)}
    threads = [threading.Thread(target=append, args=(peer, word)) for word, peer in words.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(town.peer("view").text("list.md").split()) == sorted(words)


def test_an_answer_that_was_lost_is_found_out_by_fetching(town: Town) -> None:
    """The push arrived: it is not made twice."""
    peer = town.peer("n1")
    peer.line.lose_answers = 1
    append(peer, "once")
    assert peer.text("list.md") == "once\n"


def test_a_push_that_did_not_arrive_is_made_again(town: Town) -> None:
    """Nobody can tell at first; the fetch tells."""
    peer = town.peer("n1")
    peer.line.lose_pushes = 2
    append(peer, "once")
    assert peer.text("list.md") == "once\n"


@dataclass
class Overtaken(Line):
    """A line on which the answer to one push is lost, and others have gone on before anybody looks."""

    others: Callable[[], object] | None = None

    def push(self, updates: Sequence[RefUpdate], *, atomic: bool = False) -> Mapping[str, PushVerdict]:
        """Moves refs; of the first push nobody hears."""
        verdicts = super().push(updates, atomic=atomic)
        others, self.others = self.others, None
        if others is None:
            return verdicts
        others()
        raise PushUncertain("line", "hung up")


def test_what_others_have_gone_on_from_is_not_done_twice(town: Town) -> None:
    """The push arrived, its answer did not, and somebody pushed on top before it was looked for: a mission that is
    filed under the first free name is filed once."""
    peer, other = town.peer("n1"), town.peer("n2")
    bus = replace(peer.bus, remote=Overtaken(peer.line.remote, others=lambda: other.push({"theirs.md": "x"})))

    def draft(number: int) -> LedgerChange:
        return LedgerChange(files={f"missions/fix-{number}.md": b"fix it\n"}, message="Mission")

    made = commit_change(bus, peer.reader, lambda ledger: draft(1 + len(ledger.open)))
    assert sorted(peer.ledger().open) == ["fix-1"]
    assert made is not None
    assert peer.bus.store.descends(peer.ledger().tip, made)
    assert peer.text("theirs.md") == "x"


def test_a_claim_that_somebody_went_on_from_is_not_ours(town: Town) -> None:
    """Of refs that are no branches only the very value counts: a child of a claim is whoever took it over."""
    peer, other = town.peer("n1"), town.peer("n2")
    mine = peer.commit({"claim.json": "1"}, onto=None, tree=None)
    theirs = other.commit({"claim.json": "2"}, onto=mine, tree=None)
    line = Overtaken(peer.line.remote, others=lambda: other.line.push([RefUpdate(ref=A, expect=mine, new=theirs)]))
    move = RefUpdate(ref=A, expect=None, new=mine)
    told = push_and_resolve(line, [move], atomic=True, descends=peer.bus.store.descends)
    assert told == {A: PushVerdict.STALE}


def test_nothing_to_move_ends_it(town: Town) -> None:
    """A plan that finds the work done pushes nothing."""
    peer = town.peer("n1")
    peer.line.before_push.append(lambda: pytest.fail("pushed"))
    assert publish(peer.bus.remote, lambda _refs: []) == ()


def test_somebody_who_always_loses_is_told(town: Town) -> None:
    """TooManyRaces after so many tries, with nothing of it on the branch."""
    peer, other = town.peer("n1"), town.peer("n2")
    oids = [peer.bus.store.put("blob", b"%d" % number) for number in range(9)]

    def plan(refs: Refs) -> list[RefUpdate]:
        peer.line.before_push = [lambda: other.push({"x": str(len(refs)) + refs[peer.bus.main]})]
        return [RefUpdate(ref=peer.bus.main, expect=refs[peer.bus.main], new=oids[0])]

    with pytest.raises(TooManyRaces):
        publish(peer.bus.remote, plan, tries=3, pause=0.001)


def test_what_the_remote_raises_is_passed_on(town: Town) -> None:
    """A remote that cannot be reached, or refuses, is not tried for ever."""
    peer = town.peer("n1")
    peer.line.cut = True
    with pytest.raises(RemoteUnreachable):
        publish(peer.bus.remote, lambda _refs: [])
    peer.line.cut = False

    def refuse() -> None:
        raise PushRefused(A, "a hook")

    peer.line.before_push.append(refuse)
    with pytest.raises(PushRefused):
        publish(peer.bus.remote, lambda _refs: [RefUpdate(ref=A, expect=None, new=peer.bus.store.put("blob", b"x"))])


@pytest.mark.parametrize(
    ("arrives", "verdicts"),
    [(True, (PushVerdict.ACCEPTED, PushVerdict.ACCEPTED)), (False, (PushVerdict.STALE, PushVerdict.STALE))],
)
def test_settle_judges_moves_and_deletions_by_what_is_there(
    town: Town, arrives: bool, verdicts: tuple[PushVerdict, PushVerdict]
) -> None:
    """Without an answer, a ref that shows our object was moved by us, and one that is gone was deleted."""
    peer = town.peer("n1")
    one, two = peer.bus.store.put("blob", b"1"), peer.bus.store.put("blob", b"2")
    peer.line.push([RefUpdate(ref=A, expect=None, new=one)])
    line = peer.line
    line.lose_answers, line.lose_pushes = int(arrives), int(not arrives)
    moves = [RefUpdate(ref=A, expect=one, new=None), RefUpdate(ref=f"{A}2", expect=None, new=two)]
    assert tuple(push_and_resolve(line, moves, atomic=True).values()) == verdicts


def test_settle_that_cannot_find_out_says_so(town: Town) -> None:
    """An unknown outcome is an error, not a verdict."""
    peer = town.peer("n1")
    line = Line(peer.line, lose_answers=1, cut_after_push=True)
    with pytest.raises(RemoteUnreachable):
        push_and_resolve(line, [RefUpdate(ref=A, expect=None, new=peer.bus.store.put("blob", b"x"))])
