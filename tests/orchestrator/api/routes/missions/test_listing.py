"""What does a program read of missions: lists page by page, one with all that belongs to it, and its diff?"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

import pytest

from missions.one_line import printable
from tests.handoff.secrets.specimens import make
from tests.kept_evidence import kept_bundle, ledger_files
from tests.missions.attachments.pictures import png
from tests.orchestrator.api.conftest import ServedFleet, bearer
from tests.orchestrator.workflow.approval.test_diff_pictures import literal

DONE = "---\nstatus: done\nnode: vps\nattempt: 1\nepoch: 1\nfinished: {when}\n---\n{title}\n"
REVIEWED = (
    "---\nproject: shop\nstatus: review\nnode: vps\nattempt: 2\nepoch: 2\nfinished: 2026-11-20T10:00:00Z\n"
    "commit: {commit}\nbranch: shiftbook/fix/2\n---\nFix it\n"
)
DIFF = """diff --git a/price.sh b/price.sh
index 111..222 100644
--- a/price.sh
+++ b/price.sh
@@ -1,3 +1,3 @@ total
 a
-b
+<img src=x onerror=alert(1)>
 c
diff --git a/old.md b/new name.md
similarity index 90%
rename from old.md
rename to new name.md
diff --git a/gone.txt b/gone.txt
deleted file mode 100644
--- a/gone.txt
+++ /dev/null
@@ -1 +0,0 @@
-x
\\ No newline at end of file
diff --git a/pic.png b/pic.png
new file mode 100644
GIT binary patch
literal 3
abc
"""


@pytest.fixture
def fleet(serve: Callable[..., ServedFleet]) -> ServedFleet:
    archive = {
        f"missions/archive/2026-{month}/m{n}.md": DONE.format(when=f"2026-{month}-0{n}T10:00:00Z", title=f"Old {n}")
        for month in ("10", "11")
        for n in (1, 2, 3)
    }
    opened = {
        "missions/low.md": "---\npriority: 1\n---\nLow\n",
        "missions/high.md": "---\npriority: 9\nproject: shop\n---\nHigh, for the shop\n",
        "missions/bad.md": "---\npriority: high\n---\nx\n",
        "missions/fix.md": REVIEWED.format(commit="a" * 40),
        "missions/archive/2026-11/fix.2.diff": DIFF,
        "missions/archive/2026-11/fix.1.diff": "diff --git a/older b/older\n",
        "missions/archive/2026-11/fix.2.output.txt": "it works\n",
    }
    return serve(archive | opened)


def names(page: dict[str, list[dict[str, str]]]) -> list[str]:
    return [one["name"] for one in page["items"]]


def test_what_needs_somebody_stands_first(fleet: ServedFleet) -> None:
    """The states in the order of the command line, then what is most urgent; finished ones where they are asked for."""
    page = fleet.get("/api/v1/missions")
    assert names(page) == ["bad", "fix", "high", "low"]
    assert (page["next"], page["tip"]) == (None, fleet.ada.ledger().tip)
    assert (page["items"][0]["status"], page["items"][0]["line"]) == ("quarantined", 2)
    assert names(fleet.get("/api/v1/missions", archived=1))[4:] == ["m3", "m2", "m1", "m3", "m2", "m1"]


def test_a_filter_asks_for_some(fleet: ServedFleet) -> None:
    """By state, project and words; one that no mission can have is refused, with those that there are."""
    assert names(fleet.get("/api/v1/missions", state="review,quarantined")) == ["bad", "fix"]
    assert names(fleet.get("/api/v1/missions", project="shop")) == ["fix", "high"]
    assert names(fleet.get("/api/v1/missions", project="")) == ["bad", "low"]
    assert names(fleet.get("/api/v1/missions", q="SHOP")) == ["high"]
    assert names(fleet.get("/api/v1/missions", q="old 2", archived=1)) == ["m2", "m2"]
    assert names(fleet.get("/api/v1/missions", state="done", archived=1, limit=2)) == ["m3", "m2"]
    assert "quarantined" in fleet.get("/api/v1/missions", 422, state="zebra")["detail"]


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_pages_follow_each_other(fleet: ServedFleet, limit: int) -> None:
    """Nothing is left out or told twice, also where the ledger changes between two pages."""
    found, after, pages = list[tuple[str, str]](), "", 0
    while True:
        page = fleet.get("/api/v1/missions", archived=1, limit=limit, after=after)
        found += [(one["name"], one["path"]) for one in page["items"]]
        after, pages = page["next"], pages + 1
        if pages == 1:
            fleet.push({f"missions/new-{limit}.md": "---\npriority: 0\n---\nNew\n", "missions/bad.md": None})
        if after is None:
            break
    assert len(found) == len(set(found))
    assert {path for _, path in found} >= {
        f"missions/archive/2026-{m}/m{n}.md" for m in ("10", "11") for n in (1, 2, 3)
    }
    assert {"fix", "high", "low"} <= {name for name, _ in found}


@pytest.mark.parametrize(
    "after",
    ["zebra", "e30", "WzEsMl0", "W10=", "bnVsbA", "x" * 601, "WzAsMCwwLDBd", "W251bGwsMCwwLCJhIl0", "%ff", "../..",
     "W1tbW1s"],
)  # fmt: skip
def test_what_is_no_cursor_is_refused(fleet: ServedFleet, after: str) -> None:
    """422, without an echo; whoever makes a cursor up learns nothing."""
    assert "zebra" not in fleet.get("/api/v1/missions", 422, after=after).get("detail", "")


@pytest.mark.parametrize("limit", ["0", "-1", "201", "1e9", "x", "1" * 400])
def test_a_page_has_a_bound(fleet: ServedFleet, limit: str) -> None:
    """1 to 200."""
    fleet.get("/api/v1/missions", 422, limit=limit)


def test_what_a_program_has_is_not_sent_again(fleet: ServedFleet) -> None:
    """304 while nothing moved; another query is another answer; a change ends it."""
    client, key = fleet.site.client, fleet.key("look")
    tag = client.get("/api/v1/missions", headers=key).headers["ETag"]
    have = key | {"If-None-Match": tag}
    assert client.get("/api/v1/missions", headers=have).status_code == 304
    assert client.get("/api/v1/missions?limit=1", headers=have).status_code == 200
    fleet.push({"missions/new.md": "New\n"})
    again = client.get("/api/v1/missions", headers=have)
    assert (again.status_code, "new" in names(again.get_json())) == (200, True)


def test_one_mission_with_all_of_it(fleet: ServedFleet) -> None:
    """The fields of `mission show --json`, what happened to it, and what belongs to it."""
    fleet.push({"missions/child.md": "---\nparent: fix\n---\nA child\n"}, "Mission: child")
    one = fleet.get("/api/v1/missions/fix")
    assert (one["status"], one["output"], one["commit"]) == ("review", "it works\n", "a" * 40)
    assert (one["children"], one["depends_on"], one["parent"]) == (["child"], [], "")
    assert one["timeline"][0]["what"] == "filed"
    fleet.push({"missions/fix.md": REVIEWED.format(commit="a" * 40) + "\nand more\n"}, "Edit fix")
    assert [step["what"] for step in fleet.get("/api/v1/missions/fix")["timeline"]] == ["filed", "edited"]
    assert fleet.get("/api/v1/missions/m1")["status"] == "done"


@pytest.mark.parametrize("name", ["nothing", "..", "%2e%2e%2fsecrets", "a" * 300, "fix.md%00", "%0d%0aX-Evil:1", "*"])
@pytest.mark.parametrize("below", ["", "/diff", "/approval", "/pictures", "/evidence", "/evidence/1"])
def test_what_is_no_mission_is_not_found(fleet: ServedFleet, name: str, below: str) -> None:
    """404 or 422, never a file of another kind, never a header of the caller's."""
    answer = fleet.site.client.get(f"/api/v1/missions/{name}{below}", headers=fleet.key("look"))
    assert answer.status_code in {404, 422}
    assert "X-Evil" not in answer.headers


def test_a_diff_is_files_and_lines(fleet: ServedFleet) -> None:
    """Plain data with numbered lines; what somebody wrote in it stays a text."""
    told = fleet.get("/api/v1/missions/fix/diff")
    kinds = [(one["path"], one["status"], one["added"], one["removed"], one["binary"]) for one in told["files"]]
    assert kinds == [
        ("price.sh", "modified", 1, 1, False),
        ("new name.md", "renamed", 0, 0, False),
        ("gone.txt", "deleted", 0, 1, False),
        ("pic.png", "added", 0, 0, True),
    ]
    (hunk,) = told["files"][0]["hunks"]
    assert (hunk["old_start"], hunk["new_start"], hunk["heading"]) == (1, 1, "total")
    assert [(line["kind"], line["old"], line["new"]) for line in hunk["lines"]] == [
        (" ", 1, 1), ("-", 2, None), ("+", None, 2), (" ", 3, 3),
    ]  # fmt: skip
    assert hunk["lines"][2]["text"] == "<img src=x onerror=alert(1)>"
    assert (told["files"][1]["old_path"], told["truncated"], told["bytes"]) == ("old.md", False, len(DIFF))


def test_pictures_are_shown_as_such_and_of_the_diff_that_was_looked_at(fleet: ServedFleet) -> None:
    """Their bytes under a picture's type, which no browser runs; of another diff, or another number, none."""
    evil = literal("shots/a.svg", b"<svg onload='alert(1)'/>")
    fleet.push({"missions/archive/2026-11/fix.2.diff": evil + literal("shots/a.png", png())})
    told = fleet.get("/api/v1/missions/fix/pictures")
    assert [(one["path"], one["media"], one["width"]) for one in told["items"]] == [("shots/a.png", "image/png", 3)]
    assert told["digest"] == fleet.get("/api/v1/missions/fix/diff")["digest"]
    place, key, digest = "/api/v1/missions/fix/pictures", fleet.key("look"), told["digest"]
    answer = fleet.site.client.get(f"{place}/0", query_string={"digest": digest}, headers=key)
    assert (answer.status_code, answer.data, answer.mimetype) == (200, png(), "image/png")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    for number, of, status in ((1, digest, 404), (0, "0" * 64, 404), (0, "x", 422), (99, digest, 422)):
        assert fleet.get(f"{place}/{number}", digest=of, status=status)
    assert fleet.site.client.get(f"{place}/0", query_string={"digest": digest}).status_code == 401


def test_evidence_is_listed_and_given_as_what_its_bytes_are(fleet: ServedFleet) -> None:
    """A picture, a text, and a download; whatever the list says it is, no browser runs it."""
    secret = make("gh~p_{W36}", Random(5))
    svg, page = b"<svg onload='alert(1)'/>", f"<script>{secret}</script>".encode()
    names = ("shots/a.png", "evil.png", 'x"\r\ny.html', "\u202etxt.exe")
    files = zip(names, (png(), svg, page, png() + b"<html>"), strict=True)
    fleet.push(ledger_files("fix", kept_bundle(*files), attempt=2, epoch=2, day="2026/11/20"))
    told = fleet.get("/api/v1/missions/fix/evidence")
    assert [(one["number"], one["path"]) for one in told["files"]] == list(enumerate(map(printable, names), 1))
    assert fleet.get("/api/v1/missions/fix")["evidence"] == told
    kinds = ["image/png", "text/plain", "text/plain", "application/octet-stream"]
    for one, kind in zip(told["files"], kinds, strict=True):
        place = f"/api/v1/missions/fix/evidence/{one['number']}"
        answer = fleet.site.client.get(place, query_string={"sha256": one["sha256"]}, headers=fleet.key("look"))
        assert (answer.status_code, answer.mimetype) == (200, kind)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert re.fullmatch(r'attachment; filename="[\w.-]+"', answer.headers["Content-Disposition"])
        assert secret.encode() not in answer.data
        assert fleet.site.client.get(place).status_code == 401
    assert fleet.get("/api/v1/missions/fix/evidence/1", sha256="0" * 64, status=404)
    assert fleet.get("/api/v1/missions/fix/evidence/5", status=404)
    assert fleet.get("/api/v1/missions/fix/evidence/1", sha256="x", status=422)
    assert fleet.get("/api/v1/missions/fix/evidence/0", status=422)


def test_a_mission_without_evidence_says_so(fleet: ServedFleet) -> None:
    """An empty list is no error."""
    assert fleet.get("/api/v1/missions/fix/evidence") == {
        "files": [], "left_out": [], "more_left_out": 0, "reports": [],
    }  # fmt: skip


def test_a_word_is_bound_to_what_was_looked_at(fleet: ServedFleet) -> None:
    """With the digest of a diff that another attempt has replaced, a decision is 409 in one line; nothing changes."""
    seen = fleet.get("/api/v1/missions/fix/diff")["digest"]
    fleet.push({"missions/archive/2026-11/fix.2.diff": DIFF + DIFF.replace("price", "other")})
    before, path = fleet.ada.ledger().tip, "/api/v1/missions/fix/approval"
    key = fleet.key("approvals")
    for body in ({"state": "approved", "digest": seen}, {"state": "rejected", "comment": "no", "digest": seen}):
        answer = fleet.site.client.put(path, json=body, headers=key)
        assert (answer.status_code, "another result" in answer.get_json()["detail"]) == (409, True)
    assert fleet.ada.ledger().tip == before
    now = fleet.get("/api/v1/missions/fix/diff")["digest"]
    answer = fleet.site.client.put(
        path, json={"state": "approved", "on_approval": "nothing", "digest": now}, headers=key
    )
    assert answer.status_code == 200, answer.text
    assert fleet.get("/api/v1/missions/fix")["decision"] == "approved", "the next answer knows it"


@pytest.mark.parametrize("digest", ["x", "0" * 64, "\u0000", "0" * 65])
def test_a_digest_that_nobody_gave_decides_nothing(fleet: ServedFleet, digest: str) -> None:
    """409 or 422."""
    body = {"state": "approved", "digest": digest}
    answer = fleet.site.client.put("/api/v1/missions/fix/approval", json=body, headers=fleet.key("approvals"))
    assert answer.status_code in {409, 422}


def test_the_fields_come_from_their_declaration(fleet: ServedFleet) -> None:
    """What a person may write, each with its words; nothing that nodes write."""
    told = {one["name"]: one for one in fleet.get("/api/v1/missions/fields")}
    assert (told["priority"]["type"], told["priority"]["default"]) == ("whole number", 1)
    assert "claude" in told["agent"]["values"]
    assert all(one["help"] for one in told.values())
    assert {"status", "node", "commit", "trusted_by"}.isdisjoint(told)


def test_a_secret_in_a_mission_is_not_told(serve: Callable[..., ServedFleet]) -> None:
    """What a person left in a file by mistake does not leave by HTTP."""
    token = "ghp_" + "a1B2" * 9
    fleet = serve({"missions/m.md": f"---\ntitle: Use {token}\n---\nlog in with {token}\n"})
    for path in ("/api/v1/missions", "/api/v1/missions/m", "/api/v1/now"):
        assert token not in fleet.site.client.get(path, headers=bearer(fleet.site.token("look", name=path))).text
