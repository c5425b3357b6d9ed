"""Two people and one mission, by the commands that they type."""

from __future__ import annotations

import json
from pathlib import Path

from tests.acceptance.fleets import Fleet

MISSION = "---\npriority: 1\nto: [nobody]\n---\nIt fails.\n"


def test_conflicts_are_shown_and_decided_from_the_command_line(fleet: Fleet, tmp_path: Path) -> None:
    """edit, list, show, resolve, their JSON and their exit codes; a text that could not land is kept."""
    fleet.found("n1")
    fleet.commit({"missions/fix.md": MISSION}, "A mission")
    text = tmp_path / "new.md"

    text.write_text(MISSION.replace("fails", "breaks"), encoding="utf-8")
    assert fleet.shiftbook("mission", "edit", "fix", "--file", str(text), node="n1") == "fix is changed\n"
    assert fleet.run("mission", "edit", "nothing", "--file", str(text), node="n1").returncode == 3

    text.write_text(MISSION.replace("priority: 1", "priority: 99"), encoding="utf-8")
    done = fleet.run("mission", "edit", "fix", "--file", str(text), node="n1")
    assert done.returncode == 2
    assert "line 2" in done.stderr
    assert (fleet.folder / "n1" / "unsent" / "fix.md").read_text(encoding="utf-8") == text.read_text(encoding="utf-8")

    assert json.loads(fleet.shiftbook("conflicts", "list", "--json", node="n1")) == []
    fleet.commit({"conflicts/2026-11/fix-00000000.md": DISPUTE}, "As a merge leaves it")
    assert "fix-00000000" in fleet.shiftbook("conflicts", "list", node="n1")
    assert "conflicts: 1 value was not kept" in fleet.shiftbook("fleet", node="n1")
    assert "shiftbook conflicts show fix-00000000" in fleet.shiftbook("mission", "show", "fix", node="n1")
    shown = json.loads(fleet.shiftbook("conflicts", "show", "00000000", "--json", node="n1"))
    assert (shown["part"], shown["kept"], shown["lost"]) == ("priority", "1", "4")
    assert fleet.run("conflicts", "resolve", "fix-00000000", node="n1").returncode == 2
    assert fleet.run("conflicts", "resolve", "fix-1", "--kept", node="n1").returncode == 3
    fleet.shiftbook("conflicts", "resolve", "fix-00000000", "--lost", node="n1")
    assert "priority: 4\n" in json.loads(fleet.shiftbook("mission", "show", "fix", "--json", node="n1"))["text"]
    fleet.fresh = True
    assert fleet.run("mission", "adopt", "fix", node="n1").returncode == 3


DISPUTE = """\
---
mission: fix
part: priority
---
Kept:

```text
1
```

Not kept:

```text
4
```
"""
