"""`shiftbook update --fleet` at the command line: what it files, shows, refuses and calls off."""

from __future__ import annotations

import json

import pytest

from missions.mission import UPDATE_TASK
from tests.acceptance.fleets import Fleet


def page(role: str, version: str = "1.0.0") -> str:
    return f"---\nrole: {role}\nversion: {version}\ntasks: general_task, {UPDATE_TASK}\n---\n"


@pytest.fixture
def two(fleet: Fleet) -> Fleet:
    """Two nodes that beat, as far as anybody can see."""
    fleet.found("hq", "desk")
    fleet.commit({"heartbeats/hq.md": page("HEADQUARTERS"), "heartbeats/desk.md": page("LOCAL_WORKER")})
    blob = fleet.git("hash-object", "-w", "-t", "blob", "fleet.toml", folder=fleet.clone)
    fleet.git("push", "--quiet", "origin", f"{blob}:refs/shiftbook/beat/hq", f"{blob}:refs/shiftbook/beat/desk")
    return fleet


def test_an_order_is_filed_shown_and_called_off(two: Fleet) -> None:
    """Headquarters last; one at a time; the versions and the state of each are in `fleet`."""
    said = two.shiftbook("update", "--fleet", "--to", "v1.2.0", node="hq")
    assert said.splitlines()[:2] == ["1. desk: update-v1-2-0-desk", "2. hq: update-v1-2-0-hq"]
    again = two.run("update", "v1.3.0", "--fleet", node="hq")
    assert (again.returncode, "--call-off" in again.stderr) == (4, True)
    shown = " ".join(two.shiftbook("fleet", node="hq").split())
    assert "update to v1.2.0: desk waiting, hq waiting" in shown
    assert "1.0.0" in shown
    rows = {each["name"]: each for each in json.loads(two.shiftbook("fleet", "--json", node="hq"))}
    assert rows["desk"]["update"]["to"] == "v1.2.0"
    assert rows["desk"]["update"]["state"] == "waiting"
    off = json.loads(two.shiftbook("update", "--fleet", "--call-off", "--json", node="hq"))
    assert off == {"cancelled": ["update-v1-2-0-desk", "update-v1-2-0-hq"]}
    assert {each["status"] for each in two.missions().values()} == {"cancelled"}
    assert "update to" not in two.shiftbook("fleet", node="hq")


def test_bad_words_are_one_clear_line(two: Fleet) -> None:
    """With the exit code of its kind, and nothing is filed."""
    for line, code, says in (
        ("--to v1.2.0", 2, "go with --fleet"),
        ("--fleet", 2, "such as v1.2.0"),
        ("--fleet --to latest", 2, "not 'latest'"),
        ("--fleet --to v1.2.0 --back", 2, "nothing else does"),
        ("--fleet --to v1.2.0 --node nobody", 3, "no node 'nobody': there are desk, hq"),
        ("--fleet --to v1.0.0", 3, "it runs v1.0.0"),
        ("--fleet --call-off", 3, "no update of the fleet goes on"),
    ):
        done = two.run("update", *line.split(), node="hq")
        assert (done.returncode, done.stdout) == (code, ""), line
        assert says in " ".join(done.stderr.split())
    assert two.missions() == {}


def test_mission_new_files_no_update(two: Fleet) -> None:
    """Nor does any door; it names the command that does."""
    text = f"---\ntask: {UPDATE_TASK}\nto: [desk]\nrelease: v1.2.0\n---\nGo.\n"
    done = two.run("mission", "new", "--", text, node="hq")
    assert done.returncode == 4
    assert "shiftbook update --fleet --to v1.2.0" in " ".join(done.stderr.split())
