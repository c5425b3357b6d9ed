"""Does each probe find what a person should know, and nothing where all is well?"""

from __future__ import annotations

import shutil
from datetime import timedelta
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from orchestrator.ledger.heartbeat.probe_phrases import read_request
from orchestrator.workflow.heartbeat.probe import Finding, Probe, ProbeFailed, ProbeScene
from orchestrator.workflow.heartbeat.probe_plugins import BUILT_IN, installed_probes
from tests.journals import SHOP_LOG, entry, log
from tests.ledgers import Keys, Town
from tests.orchestrator.repositories import git
from tests.orchestrator.workflow.heartbeat.turns import OPEN, SIGNED, signed_town, turn


def scene(town: Town, home: Path, **more: object) -> ProbeScene:
    """What n1 may look at now."""
    facts = {"node": "n1", "home": home, "ledger": town.peer("n1").ledger(), "now": town.clock()} | more
    return ProbeScene(**facts)  # type: ignore[arg-type]  # facts that the test names


def found(phrase: str, shown: ProbeScene, probe: Probe | None = None) -> list[str]:
    """What a line of the checklist finds."""
    request = read_request(phrase)
    return [each.says for each in (probe or BUILT_IN[request.probe])(shown, request)]


@pytest.fixture
def town() -> Town:
    """A ledger of noon, 21 November."""
    return Town({"fleet.toml": OPEN})


def test_the_disk(town: Town, tmp_path: Path) -> None:
    """Against bytes, and against a share of it; where it cannot be looked at that is said."""
    free = shutil.disk_usage(tmp_path).free / 1024**3
    shown = scene(town, tmp_path)
    assert found("disk below 0.1 MB", shown) == []
    assert found(f"disk below {free + 500:.0f} GB", shown)[0].startswith("the disk of n1 has ")
    assert found("disk below 100 %", shown) != []
    with pytest.raises(ProbeFailed, match="cannot be looked at"):
        found("disk", scene(town, tmp_path / "nowhere"))


def test_the_queue(town: Town, tmp_path: Path) -> None:
    """What could run and is old: not what rests, waits for another, or is worked on."""
    anna = town.peer("anna")
    rests = f"---\nnot_before: {(town.clock() + timedelta(days=9)):%Y-%m-%dT%H:%M:%SZ}\n---\nLater.\n"
    anna.push({"missions/old.md": "Do it.\n", "missions/rests.md": rests, "missions/held.md": "Do it.\n"})
    anna.push({"missions/after.md": "---\ndepends_on: [old]\n---\nThen.\n"})
    town.peer("n2").hold("held")
    assert found("queue older than 2 hours", scene(town, tmp_path)) == []
    town.clock.forward(3 * 3600)
    anna.push({"missions/new.md": "Do it.\n"})
    assert found("queue older than 2 hours", scene(town, tmp_path)) == ["old has waited for 3.0 h, and no node took it"]


def test_the_queue_is_what_a_node_may_take(keys: Keys, tmp_path: Path) -> None:
    """A mission of somebody who may file none waits for no node, however long: `broken` and the pages show it. Asked of
    the node's own judge, in a turn."""
    town = signed_town(keys, "## Every beat\n- queue older than 2 hours\n")
    town.peer("anna", key=keys["anna"]).push({"missions/old.md": "Do it.\n"})
    town.peer("eve", key=keys["eve"]).push({"missions/hers.md": "Do it.\n"})
    town.clock.forward(3 * 3600)
    taking = turn(town.peer("n1", key=keys["n1"]), tmp_path)
    assert taking.run(shared=True, silent={}).told == ("old has waited for 3.0 h, and no node took it",)
    assert found("queue older than 2 hours", scene(town, tmp_path, trusted=lambda filed: filed.path == "x")) == []


def test_results_that_wait(town: Town, tmp_path: Path) -> None:
    """From the moment at which the work ended."""
    text = "---\nstatus: review\nfinished: 2026-11-20T11:00:00Z\nnode: n2\nepoch: 1\nattempt: 1\n---\nDo it.\n"
    town.peer("anna").push({"missions/done.md": "Do it.\n"})
    town.peer("n2").push({"missions/done.md": text})
    assert found("results waiting longer than 1 day", scene(town, tmp_path)) == [
        "the result of done has waited for your word for 25.0 h"
    ]
    assert found("results waiting longer than 2 days", scene(town, tmp_path)) == []


def test_silent_nodes_are_those_of_the_fleet(town: Town, keys: Keys, tmp_path: Path) -> None:
    """Not itself, nor a name that nobody has let in."""
    signers = keys.signers(anna=("admin",), n1=("node",), n2=("node",))
    fleet = Town({"fleet.toml": SIGNED, "allowed_signers": signers})
    shown = scene(fleet, tmp_path, silent={"n1": 9999.0, "n2": 1000.0, "eve": 9999.0})
    assert found("silent nodes", shown) == ["n2 has been silent for 17 min"]
    assert found("silent nodes for 1 hour", shown) == []


def test_reviews_and_broken_missions(tmp_path: Path) -> None:
    """Entries that nobody read for a week, a mission that cannot be read."""
    old = log(entry("old", "2026-11-01T08:00:00Z"))
    town = Town({"fleet.toml": OPEN, SHOP_LOG: old, "missions/bad.md": "---\npriority: [\n---\n"})
    assert "older than a week unread" in found("reviews due", scene(town, tmp_path))[0]
    assert "missions/bad.md cannot be read" in found("broken missions", scene(town, tmp_path))[0]


def test_a_command_is_the_owners_and_nobody_elses(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its exit code speaks, its first line is told; it gets no words, no shell and nothing of the environment."""
    monkeypatch.setenv("SHIFTBOOK_OPENAI_KEY", "a-secret")
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text("#!/bin/sh\nexit 0\n")
    bad.write_text('#!/bin/sh\necho "backup is 3 days old $SHIFTBOOK_OPENAI_KEY [$#]"\nexit 4\n')
    for path in (good, bad):
        path.chmod(0o755)
    shown = scene(town, tmp_path, commands={"good": good, "bad": bad, "gone": tmp_path / "gone"})
    assert found("command good", shown) == []
    assert found("command bad", shown) == ["bad on n1 ended with exit code 4: backup is 3 days old [0]"]
    with pytest.raises(ProbeFailed, match="SHIFTBOOK_HEARTBEAT_COMMANDS=sh=/PATH"):
        found("command sh", shown)
    with pytest.raises(ProbeFailed, match="cannot be started"):
        found("command gone", shown)


def test_repositories_that_are_behind(town: Town, tmp_path: Path) -> None:
    """By what the last fetch brought; a tree without an upstream is not behind, one that is none is said."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "origin")
    git(tmp_path / "origin", "commit", "--quiet", "--allow-empty", "-m", "one")
    git(tmp_path, "clone", "--quiet", "origin", "clone")
    for word in ("two", "three"):
        git(tmp_path / "origin", "commit", "--quiet", "--allow-empty", "-m", word)
    clones = {"shop": tmp_path / "clone", "origin": tmp_path / "origin"}
    assert found("repositories behind", scene(town, tmp_path, clones=clones)) == []
    git(tmp_path / "clone", "fetch", "--quiet")
    assert "is 2 commits behind" in found("repositories behind", scene(town, tmp_path, clones=clones))[0]
    assert found("repositories behind by more than 2", scene(town, tmp_path, clones=clones)) == []
    with pytest.raises(ProbeFailed, match="cannot be looked at"):
        found("repositories behind", scene(town, tmp_path, clones={"no": tmp_path / "nowhere"}))


def rain(shown: ProbeScene, request: object) -> list[Finding]:
    """What the plug-in of the next test brings."""
    return [Finding(subject="rain", says=f"it rains on {shown.node}")]


def test_a_plug_in_brings_a_probe(town: Town, tmp_path: Path) -> None:
    """By an entry point, which is loaded when a line names it; a built-in one cannot be replaced by it."""
    group = "shiftbook.probes"
    names = {"weather": f"{__name__}:rain", "broken-one": "nowhere.at.all:x", "Bad Name": f"{__name__}:rain"}
    probes = installed_probes(lambda: [EntryPoint(name, value, group) for name, value in names.items()])
    assert set(probes) == {*BUILT_IN, "probe weather", "probe broken-one"}
    assert found("probe weather in Rome", scene(town, tmp_path), probes["probe weather"]) == ["it rains on n1"]
    with pytest.raises(ProbeFailed, match=r"nowhere\.at\.all:x cannot be loaded: ModuleNotFoundError"):
        found("probe broken-one", scene(town, tmp_path), probes["probe broken-one"])
    assert set(installed_probes()) >= set(BUILT_IN)
