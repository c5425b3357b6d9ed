"""Are spare workspaces made beside the loop, at the lowest priority, and only while the disk has room?"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.core.ports.agent import Project
from orchestrator.execution.free_space import FreeSpace
from orchestrator.execution.workspace import spare
from orchestrator.execution.workspace.clone import Workspaces
from orchestrator.execution.workspace.git_tree import AttemptRepository
from orchestrator.execution.workspace.kept_clone import copy_kept, fill_tree
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.background import spare_turns
from orchestrator.node.background.spare_turns import REST_SECONDS, SpareTurns
from tests.ledgers import FLEET, Ticks, Town
from tests.orchestrator.repositories import Server
from tests.waiting import until


def ledger(rules: str = "") -> LedgerSnapshot:
    return Town({"fleet.toml": FLEET.format(trust="remote") + f"[workspaces]\n{rules}\n"}).peer("n1").ledger()


class Turns:
    """A node's turns after one attempt at a project."""

    def __init__(self, server: Server, home: Path) -> None:
        self.told, self.clock = list[str](), Ticks()
        spaces = Workspaces(cache=home / "cache", min_wait=0.0)
        (home / "work").mkdir()
        spaces.open(
            Project(name="shop", url=str(server.folder)),
            mission="fix",
            attempt=1,
            folder=home / "work",
            stop=threading.Event(),
        )
        self.spares = spaces.spares

        def tell(_event: str, sentence: str, *, once: bool = False, **_facts: object) -> None:
            assert once
            self.told.append(sentence)

        self.turns = SpareTurns(home=home, spares=self.spares, tell=tell, clock=self.clock)

    def step(self, rules: str = "") -> int:
        """One round, and what it began to its end; how many spares there are then."""
        self.turns.step(ledger(rules))
        until(lambda: not any(thread.name == "spares" for thread in threading.enumerate()))
        return len(self.spares.every())


@pytest.fixture
def turns(server: Server, tmp_path: Path) -> Turns:
    """After one attempt."""
    return Turns(server, tmp_path)


def test_made_and_taken_away(turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    """The round after an attempt makes one, as the last in line for the processor; `keep_days = 0` takes it away."""
    nice = list[int]()

    def copy(kept: Path, folder: Path, branch: str, *, stopped: Callable[[], bool]) -> None:
        nice.append(_niceness())
        copy_kept(kept, folder, branch, stopped=stopped)

    def fill(repository: AttemptRepository, *, stopped: Callable[[], bool]) -> tuple[str, ...]:
        nice.append(_niceness())
        return fill_tree(repository, stopped=stopped)

    monkeypatch.setattr(spare, "copy_kept", copy)
    monkeypatch.setattr(spare, "fill_tree", fill)
    usual = _niceness()
    assert turns.step() == 1
    assert nice == [usual, 19]  # an attempt may wait for the first
    assert turns.step("keep_days = 0") == 0
    assert turns.told == []


def _niceness() -> int:
    return int(Path("/proc/thread-self/stat").read_text().rpartition(")")[2].split()[16])


@pytest.mark.parametrize("why", ["the disk", "the fleet's limit"])
def test_no_room(turns: Turns, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is made where it would take what an attempt needs; it is looked at again after a rest."""
    if why == "the disk":
        monkeypatch.setattr(spare_turns, "free_space", lambda _home: FreeSpace(size=512 * 1024 * 1024))
    assert turns.step("disk_gib = 0.0000001" if why != "the disk" else "") == 0
    monkeypatch.undo()
    assert turns.step() == 0
    turns.clock.at += REST_SECONDS
    assert turns.step() == 1


def test_a_failure_is_told_and_rests(turns: Turns) -> None:
    """A kept clone that git cannot read costs no attempt: a line says so, and the node looks again later."""
    (kept,) = turns.spares.missing(1.0)
    (kept / "HEAD").unlink()
    assert turns.step() == 0
    assert turns.step() == 0
    assert not list(turns.spares.root.glob(".*"))
    (said,) = turns.told
    assert said.startswith("no workspace stands ready for the next attempt: ")


def test_closed(turns: Turns) -> None:
    """A node that ends begins none."""
    turns.turns.close()
    assert turns.step() == 0
