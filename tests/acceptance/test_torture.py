"""Real nodes, a real server, a nemesis between them: is every promise kept? `make torture` does it for longer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.torture.checker import check
from tests.acceptance.torture.clocks import FAKETIME
from tests.acceptance.torture.episode import NODES, TOLERANCE, Episode
from tests.acceptance.torture.history import CLAIM
from tests.conftest import lacking

SEED = 20261121
LONG = 1000
"""Seconds in which it must have come to rest: for a machine that is busy with other things, no promise of speed."""


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Episode]:
    """Three nodes that have joined."""
    with Episode(tmp_path_factory.mktemp("fleet"), SEED, missions=0, skewed=False, calm=True, beat=4.0) as episode:
        episode.fleet.wait("all are there", lambda: len(_pages(episode)) == len(NODES))
        yield episode


@pytest.fixture
def quiet(founded: Episode) -> Episode:
    """Three nodes that run, have looked at the ledger and have nothing to do."""
    founded.revive()
    founded.fleet.wait("all beat", lambda: len(_beats(founded)) == len(NODES))
    _all_look(founded)
    return founded


def _pages(episode: Episode) -> list[str]:
    return episode.fleet.git("ls-tree", "--name-only", "main", "heartbeats/", folder=episode.fleet.bare).splitlines()


def _all_look(episode: Episode, dead: str = "-") -> None:
    """Waits until every node that lives has beaten twice: meanwhile it has fetched more than once."""
    for _ in range(2):
        before = {line for line in _beats(episode) if dead not in line}
        episode.fleet.wait("everybody has looked", lambda before=before: not before & set(_beats(episode)))


def _beats(episode: Episode) -> list[str]:
    return episode.fleet.git("for-each-ref", "refs/shiftbook/beat", folder=episode.fleet.bare).splitlines()


def _ended(episode: Episode, *nodes: str) -> bool:
    return all(episode.fleet.running[node].poll() is not None for node in nodes)


def _words(episode: Episode, node: str) -> str:
    return (episode.folder / f"{node}.err").read_text(encoding="utf-8")


@pytest.mark.timeout(2 * LONG)
def test_every_promise_is_kept_under_torture(tmp_path: Path) -> None:
    """Killed, frozen, cut off, with clocks days apart, while a person edits: one result each, nothing lost."""
    if not FAKETIME:
        lacking("libfaketime is not installed: no clocks would be skewed")
    with Episode(tmp_path, SEED, missions=5, beat=5.0) as episode:
        episode.torment(5)
        settled = episode.settle(LONG)
        words = episode.fleet.words()
    history = episode.history(settled=settled)
    assert settled, f"seed {SEED}: it did not come to rest\n{words}"
    assert check(history, tolerance=TOLERANCE) == [], f"seed {SEED}\n{words}"
    assert history.works, (
        f"seed {SEED}: nobody worked, so nothing was tried\n{words}"
    )  # how many: the person takes some back


def test_nodes_stop_with_an_alarm_when_the_branch_is_rewritten(quiet: Episode) -> None:
    """A branch that lost commits stops every node that knew them, again after a restart; nobody builds on it."""
    fleet, tip, old = quiet.fleet, "", ""

    def taken_back() -> bool:
        """Whether the branch was set back from where it stood, and nobody had pushed since that was looked at."""
        nonlocal tip, old
        tip, old = fleet.git("rev-parse", "main", "main~1", folder=fleet.bare).split()
        return fleet.try_git("update-ref", "refs/heads/main", old, tip, folder=fleet.bare).returncode == 0

    fleet.wait("the branch is set back", taken_back)
    quiet.attacks |= {("refs/heads/main", old), ("refs/heads/main", tip)}
    fleet.wait("all have stopped", lambda: _ended(quiet, *NODES))
    for node in NODES:
        assert fleet.running[node].returncode == 1
        assert "refs/heads/main was rewritten" in _words(quiet, node)
    quiet.start("west")
    fleet.wait("it stops again", lambda: _ended(quiet, "west"))
    assert fleet.git("rev-parse", "main", folder=fleet.bare) == old
    fleet.git("update-ref", "refs/heads/main", tip, folder=fleet.bare)
    before = fleet._readies("west")
    quiet.start("west")
    fleet.wait("it works again", lambda: fleet._readies("west") > before)
    assert fleet.running["west"].poll() is None


def test_nodes_stop_with_an_alarm_when_a_claim_is_forced_back(quiet: Episode) -> None:
    """A stale holder's claim over a newer one stops every node that knew the newer, and is never folded."""
    fleet = quiet.fleet
    ref = f"{CLAIM}long"

    def claim() -> str:
        return fleet.try_git("rev-parse", "--verify", "--quiet", ref, folder=fleet.bare).stdout.strip()

    quiet.file({"long": "---\nrun: sleep 60\n---\nDo it.\n"})
    fleet.wait("it is claimed", lambda: bool(claim()))
    first = claim()
    holder = fleet.git("log", "-1", "--format=%an", first, folder=fleet.bare)
    quiet.kill(holder)
    fleet.wait("it is taken over", lambda: claim() != first)
    second = claim()
    others = [node for node in NODES if node != holder]
    _all_look(quiet, dead=holder)
    quiet.attacks.add((ref, first))
    fleet.git("update-ref", ref, first, second, folder=fleet.bare)
    fleet.wait("all have stopped", lambda: _ended(quiet, *others))
    for node in others:
        assert f"{ref} was rewritten" in _words(quiet, node)
    assert claim() == first
    assert check(quiet.history(settled=False)) == []
