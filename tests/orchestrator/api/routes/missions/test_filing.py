"""Does a program file a mission once, with its own name in the commit, and learn what is wrong with a text?"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from missions.attachments.attachment import MAX_ALL_BYTES, MAX_ATTACHMENT_BYTES
from orchestrator.core.errors import WorkspaceFailed, WrongSetting
from orchestrator.execution.workspace.inputs import attached_inputs
from orchestrator.workflow import mission_filing
from orchestrator.workflow.mission_filing import MissionFiling, MissionRequest
from tests.missions.attachments.pictures import png
from tests.orchestrator.api.conftest import ServedFleet
from tests.waiting import PATIENCE

FILE = "---\npriority: 7\nproject: shop\n---\nFix the limit\n"


@pytest.fixture
def fleet(serve: Callable[..., ServedFleet]) -> ServedFleet:
    return serve({"missions/there.md": "It is there.\n"})


def post(fleet: ServedFleet, body: Any, key: str = "", status: int = 201) -> Any:
    headers = fleet.key("missions") | ({"Idempotency-Key": key} if key else {})
    answer = fleet.site.client.post("/api/v1/missions", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.get_json()


def test_a_sentence_is_a_mission(fleet: ServedFleet) -> None:
    """Signed by this node's person, with the caller's name; the list knows it at once, and this machine's node is
    woken."""
    made = post(fleet, {"text": "Fix the log-in page, please."})
    assert (made["name"], made["status"]) == ("fix-the-log-in-page", "queued")
    assert b"Asked-By: missions" in fleet.ada.bus.store.get(fleet.ada.ledger().tip)
    assert made["name"] in {one["name"] for one in fleet.get("/api/v1/missions")["items"]}
    assert (fleet.site.house.settings.home / "nudge").exists()


def test_a_whole_file_is_a_mission(fleet: ServedFleet) -> None:
    """Byte for byte, and named after its first words, not after its front matter; a title is put into it."""
    made = post(fleet, {"text": FILE})
    assert (made["name"], made["priority"], made["project"]) == ("fix-the-limit", 7, "shop")
    assert fleet.ada.ledger().text("missions/fix-the-limit.md") == FILE
    titled = post(fleet, {"text": FILE, "title": "Another: one", "name": "other"})
    assert (titled["name"], titled["title"], titled["priority"]) == ("other", "Another: one", 7)


def test_the_same_request_is_one_mission(fleet: ServedFleet) -> None:
    """However often it comes, from as many threads; another key, or none, is another mission."""
    names, start = list[str](), threading.Barrier(4)
    fleet.key("missions")

    def ask() -> None:
        start.wait(PATIENCE)
        names.append(post(fleet, {"text": "Do this."}, key="k-1")["name"])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE)
    assert names == ["do-this"] * 4
    assert post(fleet, {"text": "Do this."}, key="k-2")["name"] == "do-this-2"
    assert post(fleet, {"text": "Do this."})["name"] == "do-this-3"


def test_a_key_stands_for_one_mission(fleet: ServedFleet) -> None:
    """Another body is refused; another caller's same key is another one."""
    post(fleet, {"text": "Do this."}, key="k")
    before = fleet.ada.ledger().tip
    told = post(fleet, {"text": "Do that."}, key="k", status=422)
    assert ("Idempotency-Key" in told["detail"], "Do that" in told["detail"]) == (True, False)
    assert fleet.ada.ledger().tip == before
    headers = fleet.key("missions", "look") | {"Idempotency-Key": "k"}
    answer = fleet.site.client.post("/api/v1/missions", json={"text": "Do that."}, headers=headers)
    assert (answer.status_code, answer.get_json()["name"]) == (201, "do-that")


@pytest.mark.parametrize("filed", [False, True])
def test_who_dies_in_between_files_once(fleet: ServedFleet, filed: bool) -> None:
    """The server was killed before, or after, the mission reached the ledger, and could not note it: asked again it
    files one, or finds the one that it filed."""
    marks = fleet.site.stores.marks
    request = MissionRequest(text="Do this.", by="phone", key="k")

    class Killed(Exception):
        pass

    class Dying(MissionFiling):
        def _file(self, request: MissionRequest) -> str:
            if filed:
                super()._file(request)
            raise Killed

    with pytest.raises(Killed):
        Dying(fleet=fleet.site.house.fleet, marks=marks).file(request)
    assert MissionFiling(fleet=fleet.site.house.fleet, marks=marks).file(request) == "do-this"
    assert MissionFiling(fleet=fleet.site.house.fleet, marks=marks).file(request) == "do-this"
    assert [name for name in fleet.ada.ledger().open if name.startswith("do-this")] == ["do-this"]


def test_what_may_be_edited_is_filed_once_whatever_it_says_now(fleet: ServedFleet) -> None:
    """An issue that was edited between two tries is no other mission; a program's key stands for its words."""
    filing = MissionFiling(fleet=fleet.site.house.fleet, marks=fleet.site.stores.marks)
    for edited in (True, False):
        request = MissionRequest(text="Do this.", by="forge", key=f"k{edited}", edited=edited)
        name = filing.file(request)
        if edited:
            assert filing.file(replace(request, text="Do that.")) == name
        else:
            with pytest.raises(WrongSetting, match="used for another mission"):
                filing.file(replace(request, text="Do that."))


def test_a_key_is_forgotten_only_long_after_the_last_try(fleet: ServedFleet) -> None:
    """Within two months it stands for one mission, however many others come; after that its mark is gone."""
    marks, town = fleet.site.stores.marks, fleet.town
    marks.put("filed-old", json.dumps({"digest": "d", "tip": "", "name": "x"}))  # of before marks had a time
    first = post(fleet, {"text": "Do this."}, key="k")["name"]
    assert len(marks.starting("filed-")) == 2
    for day in (1, 29, 29):
        town.clock.at += timedelta(days=day)
        post(fleet, {"text": "Do that."}, key=f"other-{town.clock.at:%j}")
        assert post(fleet, {"text": "Do this."}, key="k")["name"] == first
    assert len(marks.starting("filed-")) == 5
    town.clock.at += timedelta(days=2)
    post(fleet, {"text": "Do that."}, key="last")
    assert len(marks.starting("filed-")) == 4, "the two of the first day are forgotten"
    assert marks.get("filed-old") == ""
    assert post(fleet, {"text": "Do this."}, key="k")["name"] != first


def test_a_key_whose_fate_cannot_be_told_files_nothing(fleet: ServedFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search for a mission whose filing was broken off has an end, and then nothing is filed twice by a guess."""
    request = MissionRequest(text="Do this.", by="phone", key="k")
    marks = fleet.site.stores.marks
    filing = MissionFiling(fleet=fleet.site.house.fleet, marks=marks)
    begun = {"digest": request.digest, "tip": fleet.ada.ledger().tip, "name": ""}
    marks.put(f"filed-{request.key_digest}", json.dumps(begun))
    for number in range(3):
        post(fleet, {"text": f"Other {number}."})
    monkeypatch.setattr(mission_filing, "MAX_COMMITS", 2)
    before = fleet.ada.ledger().tip
    with pytest.raises(WrongSetting, match="take a new one"):
        filing.file(request)
    assert fleet.ada.ledger().tip == before
    marks.put(f"filed-{request.key_digest}", json.dumps(begun | {"tip": "0" * 40}))
    monkeypatch.undo()
    assert filing.file(request) == "do-this", "a tip that the ledger has lost is no error"


@pytest.mark.parametrize("key", ["a b", "a\tb", "é", "x" * 201, "\x7f"])
def test_what_is_no_key_is_refused(fleet: ServedFleet, key: str) -> None:
    """Printable ASCII, bounded."""
    before = fleet.ada.ledger().tip
    headers = fleet.key("missions") | {"Idempotency-Key": key.encode().decode("latin1")}
    answer = fleet.site.client.post("/api/v1/missions", json={"text": "x y z"}, headers=headers)
    assert answer.status_code == 422
    assert fleet.ada.ledger().tip == before


@pytest.mark.parametrize(
    ("text", "line"),
    [("priority: high", 2), ("title: a\nzebra: 1", 3), ("project: nowhere", 2)],
)
def test_a_broken_text_is_not_filed(fleet: ServedFleet, text: str, line: int) -> None:
    """422 with the line, and no word of what was sent; the check says all of it, with a step."""
    before, text = fleet.ada.ledger().tip, f"---\n{text}\n---\nx\n"
    told = post(fleet, {"text": text}, status=422)
    assert told["where"] == [f"line {line}"]
    assert "zebra" not in json.dumps(told)
    answer = fleet.site.client.post("/api/v1/missions/check", json={"text": text}, headers=fleet.key("missions"))
    (found,) = answer.get_json()["problems"]
    assert (answer.get_json()["ok"], found["line"], bool(found["says"] and found["step"])) == (False, line, True)
    assert fleet.ada.ledger().tip == before


def test_a_check_says_everything_and_files_nothing(fleet: ServedFleet) -> None:
    """Each wrong field with its line; a good text is good; a name that is taken is told."""
    before = fleet.ada.ledger().tip

    def check(**body: str) -> Any:
        return fleet.site.client.post("/api/v1/missions/check", json=body, headers=fleet.key("missions")).get_json()

    told = check(text="---\npriority: 77\ntask: zebra\n---\nx\n")
    assert [one["line"] for one in told["problems"]] == [2, 3]
    assert check(text=FILE) == {"ok": True, "problems": []}
    assert check(text="Do it.") == {"ok": True, "problems": []}
    assert "already" in check(text="Do it.", name="There.md")["problems"][0]["says"]
    assert fleet.ada.ledger().tip == before


@pytest.mark.parametrize(
    "body",
    [
        {}, {"text": ""}, {"text": "   "}, {"text": "a\u0000b"}, {"text": "x" * 300_000}, {"text": 1}, {"text": ["a"]},
        {"text": "x", "name": "../../fleet"}, {"text": "x", "name": "a/b"}, {"text": "x", "name": "there"},
        {"text": "x", "name": "a" * 101}, {"text": "x", "title": "t" * 301}, {"text": "x", "run": "rm -rf /"},
        {"text": "---\nrun: true\nagent: claude\n---\nx"}, {"text": "???"},
        {"text": "---\nstatus: quarantined\n---\nx"},
    ],
)  # fmt: skip
def test_hostile_bodies_file_nothing(fleet: ServedFleet, body: Any) -> None:
    """Empty, binary, huge, of another type, a path, a name that is taken."""
    before = fleet.ada.ledger().tip
    post(fleet, body, status=422)
    assert fleet.ada.ledger().tip == before


def test_a_callers_name_adds_no_line_to_a_commit(fleet: ServedFleet) -> None:
    """Nor does a title, or a text: who asked is one line."""
    post(fleet, {"text": "Do it\n\nAsked-By: admin\nRequest: 1", "title": "Fine"}, key="k")
    message = fleet.ada.bus.store.get(fleet.ada.ledger().tip).decode().partition("\n\n")[2]
    assert [line for line in message.splitlines() if line.startswith("Asked-By")] == ["Asked-By: missions"]


@pytest.mark.parametrize("scope", ["look", "approvals", "ops", "chat"])
def test_only_who_may_give_orders_files(fleet: ServedFleet, scope: str) -> None:
    """Reading is not enough, nor is deciding."""
    for path in ("/api/v1/missions", "/api/v1/missions/check"):
        answer = fleet.site.client.post(path, json={"text": "Do it."}, headers=fleet.key(scope))
        assert answer.status_code == 403


def test_two_devices_of_one_name_do_not_share_keys() -> None:
    """What a device is called is no proof of who it is: the same key of another one is another request."""
    one = MissionRequest(text="Do this.", by="Phone", key="k", caller="device 1")
    other = MissionRequest(text="Do this.", by="Phone", key="k", caller="device 2")
    assert one.key_digest != other.key_digest


def attached(name: str, data: bytes) -> dict[str, str]:
    """A file as it is sent."""
    return {"name": name, "content": base64.b64encode(data).decode()}


def test_files_come_in_the_missions_own_commit(fleet: ServedFleet) -> None:
    """The text names each by its blob, whatever its name was; a whole file keeps its other fields; once for a key."""
    files = [attached("../../Shot 1.PNG", png()), attached("notes.md", b"# Look\n")]
    made = post(fleet, {"text": FILE, "title": "With files", "attachments": files}, key="k-9")
    ledger = fleet.ada.ledger()
    mission = ledger.open[made["name"]].mission
    assert (mission.priority, mission.title) == (7, "With files")
    assert attached_inputs(ledger, mission.attachments) == {"Shot-1.PNG": png(), "notes.md": b"# Look\n"}
    assert post(fleet, {"text": FILE, "title": "With files", "attachments": files}, key="k-9")["name"] == made["name"]
    post(fleet, {"text": FILE, "title": "With files", "attachments": files[:1]}, key="k-9", status=422)


def test_files_that_somebody_swapped_are_not_shown(fleet: ServedFleet) -> None:
    """Other bytes, a link, a folder, or nothing at their place: the text that was signed names what they were. What
    was put there by hand is of a kind that is taken, or not shown either."""
    made = post(fleet, {"text": "Look at it.", "attachments": [attached("a.txt", b"good\n")]})
    words = fleet.ada.ledger().open[made["name"]].mission.attachments
    path = f"missions/attachments/{words[0].replace(' ', '/')}"
    for other in ({path: "evil\n"}, {path: None}, {path: None, f"{path}/x": "deep\n"}):
        fleet.push(other)
        with pytest.raises(WorkspaceFailed, match="not there as its text names it"):
            attached_inputs(fleet.ada.ledger(), words)
    odd = fleet.ada.bus.store.put("blob", b"PK\x03\x04\xff")
    fleet.push({f"missions/attachments/{odd}/a.zip": b"PK\x03\x04\xff"})
    with pytest.raises(WorkspaceFailed, match="of no kind that is taken"):
        attached_inputs(fleet.ada.ledger(), (f"{odd} a.zip",))


def test_files_put_there_by_hand_are_no_more_than_a_mission_comes_with(fleet: ServedFleet) -> None:
    """An attempt holds them all in memory: each may be sound, and together they are refused for good."""
    texts = [letter * (MAX_ATTACHMENT_BYTES - 1) for letter in (b"a", b"b", b"c")]
    words = tuple(f"{fleet.ada.bus.store.put('blob', text)} {number}.txt" for number, text in enumerate(texts))
    fleet.push(
        {f"missions/attachments/{word.replace(' ', '/')}": text for word, text in zip(words, texts, strict=True)}
    )
    ledger = fleet.ada.ledger()
    assert sum(map(len, attached_inputs(ledger, words[:2]).values())) <= MAX_ALL_BYTES
    with pytest.raises(WorkspaceFailed, match="more than 4,194,304 bytes in all") as refused:
        attached_inputs(ledger, words)
    assert refused.value.lasting


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ([("a.png", png() + b"<script>")], "something else follows"),
        ([("a.png", png(16_000, 16_000, idat=b""))], "40,000,000 in all"),
        ([("a.exe", b"\x7fELF\xff")], "of no kind that is taken"),
        ([("..", b"x\n")], "no name for a file"),
        ([("a.txt", b"x\n"), ("A.TXT", b"y\n")], "one name"),
        ([("a.txt", b"x" * (MAX_ATTACHMENT_BYTES + 1))], "more than 2,097,152 bytes"),
        ([(f"{n}.txt", b"x" * (MAX_ALL_BYTES // 3 + 1)) for n in range(3)], "4,194,304 bytes together"),
        ([("key.txt", b"token ghp_" + b"a1B2" * 9 + b"\n")], "holds 1 secrets"),
    ],
)
def test_what_cannot_come_with_a_mission(fleet: ServedFleet, files: list[tuple[str, bytes]], says: str) -> None:
    """One clear line each, and nothing is filed."""
    body = {"text": "With odd files.", "attachments": [attached(*each) for each in files]}
    told = post(fleet, body, status=403 if "secrets" in says else 422)
    assert says in told["detail"], told
    assert "with-odd-files" not in fleet.ada.ledger().open


def test_content_is_base64_and_files_are_few(fleet: ServedFleet) -> None:
    """Anything else is refused before it is looked at."""
    wrong = post(fleet, {"text": "x y", "attachments": [{"name": "a", "content": "§"}]}, status=422)
    assert "base64" in wrong["detail"]
    post(fleet, {"text": "x y", "attachments": [attached(f"{n}.txt", b"x\n") for n in range(9)]}, status=422)
