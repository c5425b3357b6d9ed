"""Does a change reach a branch that others push to as well, exactly once, whatever the line does?"""

from __future__ import annotations

import threading

import pytest

from sync.errors import PushRefused, RemoteUnreachable, TooManyRaces
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
    """A lost race costs a recomputation and never an edit."""
    peers = [town.peer(f"n{number}") for number in range(6)]
    threads = [threading.Thread(target=append, args=(peer, peer.name)) for peer in peers for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(town.peer("view").text("list.md").split()) == sorted(2 * [peer.name for peer in peers])


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
