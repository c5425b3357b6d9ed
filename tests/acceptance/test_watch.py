"""Does an edit in a watched clone run, with real processes and a ledger that trusts signatures only?"""

from __future__ import annotations

import signal
import subprocess
from typing import Any

from tests import program
from tests.acceptance.fleets import Fleet, command
from tests.waiting import PATIENCE

QUICK = {"SHIFTBOOK_WATCH_QUIET": "0.3"}


def _watching(fleet: Fleet, node: str = "desk") -> bool:
    return any(event["event"] == "watching" for event in fleet.events(node))


def _done(fleet: Fleet, name: str) -> bool:
    return fleet.missions().get(name, {}).get("status") == "done"


def test_an_edited_mission_runs_on_the_persons_word(fleet: Fleet) -> None:
    """Saved in an editor, nothing typed: it is signed, pushed, claimed, done and folded; a second one, too, although
    the clone is behind by then. SIGKILL in between costs nothing, and a plain pull shows the results."""
    fleet.found("desk")
    fleet.start("desk", SHIFTBOOK_WATCH=str(fleet.clone), **QUICK)
    fleet.wait("it watches", lambda: _watching(fleet))
    (fleet.clone / "missions/one.md").write_text(command("echo one"))
    fleet.wait("one is done", lambda: _done(fleet, "one"))
    fleet.kill("desk")
    (fleet.clone / "missions/two.md").write_text(command("echo two"))
    fleet.start("desk", SHIFTBOOK_WATCH=str(fleet.clone), **QUICK)
    fleet.wait("two is done", lambda: _done(fleet, "two"))
    assert fleet.stop("desk") == 0
    assert [event for event in fleet.events("desk") if event["event"] in {"untrusted", "alarm"}] == []
    fleet.git("pull", "--quiet", "--rebase")
    assert len(list((fleet.clone / "missions/archive").rglob("*.md"))) == 2
    assert fleet.git("status", "--porcelain") == ""


def test_a_mission_of_a_key_that_is_not_listed_does_not_run(fleet: Fleet) -> None:
    """The watch signs as the clone signs and lends nobody a right: a stranger's edit stays untrusted."""
    fleet.found("desk")
    stranger = fleet.folder / "stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stranger)], check=True)
    fleet.git("config", "user.signingkey", f"{stranger}.pub")
    fleet.start("desk", SHIFTBOOK_WATCH=str(fleet.clone), **QUICK)
    fleet.wait("it watches", lambda: _watching(fleet))
    (fleet.clone / "missions/bad.md").write_text(command("echo bad"))
    fleet.wait("it is untrusted", lambda: fleet.missions().get("bad", {}).get("status") == "untrusted")


def test_watch_stands_alone(fleet: Fleet) -> None:
    """`shiftbook watch` without a node: one commit upstream, exit code 0 at SIGTERM; a second watcher is refused."""
    fleet.found("desk")
    where: dict[str, Any] = {"cwd": fleet.clone, "env": fleet.environment("desk", **QUICK)}
    with (fleet.folder / "watch.jsonl").open("wb") as out:
        process = program.start("watch", "--json", stdout=out, fresh=True, **where)
    try:
        fleet.wait("it watches", lambda: _watching(fleet, "watch"))
        second = program.run("watch", "--json", **where)
        assert second.returncode == 4, second.stderr
        assert "watching" not in second.stdout, "it says that it watches only once it does"
        (fleet.clone / "knowledge").mkdir(exist_ok=True)
        (fleet.clone / "knowledge/a.md").write_text("A lesson.\n")
        fleet.wait("it is pushed", lambda: "knowledge/a.md" in fleet.git("log", "-1", "--format=%s", folder=fleet.bare))
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0


def test_what_is_no_clone_of_a_ledger_is_refused_in_one_line(fleet: Fleet) -> None:
    """Exit code 2, and the setting is named."""
    fleet.found("desk")
    done = fleet.run("node", "run", "--watch", str(fleet.folder / "home"), node="desk")
    assert done.returncode == 2
    assert done.stderr.count("\n") <= 3
    assert "SHIFTBOOK_WATCH: " in done.stderr
    assert "Traceback" not in done.stderr
