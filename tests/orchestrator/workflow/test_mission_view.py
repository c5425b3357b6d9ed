"""Is a mission shown to programs as it always was: the same keys, in the same order, with the same empty values?"""

from __future__ import annotations

import json
from pathlib import Path

from orchestrator.workflow.mission_view import MissionView, find_view, mission_views
from tests.ledgers import Peer, Town

GOLDEN = Path(__file__).parent / "golden" / "mission_views.json"
WHOLE = """\
---
task: coding_task
title: The whole of it
project: shop
priority: 4
agent: auto
to: [gpu]
budget_usd: 2.5
scope: ["src/**"]
approve: always
parent: another
comment: Not yet
trusted_by: ada
status: done
node: n1
attempt: 2
epoch: 3
retry_at: 2026-11-20T10:00:00Z
started: 2026-11-20T10:00:00Z
finished: 2026-11-20T11:00:00Z
branch: shiftbook/whole/2
cost_usd: 0.25
reason: because
kept_on: n2
matched_project: site
chosen_agent: claude
commit: cccccccccccccccccccccccccccccccccccccccc
decision: approved
decided_by: ada
decided: 2026-11-20T12:00:00Z
rejections: 1
retries: 1
on_approval: merge
merged: dddddddddddddddddddddddddddddddddddddddd
adopted_by: bob
adopted_from: 3-n1
---
do it
"""


def fleet() -> Peer:
    """One mission of every kind that is shown in another way."""
    town = Town(
        {
            "missions/archive/2026-11/whole.md": WHOLE,
            "missions/archive/2026-11/broken.md": "---\npriority: x\n---\nx\n",
            "missions/plain.md": "do it\n",
            "missions/nowhere.md": "---\ntask: coding_task\nagent: claude\n---\nFix it\n",
            "missions/waits.md": "---\ndepends_on: [plain]\n---\nThen do that\n",
            "missions/found.md": "---\nmatched_project: shop\nagent: auto\nchosen_agent: codex\n---\ndo it\n",
            "missions/reviewed.md": WHOLE.replace("status: done", "status: review"),
            "missions/bad.md": "---\npriority: 1\nnote: x\n---\nx\n",
            "missions/runs.md": "run it\n",
            "missions/gone.md": "gone\n",
        }
    )
    ada = town.peer("ada")
    town.peer("n1").hold("runs")
    town.peer("n2").hold("gone")
    ada.push({"missions/gone.md": None})
    return ada


def views(ada: Peer) -> list[MissionView]:
    """All that it shows, by name."""
    found = mission_views(ada.ledger(), ada.trust, ada.bus.now(), archived=True)
    return sorted(found, key=lambda view: (view.name, view.path))


def test_views_are_what_programs_read_before() -> None:
    """Byte for byte: keys, order, `null` or empty text, times."""
    found = "[\n" + ",\n".join(json.dumps(view.json(), ensure_ascii=False) for view in views(fleet())) + "\n]\n"
    assert found == GOLDEN.read_text("utf-8")


def test_one_is_found_as_it_stands_in_the_list() -> None:
    """By its name, wherever it is."""
    ada = fleet()
    for view in views(ada):
        if not view.path.endswith("archive/2026-11/broken.md"):
            assert find_view(ada.ledger(), ada.trust, view.name, ada.bus.now()) == view
