"""Does `shiftbook fleet --watch` tell what nodes do, as it happens?"""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from tests import program
from tests.acceptance.fleets import Fleet, command
from tests.waiting import PATIENCE


def test_changes(tmp_path: Path) -> None:
    """A line when a node is there, when it begins and when it ends work; none while nothing changes; Ctrl-C ends it."""
    fleet, said = Fleet(tmp_path).found("desk"), tmp_path / "watch.jsonl"
    with said.open("wb") as out:
        words, env = ("fleet", "--watch", "--json"), fleet.environment("desk")
        process = program.start(*words, env=env, cwd=fleet.clone, stdout=out, stderr=2)

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in said.read_text(encoding="utf-8").splitlines() if line.endswith("}")]

    fleet.start("desk")
    fleet.wait("the node is seen", lambda: any(one["state"] == "live" for one in lines()))
    fleet.commit({"missions/slow.md": command("sleep 3")})
    fleet.wait("its work is seen", lambda: any(one["works_on"] == ["slow"] for one in lines()))
    fleet.wait("its rest is seen", lambda: lines()[-1]["works_on"] == [])
    steady = [{key: value for key, value in one.items() if key != "time"} for one in lines()]
    assert all(one["name"] == "desk" for one in steady)
    assert len(steady) < 20
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130
    fleet.kill("desk")


def test_not_with_costs(tmp_path: Path) -> None:
    """Costs are not watched."""
    fleet = Fleet(tmp_path).found("desk")
    refused = fleet.run("fleet", "--watch", "--cost", node="desk")
    assert (refused.returncode, refused.stderr.startswith("shiftbook: --watch: ")) == (2, True)
