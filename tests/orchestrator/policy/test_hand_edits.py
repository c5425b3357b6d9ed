"""Is a mission that somebody took away, or changed when it was over, told once, and nothing that lists tell anyway?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from missions.archive_path import archive_path
from orchestrator.core.errors import NotFound
from orchestrator.ledger.node_pages import LastSeenStore
from orchestrator.policy.hand_edits import MAX_SUBJECT_CHARS, HandEdits
from orchestrator.workflow.fleet import Fleet
from tests.ledgers import FLEET, Keys, Peer, Town

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"
TASK = "---\ntitle: Fix\n---\nFix it.\n"
DONE = archive_path("m", "2026/11/21")


@pytest.fixture
def town(keys: Keys) -> Iterator[Town]:
    """A ledger with three missions, of which a node has done one."""
    signers = keys.signers(ada=("admin", "author"), vps=("node",))
    files = {f"missions/{name}.md": f"{TASK}{name}\n" for name in "mno"}
    town = Town({"fleet.toml": FLEET.format(trust="signed"), "allowed_signers": signers} | files)
    yield town
    town.close()


def look(peer: Peer, folder: Path) -> list[str]:
    """One look at the newest state, as a new process does it."""
    return HandEdits(path=folder / "edits.json", of="ledger").look(peer.ledger(), peer.trust)


def test_a_deleted_mission_leaves_a_line(town: Town, keys: Keys, tmp_path: Path) -> None:
    """Who, in which commit, and how its text is had again; once, also over a restart, and nothing at the first look."""
    vps, ada = town.peer("vps", key=keys["vps"]), town.peer("ada", key=keys["ada"])
    assert look(vps, tmp_path) == []
    gone = ada.push({"missions/n.md": None}, "No more\x1b[2J")
    told = look(vps, tmp_path)
    assert len(told) == 1
    assert told[0].startswith(f"missions/n.md was deleted by ada in commit {gone[:10]} “No more")
    assert told[0].endswith(f"`git show {gone[:10]}~:missions/n.md` has it as it was")
    assert told[0].isprintable()
    assert look(vps, tmp_path) == []
    door = Fleet(
        bus=ada.bus, reader=ada.reader, trust=ada.trust, sightings=LastSeenStore(tmp_path / "s"), now=ada.bus.now
    )
    with pytest.raises(NotFound, match=f"ada deleted it in commit {gone[:10]}"):
        door.mission("n")
    with pytest.raises(NotFound, match=r"^no mission 'never': `shiftbook mission list --all` names them$"):
        door.mission("never")


def test_a_token_in_a_commits_first_line_is_not_told_by_halves(town: Town, keys: Keys, tmp_path: Path) -> None:
    """It is told wherever a node's log goes."""
    vps, ada = town.peer("vps", key=keys["vps"]), town.peer("ada", key=keys["ada"])
    look(vps, tmp_path)
    ada.push({"missions/n.md": None}, f"{'x' * (MAX_SUBJECT_CHARS - 12)} {TOKEN}")
    assert [line for line in look(vps, tmp_path) if "ghp_" in line] == []


@pytest.mark.parametrize("path", ["missions/fix-it.md", "missions/Fix It.md", "missions/fix-it.MD"])
def test_a_file_is_found_however_it_is_spelled(town: Town, keys: Keys, tmp_path: Path, path: str) -> None:
    """By who splits it, by who looks for what was deleted; and one that was archived by hand was not deleted."""
    vps, ada = town.peer("vps", key=keys["vps"]), town.peer("ada", key=keys["ada"])
    bus = replace(ada.bus, key=keys["ada"].public)
    door = Fleet(bus=bus, reader=ada.reader, trust=ada.trust, sightings=LastSeenStore(tmp_path / "s"), now=bus.now)
    ada.push({path: "---\nattempts: 2\nagent: command\nrun: 'true'\n---\nx\n"})
    made = door.split("fix-it")
    assert sorted(ada.ledger().open.keys() & set(made)) == sorted(made)
    assert len(made) == 2
    ada.push({path: "y\n"})
    look(vps, tmp_path)
    ada.push({path: None, archive_path("fix-it", "2026/11/21"): "---\nstatus: done\n---\nz\n"})
    assert look(vps, tmp_path) == []
    ada.push({archive_path("fix-it", "2026/11/21"): None, **{f"missions/{name}.md": None for name in made}})
    with pytest.raises(NotFound, match="ada deleted it in commit"):
        door.mission("fix-it")


def test_a_finished_mission_that_is_changed_leaves_a_line(town: Town, keys: Keys, tmp_path: Path) -> None:
    """As well as one that is taken out of the archive, also by who signed nothing."""
    vps, ada = town.peer("vps", key=keys["vps"]), town.peer("ada", key=keys["ada"])
    look(vps, tmp_path)
    vps.attempt("m")
    vps.fold()
    assert look(vps, tmp_path) == []
    ada.push({DONE: "other words\n"})
    town.peer("stranger").push({DONE: None})
    told = look(vps, tmp_path)
    assert [line.partition(" by ")[0] for line in told] == [f"{DONE} was changed", f"{DONE} was deleted"]


def test_what_lists_show_is_not_told(town: Town, keys: Keys, tmp_path: Path) -> None:
    """A mission that was written, changed, renamed, or archived by hand."""
    vps, ada = town.peer("vps", key=keys["vps"]), town.peer("ada", key=keys["ada"])
    look(vps, tmp_path)
    ada.push({"missions/p.md": TASK, "missions/n.md": "Other.\n", "missions/README.md": None})
    ada.push({"missions/n.md": None, "missions/renamed.md": "Other.\n"})
    ada.push({"missions/o.md": None, "missions/archive/2026-11/o.md": "Done by hand.\n"})
    assert look(vps, tmp_path) == []
