"""Is every mission on exactly one page of the list, in the order that a person needs, and only if it is wanted?"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from missions.archive_path import archived_files
from orchestrator.core.errors import WrongSetting
from orchestrator.workflow import mission_view
from orchestrator.workflow.mission_view import find_view
from orchestrator.workflow.reading import mission_list
from orchestrator.workflow.reading.mission_list import MissionFilter, ended_since, mission_page
from orchestrator.workflow.reading.mission_page import timeline
from orchestrator.workflow.reading.paging import write_cursor
from orchestrator.workflow.reading.shared_ledger import LedgerLook
from orchestrator.workflow.reading.status_order import STATUS_ORDER, list_order
from tests.ledgers import Files, Town


def finished(name: str, when: str, *, status: str = "done", project: str = "") -> Files:
    """A mission's file and its index entry, as a fold of that day leaves them."""
    text = f"---\nstatus: {status}\nfinished: {when}\nproject: {project}\nnode: desk\n---\nIt is over.\n"
    return archived_files(name, when[:10].replace("-", "/"), text.encode())


OPEN: Files = {
    "missions/urgent.md": "---\npriority: 9\n---\nNow.\n",
    "missions/later.md": "---\nproject: shop\npriority: 2\n---\nLater.\n",
    "missions/sometime.md": "---\npriority: 2\n---\nSometime.\n",
    "missions/odd.md": "---\nagent: hal\n---\nx\n",
    "missions/judge.md": "---\nstatus: review\nproject: shop\n---\nJudge me.\n",
}
ARCHIVE: Files = {
    **finished("old", "2026-10-02T09:00:00Z"),
    **finished("noon", "2026-11-20T12:00:00Z", project="shop"),
    **finished("dusk", "2026-11-20T18:30:00Z"),
    **finished("called-off", "2026-11-21T01:00:00Z", status="cancelled"),
    "missions/archive/2026-03/spring.md": b"---\nstatus: done\nfinished: 2026-03-05T08:00:00Z\n---\nx\n",
}


def look_at(files: Files) -> LedgerLook:
    """What a reader of a ledger with these files sees."""
    town = Town(files)
    person = town.peer("person")
    ledger = person.ledger()
    views = mission_view.mission_views(ledger, person.trust, town.clock(), archived=False)
    return LedgerLook(ledger=ledger, views=tuple(views))


@pytest.fixture(scope="module")
def look() -> LedgerLook:
    """Five open missions, five finished ones, in both forms of the archive."""
    return look_at({**OPEN, **ARCHIVE})


def names(look: LedgerLook, wanted: MissionFilter | None = None, *, limit: int = 50) -> list[str]:
    """The names on all pages, one after the other."""
    found: list[str] = []
    after = ""
    for _ in range(30):
        page = mission_page(look, wanted or MissionFilter(), after=after, limit=limit)
        found += [item["name"] for item in page["items"]]
        assert len(page["items"]) <= limit
        after = page["next"]
        if not after:
            return found
    raise AssertionError("the list has no end")


EVERY = ["odd", "judge", "urgent", "later", "sometime", "called-off", "dusk", "noon", "old", "spring"]


def test_what_waits_for_somebody_comes_first(look: LedgerLook) -> None:
    """Broken files, then what is to be judged, then the queue: the most urgent first, equal ones by name."""
    assert names(look) == EVERY[:5]


def test_finished_ones_follow_the_newest_first(look: LedgerLook) -> None:
    """Days before each other, moments within a day, and months of older ledgers after them."""
    assert names(look, MissionFilter(archived=True)) == EVERY


@pytest.mark.parametrize("limit", range(1, 12))
def test_each_is_on_one_page_whatever_its_size(look: LedgerLook, limit: int) -> None:
    """No mission is left out or told twice, and a full last page is followed by no empty one."""
    assert names(look, MissionFilter(archived=True), limit=limit) == EVERY


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (MissionFilter(states=frozenset({"queued"})), ["urgent", "later", "sometime"]),
        (MissionFilter(states=frozenset({"review", "quarantined"})), ["odd", "judge"]),
        (MissionFilter(states=frozenset({"cancelled"}), archived=True), ["called-off"]),
        (MissionFilter(states=frozenset({"cancelled"})), []),
        (MissionFilter(states=frozenset({"queued", "done"}), archived=True), [*EVERY[2:5], *EVERY[6:]]),
        (MissionFilter(project="shop"), ["judge", "later"]),
        (MissionFilter(project="shop", archived=True), ["judge", "later", "noon"]),
        (MissionFilter(project=""), ["odd", "urgent", "sometime"]),
        (MissionFilter(project="site"), []),
        (MissionFilter(node="desk"), []),
        (MissionFilter(node="desk", archived=True), ["called-off", "dusk", "noon", "old"]),
        (MissionFilter(node="vps", archived=True), []),
        (MissionFilter(text="URG"), ["urgent"]),
        (MissionFilter(text="hal"), ["odd"]),
        (MissionFilter(text="e me", project="shop"), ["judge"]),
        (MissionFilter(text="NOO", project="shop", archived=True), ["noon"]),
        (MissionFilter(text="nothing like it", archived=True), []),
    ],
)
@pytest.mark.parametrize("limit", [1, 50])
def test_only_what_is_wanted(look: LedgerLook, wanted: MissionFilter, found: list[str], limit: int) -> None:
    """By state, project ("" is one of its own), node, and words of the name, the title or the reason."""
    assert names(look, wanted, limit=limit) == found


def test_a_cursor_goes_on_though_its_mission_is_gone(look: LedgerLook) -> None:
    """It says behind which key, not at which place: what was filed or finished meanwhile moves nothing."""
    first = mission_page(look, MissionFilter(archived=True), limit=3)
    assert [item["name"] for item in first["items"]] == EVERY[:3]
    fewer = {path: data for path, data in OPEN.items() if "urgent" not in path}
    more: Files = {"missions/sooner.md": "---\npriority: 9\n---\nx\n"}
    changed = look_at({**fewer, **ARCHIVE, **more})
    rest = mission_page(changed, MissionFilter(archived=True), after=first["next"])
    assert [item["name"] for item in rest["items"]] == EVERY[3:]


@pytest.mark.parametrize("after", ["x", write_cursor(("a", 1)), write_cursor((0, 1.0, 2.0, 3.0)), "e30"])
def test_what_is_no_cursor_of_this_list_is_refused(look: LedgerLook, after: str) -> None:
    """One of another list, or of somebody else's making."""
    with pytest.raises(WrongSetting, match="after"):
        mission_page(look, MissionFilter(), after=after)


def test_a_search_that_finds_little_ends_and_goes_on(look: LedgerLook, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page looks through so many finished missions at most; its cursor stands behind the last that it read."""
    monkeypatch.setattr(mission_list, "MAX_SEARCHED", 2)
    wanted = MissionFilter(text="spring", archived=True)
    first = mission_page(look, wanted)
    assert (first["items"], first["next"] is not None) == ([], True)
    assert names(look, wanted) == ["spring"]
    assert names(look, MissionFilter(archived=True)) == EVERY


@pytest.mark.parametrize("status", ["", "status: queued\n", "status: running\n", "status: parked\n"])
def test_a_file_of_the_archive_that_names_no_end_is_not_queued(status: str) -> None:
    """It waits for nobody: it is shown as what has to be mended, with its title, and only where that is asked for."""
    look = look_at(archived_files("put-away", "2026/11/20", f"---\n{status}project: shop\n---\nPut away.\n".encode()))
    town_view = find_view(look.ledger, Town().peer("ada").trust, "put-away", datetime(2026, 11, 21, tzinfo=UTC))
    (shown,) = mission_page(look, MissionFilter(archived=True))["items"]
    assert town_view is not None
    assert shown == town_view.json()
    assert (shown["status"], shown["title"], shown["project"]) == ("quarantined", "Put away.", "shop")
    assert "does not say how it ended" in shown["reason"]
    assert "nothing runs" in shown["hint"]
    for states in ({"queued"}, {"running"}, {"parked"}, {"done"}, {"queued", "done"}):
        assert names(look, MissionFilter(states=frozenset(states), archived=True)) == []


@pytest.mark.parametrize(
    ("statuses", "found"),
    [
        ((), ["ended", "put-away"]),
        (("queued",), []),
        (("queued", "done"), ["ended"]),
        (("quarantined",), ["put-away"]),
        (("quarantined", "done"), ["ended", "put-away"]),
    ],
)
def test_the_archive_is_asked_for_what_it_shows(statuses: tuple[str, ...], found: list[str]) -> None:
    """By the state in which a file is shown, not by the word that it has."""
    files = finished("ended", "2026-11-20T12:00:00Z") | archived_files("put-away", "2026/11/20", b"Put away.\n")
    town = Town(files)
    person = town.peer("person")
    views = mission_view.mission_views(
        person.ledger(), person.trust, town.clock(), archived=True, statuses=statuses, limit=5
    )
    assert sorted(view.name for view in views) == found


def test_a_broken_file_in_the_archive_is_shown_unless_states_are_asked_for() -> None:
    """It stops nobody, and is nothing that is done."""
    broken = archived_files("cut", "2026/11/20", b"---\nstatus: [\n")
    look = look_at({**finished("noon", "2026-11-20T12:00:00Z"), **broken})
    assert names(look, MissionFilter(archived=True)) == ["noon", "cut"]
    assert names(look, MissionFilter(archived=True, states=frozenset({"done"}))) == ["noon"]


def test_a_page_tells_of_which_commit_it_is(look: LedgerLook) -> None:
    """So that a reader can see that two pages are of one ledger."""
    page = mission_page(look, MissionFilter(), limit=1)
    assert page["tip"] == look.ledger.tip
    assert page["items"][0]["status"] == "quarantined"


@pytest.mark.parametrize(
    ("moment", "count"),
    [
        ("2026-11-21T01:00:00", 1),
        ("2026-11-21T01:00:01", 0),
        ("2026-11-20T12:00:00", 3),
        ("2026-11-20T12:00:01", 2),
        ("2026-10-01T00:00:00", 4),
        ("2026-03-05T08:00:00", 5),
        ("2026-03-05T08:00:01", 4),
        ("2025-01-01T00:00:00", 5),
        ("2027-01-01T00:00:00", 0),
    ],
)
def test_how_many_ended_since(look: LedgerLook, moment: str, count: int) -> None:
    """The moment itself counts, and months of older ledgers do."""
    assert ended_since(look.ledger, datetime.fromisoformat(moment).replace(tzinfo=UTC)) == count


def test_every_status_has_its_place(look: LedgerLook) -> None:
    """Each state that a view can have is one that the list knows where to put."""
    from missions.mission import Status

    assert {status.value for status in Status} <= set(STATUS_ORDER)
    assert [list_order(view)[0] for view in sorted(look.views, key=list_order)] == [0, 3, 7, 7, 7]


@pytest.mark.parametrize("path", ["missions/fix-it.md", "missions/Fix It.md", "missions/fix-it.MD"])
def test_an_archived_missions_way_is_whole(path: str) -> None:
    """However its file was spelled."""
    node = Town().peer("n1")
    node.push({path: "Do it.\n"})
    node.attempt("fix-it")
    node.fold()
    ledger = node.ledger()
    view = find_view(ledger, node.trust, "fix-it", node.bus.now())
    assert view is not None
    assert [step.what for step in timeline(ledger, view)] == ["filed", "done"]


def test_a_folder_that_a_person_made_hides_nothing() -> None:
    """Whatever it is called, and however many there are: each mission is on one page, with its own place."""
    text = b"---\nstatus: done\nfinished: 2026-10-02T09:00:00Z\n---\nx\n"
    places = {
        name: f"missions/archive/{folder}/{name}.md"
        for name, folder in {"a": "my-old-things", "b": "zz", "c": "zz-2", "d": "2026-10-02", "e": "2026-1x"}.items()
    }
    look = look_at({**ARCHIVE, **dict.fromkeys(places.values(), text)})
    every = MissionFilter(archived=True)
    assert sorted(names(look, every, limit=1)) == sorted([*EVERY[5:], *places])
    assert names(look, every, limit=1) == names(look, every)
    shown = {item["name"]: item["path"] for item in mission_page(look, every)["items"]}
    assert {name: shown[name] for name in places} == places
