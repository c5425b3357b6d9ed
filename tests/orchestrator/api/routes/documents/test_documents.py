"""What does a program read of the handoff, now and then, of the journal and of memos?"""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from handoff.memo import Memo, render_memo
from tests.orchestrator.api.conftest import ServedFleet

ENTRY = """## {when} · vps · claude (opus) · fix · {title}
<!-- entry: {ident} -->

### Decisions

{said}
"""
LOG = "# Session log\n\n" + "\n".join(
    ENTRY.format(when=f"2026-11-2{n}T10:00:00Z", ident=f"vps-{n}", title=f"Session {n}", said=said)
    for n, said in ((1, "Use SQLite."), (2, "Listen on 9090."), (3, "Test <script>alert(1)</script> too."))
)
BRIEFING = "# Briefing\n\n## Now\n\n- It listens on 9090. <!-- item: f-1; log: vps-2, gone-9 -->\n- By hand.\n"


def memo(number: int) -> str:
    made = Memo(
        memo_id=f"fix-{number}", node="vps", mission="fix", task="general_task", summary=f"Did {number}.",
        created=f"2026-11-0{number}T10:00:00Z",
    )  # fmt: skip
    return render_memo(made)


@pytest.fixture
def fleet(serve: Callable[..., ServedFleet]) -> ServedFleet:
    files = {
        "PORTFOLIO_CONTEXT.md": "# Portfolio\n\nWhat exists.\n\n## Standing rules\n\n- Say what you do not know.\n",
        "projects/shop/PROJECT_CONTEXT.md": "# Shop\n\nA shop.\n",
        "projects/shop/SESSION_BRIEFING.md": BRIEFING,
        "projects/shop/SESSION_LOG.md": LOG,
    }
    return serve(files | {f"memos/2026-11/fix-{n}.md": memo(n) for n in (1, 2, 3)})


def test_four_tiers_with_their_sources(fleet: ServedFleet) -> None:
    """Each item with the entries that it cites, by file and line; what cites nothing, or nothing known, says so."""
    told = fleet.get("/api/v1/handoff", project="shop")
    assert [tier["title"] for tier in told["tiers"]] == ["Portfolio", "Project", "Briefing", "Log"]
    items = {item["text"]: item for item in told["tiers"][2]["items"]}
    cites = items["It listens on 9090."]["cites"]
    line = LOG.splitlines().index("## 2026-11-22T10:00:00Z · vps · claude (opus) · fix · Session 2") + 1
    assert cites[0] == {"entry": "vps-2", "path": "projects/shop/SESSION_LOG.md", "line": line}
    assert cites[1] == {"entry": "gone-9", "path": "", "line": None}
    assert items["By hand."]["cites"] == []
    assert [item["cites"][0]["entry"] for item in told["tiers"][3]["items"]] == ["vps-3", "vps-2", "vps-1"]
    rule = next(item for item in told["tiers"][0]["items"] if item["text"].startswith("Say what"))
    assert (rule["standing"], rule["line"]) == (True, 7)
    assert len(fleet.get("/api/v1/handoff")["tiers"]) == 2, "the fleet has a portfolio and a log"


def test_the_handoff_of_any_commit(fleet: ServedFleet) -> None:
    """As it stood then, with the list of commits to go to."""
    first = fleet.ada.ledger().tip
    fleet.town.clock.forward(60)
    fleet.push({"projects/shop/SESSION_BRIEFING.md": BRIEFING.replace("9090", "8080")}, "The port")
    now = fleet.get("/api/v1/handoff", project="shop")
    then = fleet.get("/api/v1/handoff", project="shop", commit=first)
    assert ("8080" in now["tiers"][2]["text"], "9090" in then["tiers"][2]["text"]) == (True, True)
    assert (then["commit"], now["commit"]) == (first, fleet.ada.ledger().tip)
    assert now["commits"][0]["says"] == "The port"
    assert first in {one["commit"] for one in now["commits"]}


@pytest.mark.parametrize("commit", ["0" * 40, "HEAD", "main", "--all", "a" * 39, "G" * 40, "../../x", "main@{1}"])
def test_no_commit_but_the_branchs(fleet: ServedFleet, commit: str) -> None:
    """404, whatever else is in the repository, and however it is called."""
    fleet.get("/api/v1/handoff", 404, commit=commit)


def test_a_commit_that_is_on_no_branch_of_ours_is_not_shown(fleet: ServedFleet) -> None:
    """An object that is there, but that the branch does not have, is not to be had by its name."""
    ledger = fleet.ada.ledger()
    loose = fleet.ada.bus.commit(
        {"PORTFOLIO_CONTEXT.md": b"not public\n"}, "never pushed", onto=ledger.tip, tree=ledger.tree
    )
    fleet.get("/api/v1/handoff", 404, commit=loose)
    fleet.get("/api/v1/handoff", 404, commit=ledger.tree)


@pytest.mark.parametrize("project", ["nowhere", "../shop", "shop/../..", "%2e%2e", "a" * 100, "shop\u0000"])
@pytest.mark.parametrize("path", ["/api/v1/handoff", "/api/v1/log"])
def test_an_unknown_project_is_not_found(fleet: ServedFleet, path: str, project: str) -> None:
    """404, and nothing outside of the documents is read."""
    fleet.get(path, 404, project=project)


def test_the_journal_page_by_page(fleet: ServedFleet) -> None:
    """The newest first; an entry that comes in between shifts no page."""
    first = fleet.get("/api/v1/log", limit=2)
    assert [one["id"] for one in first["items"]] == ["vps-3", "vps-2"]
    newer = ENTRY.format(when="2026-11-29T10:00:00Z", ident="vps-9", title="New", said="More.")
    fleet.push({"projects/shop/SESSION_LOG.md": f"{LOG}\n{newer}"})
    second = fleet.get("/api/v1/log", limit=2, after=first["next"])
    assert ([one["id"] for one in second["items"]], second["next"]) == (["vps-1"], None)
    one = fleet.get("/api/v1/log/vps-1")
    assert (one["heading"], one["agent"], one["line"], one["project"]) == ("Session 1", "claude", 3, "shop")
    assert one["sections"] == {"Decisions": "Use SQLite."}
    assert [each["id"] for each in fleet.get("/api/v1/log", project="")["items"]] == []
    assert len(fleet.get("/api/v1/log", project="shop")["items"]) == 4


def test_a_search_finds_entries(fleet: ServedFleet) -> None:
    """With the lines that were found; words of a query language are words."""
    found = fleet.get("/api/v1/log", q="sqlite")
    assert [one["id"] for one in found["items"]] == ["vps-1"]
    assert "SQLite" in found["items"][0]["found"][0]
    for hostile in ('" OR 1=1 --', "NEAR(a b)", "a* AND -b", "'; DROP TABLE place; --", "\u202e", "(" * 100):
        fleet.get("/api/v1/log", q=hostile)
    fleet.get("/api/v1/log", 422, q="x" * 201)


@pytest.mark.parametrize("entry", ["nothing", "vps-", "..", "%2e%2e%2fx", "x" * 200])
def test_no_entry_is_guessed(fleet: ServedFleet, entry: str) -> None:
    """404, or 422 where several begin so."""
    assert fleet.site.client.get(f"/api/v1/log/{entry}", headers=fleet.key("look")).status_code in {404, 422}


def test_memos_page_by_page_and_one_with_its_text(fleet: ServedFleet) -> None:
    """As the command prints them."""
    first = fleet.get("/api/v1/memos", limit=2)
    assert [one["memo_id"] for one in first["items"]] == ["fix-3", "fix-2"]
    second = fleet.get("/api/v1/memos", limit=2, after=first["next"])
    assert ([one["memo_id"] for one in second["items"]], second["next"]) == (["fix-1"], None)
    one = fleet.get("/api/v1/memos/fix-1")
    assert (one["summary"], one["path"], one["text"]) == ("Did 1.", "memos/2026-11/fix-1.md", memo(1))
    fleet.get("/api/v1/memos/nothing", 404)
    fleet.get("/api/v1/memos", 422, after="e30")


@pytest.mark.parametrize("path", ["/api/v1/log", "/api/v1/memos", "/api/v1/missions", "/api/v1/fleet/vps/history"])
@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "9" * 320])
def test_no_cursor_of_somebody_elses_making_is_an_error_of_ours(fleet: ServedFleet, path: str, number: str) -> None:
    """Infinity in the place of a number, in a key of each list's shape: refused, not a fault of the server."""
    shapes = (f'["z","z",{number}]', f'["z",{number}]', f'[1,{number},{number},"z"]')
    for shape in shapes:
        cursor = base64.urlsafe_b64encode(shape.encode()).decode().rstrip("=")
        fleet.get(path, 422, after=cursor)


def test_what_real_missions_say_is_asked_by_month(fleet: ServedFleet) -> None:
    """The month that runs where none is named; what is no month is refused."""
    done = "---\nstatus: done\nproject: shop\nfinished: 2026-10-09T08:00:00Z\n---\nMend it\n"
    fleet.push({"missions/archive/2026-10/door.md": done}, "Work")
    told = fleet.get("/api/v1/continuity", month="2026-10")
    assert (told["month"], told["missions"], told["measures"][0]["count"]) == ("2026-10", 1, 1)
    assert [row["month"] for row in told["series"]] == ["2026-10"]
    assert fleet.get("/api/v1/continuity")["missions"] == 0
    fleet.get("/api/v1/continuity", 422, month="2026-13")
