"""An older ledger's archive is put into folders by day: in one commit, nothing lost, found by name as before."""

from __future__ import annotations

import pytest

from missions.archive_path import archive_path, dated_path, index_path
from missions.mission import Status
from orchestrator.core.errors import Refused
from orchestrator.workflow.archive_migration import MESSAGE, archive_moves, migrate_archive
from sync.errors import RemoteUnreachable
from sync.objects import load_commit
from tests.ledgers import FLEET, Peer, Town, all_files

DONE = "---\nstatus: done\nepoch: {epoch}\nattempt: 1\nfinished: {when}\n---\nIt is done.\n"
OLD = {
    "missions/archive/2026-09/a.md": DONE.format(epoch=1, when="2026-09-12T08:00:00Z"),
    "missions/archive/2026-09/a.1.diff": "+a\n",
    "missions/archive/2026-10/b.md": DONE.format(epoch=2, when="2026-10-02T08:00:00Z"),
    "missions/archive/2026-10/b.1.output.txt": "out\n",
    "missions/archive/2026-10/by-hand.md": "---\nstatus: done\n---\nMoved by hand.\n",
    "missions/archive/2026-10/open.1.diff": "+left by an attempt of a mission that is open\n",
    "missions/archive/2026-10/notes.txt": "a person's\n",
    "missions/open.md": "Do it.\n",
    "memos/2026-10/b-2.md": '---\nmemo_id: "b-2"\ncreated: "2026-10-02T08:00:00Z"\n---\n',
    "memos/2026-10/odd.md": "no front matter\n",
    "conflicts/2026-10/b-00000000.md": "x\n",
}
"""As nodes wrote it that knew months only."""


def migrate(peer: Peer) -> int:
    """On the word of one speaker."""
    return migrate_archive(peer.bus, peer.reader, peer.trust)


def test_everything_lies_by_days_afterwards_and_is_found_by_name() -> None:
    """Each file keeps its bytes; what no node wrote stays where it is."""
    town = Town(OLD)
    ada = town.peer("ada")
    before = ada.ledger()
    found = {name: before.archived(name) for name in ("a", "b", "by-hand")}
    assert migrate(ada) == 9
    after = ada.ledger()
    assert load_commit(after.store, after.tip).parents == (before.tip,)
    assert load_commit(after.store, after.tip).message.strip() == MESSAGE
    for name, filed in found.items():
        now = after.archived(name)
        assert filed is not None
        assert now is not None
        assert (now.mission, now.blob) == (filed.mission, filed.blob)
    assert ada.paths() == sorted(
        [
            *("SESSION_LOG.md", "fleet.toml", "missions/open.md", "missions/archive/2026-10/notes.txt"),
            *(archive_path("a", "2026/09/12"), archive_path("a", "2026/09/12", "1.diff"), index_path("a")),
            *(archive_path("b", "2026/10/02"), archive_path("b", "2026/10/02", "1.output.txt"), index_path("b")),
            *(archive_path("by-hand", "2026/10/01"), index_path("by-hand"), index_path("a", "1.diff")),
            *(
                archive_path("open", "2026/10/01", "1.diff"),
                index_path("open", "1.diff"),
                index_path("b", "1.output.txt"),
            ),
            *(dated_path("memos", "2026/10/02", "b-2"), dated_path("memos", "2026/10/01", "odd")),
            dated_path("conflicts", "2026/10/01", "b", "b-00000000.md"),
        ]
    )
    assert set(all_files(after.store, after.tree).values()) >= set(all_files(before.store, before.tree).values())


def test_lists_and_attempts_are_the_same_before_and_after() -> None:
    """Every reader tells the same of an older ledger and of the moved one."""
    town = Town(OLD)
    ada = town.peer("ada")

    def seen() -> list[object]:
        ledger = ada.ledger()
        missions = [one.mission for one in ledger.every_archived()]  # type: ignore[union-attr]
        filed = ledger.archived("a")
        assert filed is not None
        return [sorted(one.name for one in missions), ledger.attempt_text(filed.mission, "diff")]

    before = seen()
    migrate(ada)
    assert seen() == before == [["a", "b", "by-hand"], "+a\n"]


def test_a_second_time_there_is_nothing_to_move() -> None:
    """The same command does nothing to a ledger that lies by days."""
    town = Town(OLD)
    ada = town.peer("ada")
    migrate(ada)
    tip = ada.ledger().tip
    assert migrate(ada) == 0
    assert ada.ledger().tip == tip


def test_of_two_missions_of_one_name_the_newest_is_found_before_and_after() -> None:
    """A name that was used again stands for its last result."""
    files = {
        "missions/archive/2026-09/a.md": DONE.format(epoch=1, when="2026-09-12T08:00:00Z"),
        "missions/archive/2026-11/a.md": DONE.format(epoch=5, when="2026-11-02T08:00:00Z"),
    }
    ada = Town(files).peer("ada")
    for _ in range(2):
        filed = ada.ledger().archived("a")
        assert filed is not None
        assert filed.mission.epoch == 5
        migrate(ada)


def test_what_a_person_archives_by_hand_counts_beside_the_index() -> None:
    """The file of the same month that has no end yet was put there just now, and the fold adds the result to it."""
    ada = Town({"missions/a.md": "x\n"}).peer("ada")
    ada.attempt("a")
    ada.fold()
    assert ada.ledger().archived("a") is not None
    ada.push({"missions/archive/2026-11/a.md": "---\nstatus: cancelled\n---\nNot any more.\n"})
    filed = ada.ledger().archived("a")
    assert filed is not None
    assert filed.path == "missions/archive/2026-11/a.md"
    ada.push({"missions/archive/2026-11/a.md": None, "missions/archive/2026-08/a.md": "---\nstatus: done\n---\nOld.\n"})
    filed = ada.ledger().archived("a")
    assert filed is not None
    assert filed.path == archive_path("a", "2026/11/21")


def test_a_fold_that_comes_between_is_not_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The branch moves while it is worked out: it is worked out again, on what came."""
    town = Town(OLD)
    ada, node = town.peer("ada"), town.peer("n1")
    node.attempt("open")
    push, raced = ada.bus.remote.push, []

    def late(updates: object, *, atomic: bool = False) -> object:
        if not raced:
            raced.append(node.fold())
        return push(updates, atomic=atomic)  # type: ignore[arg-type]

    monkeypatch.setattr(ada.bus.remote, "push", late)
    migrate(ada)
    assert raced[0].missions == {"open": Status.DONE}
    filed = ada.ledger().archived("open")
    assert filed is not None
    assert filed.path == archive_path("open", "2026/11/21")
    assert not archive_moves(ada.ledger())


def test_a_result_that_is_handed_back_before_and_folded_after_finds_its_mission() -> None:
    """Work goes on around the move: what was claimed before is folded afterwards, once."""
    town = Town(OLD)
    ada, node = town.peer("ada"), town.peer("n1")
    node.attempt("open")
    migrate(ada)
    assert node.fold().missions == {"open": Status.DONE}
    assert node.archived("open").count("## Result") == 1


def test_a_line_that_breaks_leaves_the_ledger_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted before the push, nothing has changed; the same command does it then."""
    town = Town(OLD)
    ada = town.peer("ada")
    before = ada.paths()

    def broken(_updates: object, *, atomic: bool = False) -> object:
        raise RemoteUnreachable("ledger", f"the line broke, atomic={atomic}")

    with monkeypatch.context() as patch:
        patch.setattr(ada.bus.remote, "push", broken)
        with pytest.raises(RemoteUnreachable):
            migrate(ada)
    assert ada.paths() == before
    assert migrate(ada) == 9


def test_a_file_that_stands_there_already_is_not_replaced() -> None:
    """Two files for one place: both stay."""
    other = {archive_path("a", "2026/09/12"): "---\nstatus: done\n---\nAnother.\n"}
    ada = Town(OLD | other).peer("ada")
    migrate(ada)
    assert ada.text("missions/archive/2026-09/a.md") == OLD["missions/archive/2026-09/a.md"]
    assert "Another" in ada.text(archive_path("a", "2026/09/12"))


def test_only_who_may_file_missions_moves_the_archive() -> None:
    """In a ledger with signatures it is a person's word."""
    ada = Town(OLD | {"fleet.toml": FLEET.format(trust="signed")}).peer("ada")
    with pytest.raises(Refused, match="only who may file missions"):
        migrate(ada)
