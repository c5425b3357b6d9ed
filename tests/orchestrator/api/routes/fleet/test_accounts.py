"""What does a program read over HTTP of accounts, and of several attempts at one thing?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from orchestrator.core.quota_window import QuotaWindow
from orchestrator.ledger.accounts.account_windows import AccountWindow, render_windows
from orchestrator.ledger.transport import BEAT
from sync.heartbeat import Beat
from tests.orchestrator.api.conftest import ServedFleet


def test_accounts_and_their_windows(serve: Callable[..., ServedFleet]) -> None:
    """As `fleet accounts --json`; each node's row has those of its agents."""
    fleet = serve({})
    now = fleet.town.clock()
    window = QuotaWindow(kind="five_hour", resets_at=now + timedelta(hours=2), used_percent=100.0, exhausted=True)
    told = AccountWindow(account="claude@vps", window=window, seen=now)
    line = render_windows([told], exhausted=True)
    fleet.push(
        {"heartbeats/vps.md": f"---\nnode: vps\nrole: LOCAL_WORKER\nagents: claude\nquota_closed: {line}\n---\n"}
    )
    page = fleet.get("/api/v1/fleet/accounts")
    (account,) = page["accounts"]
    assert (page["mode"], account["account"], account["nodes"]) == ("wait", "claude@vps", ["vps"])
    assert account["closed_until"] == (now + timedelta(hours=2)).isoformat()
    assert [each["kind"] for each in account["windows"]] == ["five_hour"]
    vps = fleet.town.peer("vps").bus
    beat = Beat(vps.remote, vps.store, f"{BEAT}vps")
    beat.start()
    assert beat.move()
    fleet.push({"missions/late.md": "---\nagent: claude\n---\nDo it.\n"})
    (item,) = (each for each in fleet.get("/api/v1/now")["trouble"] if each["kind"] == "queue")
    assert (item["name"], item["title"]) == ("late", "The queue stands still")
    (row,) = (each for each in fleet.get("/api/v1/fleet") if each["name"] == "vps")
    assert row["accounts"] == [account]


def test_several_attempts_side_by_side(serve: Callable[..., ServedFleet]) -> None:
    """By their group's name, or by one of them; what is none of them is 404."""
    texts = {
        f"missions/fix-a{number}.md": f"---\ngroup: fix\nagent: {agent}\n---\nFix it.\n"
        for number, agent in ((1, "claude"), (2, "codex"))
    }
    fleet = serve({**texts, "missions/other.md": "Do it.\n"})
    told = fleet.get("/api/v1/missions/fix/attempts")
    assert told == fleet.get("/api/v1/missions/fix-a2/attempts")
    assert [(each["number"], each["agent"], each["status"]) for each in told["attempts"]] == [
        (1, "claude", "queued"),
        (2, "codex", "queued"),
    ]
    assert fleet.get("/api/v1/missions/other/attempts", status=404)["status"] == 404
