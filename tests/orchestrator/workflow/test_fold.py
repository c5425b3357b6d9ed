"""Does what nodes hand back reach the branch once, the same from everybody, and without losing a person's word?"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from handoff import log
from handoff.entry import Entry, parse_log
from missions import document, lease
from missions.archive_path import archive_path, dated_path, index_path
from missions.evidence.bundle import EvidenceBundle, EvidenceFile
from missions.lease import ClaimState
from missions.mission import Mission, Quarantined, Status
from orchestrator.core import tracing
from orchestrator.core.errors import NotFound, UnusableResult
from orchestrator.ledger import claims as claims
from orchestrator.ledger import session_logs
from orchestrator.ledger.snapshot import CLAIM_FILE, MissionFile
from orchestrator.ledger.transport import CLAIM, LOG
from orchestrator.workflow.fold import FoldPlan, has_work, settled_by_hand
from orchestrator.workflow.kept_evidence import read_evidence, shown_evidence
from sync.memory_remote import MemoryRemote, MemoryServer
from sync.objects import read_commit
from sync.remote import RefUpdate
from tests.ledgers import Keys, Peer, Town, all_files, record, shuffled
from tests.missions.attachments.pictures import png
from tests.orchestrator.repositories import git

BODY = "do it\n"
DAY = "2026/11/21"
ARCHIVED = archive_path("m", DAY)
MEMO = {"memo_path": dated_path("memos", DAY, "m-1")}


@pytest.fixture
def town() -> Town:
    """A ledger with one mission, in memory."""
    return Town({"missions/m.md": BODY})


def archived(peer: Peer, name: str = "m") -> Mission:
    """A finished mission, or a failure."""
    filed = peer.ledger().archived(name)
    assert filed is not None, peer.paths()
    return filed.mission


def opened(peer: Peer, name: str = "m") -> MissionFile:
    """An open mission, or a failure."""
    return peer.ledger().open[name]


def test_a_finished_mission_is_archived_with_all_it_brought(town: Town) -> None:
    """One commit holds the file with its result, the journal entry, the memo and the artifacts; the claim is gone."""
    node = town.peer("n1")
    fields = {"finished": "2026-11-21T12:05:00Z", "branch": "shiftbook/m/1", "cost_usd": 0.5}
    node.attempt("m", fields=fields, memo="---\nmemo_id: m-1\n---\n", artifacts={"diff": "+x\n", "output.txt": "ok\n"})
    assert has_work(node.ledger())
    assert node.fold().missions == {"m": Status.DONE}
    done = archived(node)
    assert (done.status, done.node, done.attempt, done.epoch) == (Status.DONE, "n1", 1, 1)
    assert (done.branch, done.cost_usd, done.body) == ("shiftbook/m/1", 0.5, "do it")
    assert "worked" in node.text(ARCHIVED)
    written = [MEMO["memo_path"], ARCHIVED, archive_path("m", DAY, "1.diff"), archive_path("m", DAY, "1.output.txt")]
    index = [index_path("m"), index_path("m", "1.diff"), index_path("m", "1.output.txt")]
    assert node.paths() == sorted(["SESSION_LOG.md", "fleet.toml", *written, *index])
    assert [entry.entry_id for entry in parse_log(node.text("SESSION_LOG.md")).entries] == ["m-1"]
    assert node.ledger().claims == {}
    assert not has_work(node.ledger())


SHOT = EvidenceFile(path="shots/a.png", media="image/png", data=png())
RUN_LOG = EvidenceFile(path="run.log", media="text/plain", data=b"all is well\n")


def end_with_evidence(node: Peer, *files: EvidenceFile) -> None:
    """An attempt that failed, and whose tests left these files."""
    (held,) = node.claim("m")
    said = replace(record(held), evidence=EvidenceBundle(files=files))
    assert claims.complete(node.bus, held, said, state=ClaimState.FAILED).accepted
    node.fold()


def test_evidence_stands_beside_the_result_and_is_that_of_the_last_attempt(town: Town) -> None:
    """Each file under its number, found by the list; identical files are one object; an attempt without evidence
    shows none of the one before it."""
    node = town.peer("n1")
    end_with_evidence(node, SHOT, RUN_LOG, SHOT)
    mission = opened(node).mission
    listed = read_evidence(node.ledger(), mission)
    assert [one.path for one in listed.files] == ["shots/a.png", "run.log", "shots/a.png"]
    first, second, third = (shown_evidence(node.ledger(), mission, number) for number in (1, 2, 3))
    assert (first.media, first.data, first.name) == ("image/png", png(), "a.png")
    assert (second.media, second.data) == ("text/plain", b"all is well\n")
    files = all_files(node.bus.store, node.ledger().tree)
    blobs = [files[archive_path("m", DAY, f"1.evidence/{number}")] for number in (1, 3)]
    assert blobs[0] == blobs[1]
    assert third.data == first.data
    for number in (0, 4, -1):
        with pytest.raises(NotFound):
            shown_evidence(node.ledger(), mission, number)
    assert not read_evidence(node.ledger(), replace(mission, epoch=9)), "of a mission that had the name before"
    node.claim("m")
    assert read_evidence(node.ledger(), mission) == listed
    assert not read_evidence(node.ledger(), replace(mission, attempt=2))


def test_evidence_that_somebody_exchanged_is_not_shown(town: Town) -> None:
    """Whoever may write to the ledger may change a file, and a list: what is shown is what the node listed."""
    node = town.peer("n1")
    end_with_evidence(node, SHOT, RUN_LOG)
    mission = opened(node).mission
    node.push({archive_path("m", DAY, "1.evidence/1"): b"<script>alert(1)</script>"})
    with pytest.raises(NotFound, match="not the one that its node listed"):
        shown_evidence(node.ledger(), mission, 1)
    assert shown_evidence(node.ledger(), mission, 2).data == RUN_LOG.data
    node.push({archive_path("m", DAY, "1.evidence.json"): b"{"})
    assert [one.why for one in read_evidence(node.ledger(), mission).left_out] == [
        "the list of its evidence cannot be read"
    ]


def test_nothing_to_fold_commits_nothing(town: Town) -> None:
    """A fold without duty leaves the branch where it is; a running claim is no duty."""
    node = town.peer("n1")
    node.hold("m")
    before = node.bus.remote.fetch()
    assert node.fold().missions == {}
    assert node.bus.remote.fetch() == before


def test_several_missions_go_into_one_commit() -> None:
    """Group commit: all that ended since the last fold."""
    town = Town({f"missions/m{number}.md": BODY for number in range(5)})
    node = town.peer("n1")
    for held in node.claim(*[f"m{number}" for number in range(5)]):
        node.end(held)
    node.fold()
    commit = read_commit(node.bus.store.get(node.ledger().tip))
    assert commit.parents == (town.root,)
    assert commit.message.startswith("5 missions")
    assert len(parse_log(node.text("SESSION_LOG.md")).entries) == 5


def copied(town: Town) -> Town:
    """The same ledger on another server, as another node sees it at the same moment."""
    twin = Town({"missions/m.md": BODY})
    twin.root = town.root
    twin.server = MemoryServer(store=town.server.store, refs=dict(town.server.refs))
    return twin


@pytest.mark.parametrize("seed", range(5))
def test_two_nodes_that_fold_the_same_state_write_the_same_tree(seed: int) -> None:
    """Whoever folds, whenever, in whatever order the refs came: the same files, byte for byte."""
    ends = {
        "a": ClaimState.DONE,
        "b": ClaimState.FAILED,
        "c": ClaimState.CANCELLED,
        "d": ClaimState.RELEASED,
        "e": ClaimState.DONE,
    }
    town = Town(
        {f"missions/{name}.md": "---\r\npriority: 2\r\n---\r\ndo it  \r\n" for name in ends}
        | {"missions/by-hand.md": "---\nstatus: cancelled\n---\nno longer\n"}
    )
    for name, state in ends.items():
        peer = town.peer(f"node-{name}")
        peer.attempt(name, state, memo=f"# {name}\n", artifacts={"diff": "+\n"})
    town.peer("person").push({"missions/e.md": "---\npriority: 9\n---\nsomething else\n"})
    trees = []
    for name in ("n1", "n2"):
        twin = copied(town)
        order = shuffled(twin.server.refs, seed if name == "n1" else seed + 100)
        twin.server.refs = {ref: twin.server.refs[ref] for ref in order}
        twin.clock.forward(86_400 * 40 if name == "n2" else 0)
        peer = twin.peer(name)
        assert len(peer.fold().missions) == 6
        trees.append(peer.ledger().tree)
    assert trees[0] == trees[1]


@pytest.mark.parametrize("where", ["memory", "git"])
def test_racing_folds_write_everything_once(where: str, tmp_path: Path) -> None:
    """Of nodes that fold at one moment one commits; the others find nothing left to do, and nobody fails."""
    files = {f"missions/m{number}.md": BODY for number in range(4)}
    town = Town(files, folder=tmp_path if where == "git" else None)
    worker = town.peer("worker")
    for held in worker.claim(*[f"m{number}" for number in range(4)]):
        worker.end(held)
    peers = [town.peer(f"n{number}") for number in range(4)]
    found: list[int] = []
    gate = threading.Barrier(len(peers))

    def fold(peer: Peer) -> None:
        gate.wait()
        found.append(len(peer.fold().missions))

    threads = [threading.Thread(target=fold, args=(peer,)) for peer in peers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 0, 0, 4]
    assert read_commit(worker.bus.store.get(worker.ledger().tip)).parents == (town.root,)
    assert len(parse_log(worker.text("SESSION_LOG.md")).entries) == 4
    town.close()


def test_a_fold_that_loses_the_race_against_a_person_is_done_again_on_top(town: Town) -> None:
    """A person who pushes first loses nothing, in the very file that is folded too."""
    node, person = town.peer("n1"), town.peer("person")
    node.attempt("m")
    edit = {
        "missions/m.md": "do it, please\n",
        "SESSION_LOG.md": "# Session log\n\nA person's line.\n",
        "new.md": "x\n",
    }
    node.line.before_push.append(lambda: person.push(edit))
    assert node.fold().missions == {"m": Status.DONE}
    assert archived(node).body == "do it, please"
    assert "A person's line." in node.text("SESSION_LOG.md")
    assert node.text("new.md") == "x\n"


def test_a_lost_answer_does_not_fold_twice(town: Town) -> None:
    """A fold whose push arrived without an answer counts as done; one whose push did not arrive is repeated."""
    node = town.peer("n1")
    node.attempt("m")
    node.line.lose_pushes, node.line.lose_answers = 1, 1
    node.fold()
    assert read_commit(node.bus.store.get(node.ledger().tip)).parents == (town.root,)
    assert len(parse_log(node.text("SESSION_LOG.md")).entries) == 1


def test_a_persons_edit_while_it_ran_is_kept_and_reported(town: Town) -> None:
    """The archived file has the person's new words, and a word that the attempt worked from others."""
    node, person = town.peer("n1"), town.peer("anna")
    held = node.hold("m")
    person.push({"missions/m.md": "---\npriority: 7\n---\ndo it with care\n"})
    node.end(held)
    node.fold()
    done = archived(node)
    assert (done.body, done.priority) == ("do it with care", 7)
    assert "changed during this attempt" in node.text(ARCHIVED)
    assert held.claim.blob[:10] in node.text(ARCHIVED)


def test_an_unchanged_file_is_not_reported_as_changed(town: Town) -> None:
    """Nor is one in which only node fields moved."""
    node, person = town.peer("n1"), town.peer("anna")
    held = node.hold("m")
    person.push({"missions/m.md": "---\nnode: x\n---\ndo it\n"})
    node.end(held)
    node.fold()
    assert "changed during" not in node.text(ARCHIVED)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (ClaimState.DONE, Status.DONE),
        (ClaimState.FAILED, Status.CANCELLED),
        (ClaimState.RELEASED, Status.CANCELLED),
        (ClaimState.CANCELLED, Status.CANCELLED),
    ],
)
def test_a_file_deleted_while_it_ran_is_archived_and_never_runs_again(
    town: Town, state: ClaimState, status: Status
) -> None:
    """What was done is kept with the mission's text; an attempt that would be repeated is not: it was withdrawn."""
    node = town.peer("n1")
    held = node.hold("m")
    town.peer("anna").push({"missions/m.md": None})
    node.end(held, state)
    assert node.fold().missions == {"m": status}
    assert node.ledger().open == {}
    assert (archived(node).status, archived(node).body, archived(node).retry_at) == (status, "do it", None)


def test_a_file_edited_and_then_deleted_is_archived_as_it_was_last(town: Town) -> None:
    """The newest words are kept, as they are where the file still stands, with a word on what the attempt had read."""
    node, anna = town.peer("n1"), town.peer("anna")
    held = node.hold("m")
    anna.push({"missions/m.md": "do it twice\n"})
    anna.push({"missions/m.md": None})
    node.end(held)
    assert node.fold().missions == {"m": Status.DONE}
    assert archived(node).body == "do it twice"
    assert "changed during" in node.text(ARCHIVED)


@pytest.mark.parametrize("path", ["missions/fix-login.md", "missions/Fix Login.md", "missions/Fix-Login.MD"])
def test_what_a_deleted_file_told_last_is_kept_however_it_was_spelled(path: str) -> None:
    """Its newest words, and what it had cost before this attempt."""
    town = Town({path: "do it\n"})
    node, anna = town.peer("n1"), town.peer("anna")
    node.attempt("fix-login", ClaimState.FAILED, fields={"finished": "2026-11-21T12:05:00Z", "cost_usd": 1.5})
    node.fold()
    town.clock.forward(3600)
    held = node.hold("fix-login")
    anna.push({path: node.text(path).replace("do it", "do it twice")})
    anna.push({"missions/other.md": "x\n", "missions/….md": "y\n"})
    anna.push({path: None})
    node.end(held, fields={"finished": "2026-11-21T13:05:00Z", "cost_usd": 2.0})
    assert node.fold().missions == {"fix-login": Status.DONE}
    text = node.archived("fix-login")
    assert ("do it twice" in text, "cost_usd: 3.5\n" in text) == (True, True)


def test_a_file_that_nobody_reads_before_it_was_deleted_is_archived_as_it_was_claimed(town: Town) -> None:
    """Too large a text is no text: what the attempt worked from is kept."""
    node, anna = town.peer("n1"), town.peer("anna")
    held = node.hold("m")
    anna.push({"missions/m.md": "x" * (document.MAX_FILE_BYTES + 1)})
    anna.push({"missions/m.md": None})
    node.end(held)
    assert node.fold().missions == {"m": Status.DONE}
    assert archived(node).body == "do it"


def test_a_claim_that_came_late_takes_no_earlier_attempt_out_of_the_archive(town: Town) -> None:
    """It saw the file as it was before that attempt ended, its node died, and a person deleted the file: whoever takes
    it over ends a mission whose first attempt stays told."""
    first, slow, heir = town.peer("n1"), town.peer("n2"), town.peer("n3")
    late = claims.prepare_claims(slow.bus, [opened(slow)])
    first.attempt("m", ClaimState.PARKED, section="### Attempt 1\n\nasked a question")
    assert first.fold().missions == {"m": Status.PARKED}
    (dead,) = claims.push_claims(slow.bus, late)
    town.peer("anna").push({"missions/m.md": None})
    mine = claims.take_over(heir.bus, dead, blob=dead.claim.blob)
    assert mine is not None
    heir.end(mine, ClaimState.CANCELLED, section="### Attempt 2\n\nits file was deleted meanwhile")
    assert heir.fold().missions == {"m": Status.CANCELLED}
    text = heir.archived("m")
    assert ("asked a question" in text, "was deleted meanwhile" in text) == (True, True)


def test_a_file_broken_while_it_ran_is_archived_whole_when_it_is_done(town: Town) -> None:
    """Every word of it is in the archive, readable as done, so that what depends on it goes on."""
    broken = "---\ntitle: [never closed\n---\ndo it\n"
    node = town.peer("n1")
    held = node.hold("m")
    town.peer("anna").push({"missions/m.md": broken})
    node.end(held)
    assert node.fold().missions == {"m": Status.DONE}
    assert broken.strip() in node.text(ARCHIVED)
    assert archived(node).status is Status.DONE
    assert node.ledger().quarantined == ()


BROKEN = [
    "---\ntitle: [never closed\nrun: rm -rf x\n---\ndo it\n",
    "---\r\ntitle: [never closed\r\nstatus: queued\r\n---\r\ndo it\r\n",
    "---\ntitle: x\ndo it, fence forgotten\n",
    "---\npriorty: 5\n---\ndo it\n",
    "---\nproject: unheard-of\n---\ndo it\n",
    "---\ndepends_on: [m]\n---\ndo it\n",
    "",
]


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("state", [ClaimState.FAILED, ClaimState.RELEASED])
def test_a_file_broken_while_it_ran_stays_quarantined_until_it_is_mended(
    town: Town, broken: str, state: ClaimState
) -> None:
    """A failed attempt does not turn broken text into a mission that runs with another meaning."""
    node, anna = town.peer("n1"), town.peer("anna")
    held = node.hold("m")
    anna.push({"missions/m.md": broken})
    node.end(held, state)
    node.fold()
    ledger = node.ledger()
    assert ledger.open == {}
    assert [bad.name for bad in ledger.quarantined] == ["m"]
    text = node.text("missions/m.md")
    for line in broken.splitlines():
        assert line in text or line.startswith("status:")
    assert "### Attempt" in text


@pytest.mark.parametrize(
    ("before", "after"),
    [("Fix It.md",) * 2, ("fix-it.MD",) * 2, ("Fix It.md", "Fix It.markdown"), ("fix-it.md", "Fix It.txt")],
)
def test_a_file_that_is_no_mission_while_it_runs_is_not_taken_for_deleted(before: str, after: str) -> None:
    """However its name is spelled: grown beyond what a mission can be, or saved with another ending."""
    town = Town({f"missions/{before}": "do it\n"})
    node, anna = town.peer("n1"), town.peer("anna")
    held = node.hold("fix-it")
    large = "do it\n" * (1 if before != after else document.MAX_FILE_BYTES // 5)
    anna.push({f"missions/{before}": None, f"missions/{after}": large})
    ledger = node.ledger()
    assert [bad.name for bad in ledger.quarantined] == ["fix-it"]
    assert not ledger.deleted("fix-it")
    assert node.end(held, ClaimState.FAILED).accepted
    assert list(node.fold().missions) == ["fix-it"]
    assert "### Attempt" in node.text(f"missions/{after}")


def test_a_broken_file_that_is_mended_goes_on_where_it_was(town: Town) -> None:
    """Attempt and epoch were written into it while it could not be read; the history of two attempts is there."""
    node, anna = town.peer("n1"), town.peer("anna")
    held = node.hold("m")
    anna.push({"missions/m.md": "---\ntitle: [a\n---\ndo it\n"})
    node.end(held, ClaimState.FAILED)
    node.fold()
    anna.push({"missions/m.md": node.text("missions/m.md").replace("[a", "a")})
    mended = opened(node).mission
    assert (mended.status, mended.attempt, mended.epoch, mended.title) == (Status.FAILED, 1, 1, "a")
    held = node.hold("m")
    anna.push({"missions/m.md": node.text("missions/m.md").replace("title: a", "title: [a")})
    node.end(held, ClaimState.FAILED)
    node.fold()
    anna.push({"missions/m.md": node.text("missions/m.md").replace("[a", "a")})
    mended = opened(node).mission
    assert (mended.status, mended.attempt, mended.epoch) == (Status.FAILED, 2, 2)


def test_bytes_that_are_no_text_are_kept_as_they_are(town: Town) -> None:
    """A file or a log that somebody saved in another encoding loses no byte when a node writes into it."""
    node, anna = town.peer("n1"), town.peer("anna")
    held = node.hold("m")
    anna.push({"missions/m.md": "do it, caf\u00e9\n".encode("latin-1"), "SESSION_LOG.md": b"# Log\n\n\xfcber\n"})
    node.end(held, ClaimState.FAILED)
    node.fold()
    ledger = node.ledger()
    assert b"do it, caf\xe9\n" in (ledger.read("missions/m.md") or b"")
    assert (ledger.read("SESSION_LOG.md") or b"").startswith(b"# Log\n\n\xfcber\n")
    assert [bad.name for bad in ledger.quarantined] == ["m"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "windows-1252", "utf-16"])
def test_a_journal_saved_in_any_encoding_is_read_with_what_is_added(town: Town, encoding: str) -> None:
    """Editors on Windows save in three others than UTF-8: neither the entries in it nor those after it are lost."""
    said = (("Work Accomplished", "caf\u00e9"),)
    old = Entry(entry_id="old-1", when="2026-11-20T12:00:00Z", node="n0", agent="a", mission="m0", sections=said)
    node, anna = town.peer("n1"), town.peer("anna")
    anna.push({"SESSION_LOG.md": log.append_many("# Session log\n", [old]).encode(encoding)})
    for name in ("m", "n"):
        anna.push({f"missions/{name}.md": "do it\n"})
        node.attempt(name)
        node.fold()
    ledger = node.ledger()
    read = {
        entry.entry_id: entry.section("Work Accomplished")
        for _, entry in session_logs.entries(ledger.store, ledger.tree)
    }
    assert list(read) == ["old-1", "m-1", "n-1"]
    assert read["old-1"] == "caf\u00e9"


@pytest.mark.parametrize(
    ("written", "state", "status"),
    [
        ("status: done", ClaimState.FAILED, Status.DONE),
        ("status: cancelled", ClaimState.DONE, Status.CANCELLED),
        ("title: x", ClaimState.DONE, Status.DONE),
        ("title: x", ClaimState.FAILED, Status.CANCELLED),
        ("title: x", ClaimState.RELEASED, Status.CANCELLED),
    ],
)
def test_a_file_archived_by_hand_while_it_ran_stays_archived(
    town: Town, written: str, state: ClaimState, status: Status
) -> None:
    """Where the person put it, with their word if they left one, and with the result under it."""
    node, path = town.peer("n1"), "missions/archive/2026-10/m.md"
    held = node.hold("m")
    town.peer("anna").push({"missions/m.md": None, path: f"---\n{written}\n---\ndo it\n"})
    node.end(held, state)
    assert node.fold().missions == {"m": status}
    assert archived(node).status is status
    assert "worked" in node.text(path)
    assert [p for p in node.paths() if p.startswith("missions/")] == [path]
    assert node.ledger().open == {}


def test_approve_always_stays_open_in_review() -> None:
    """A person has to look at it; the result stands in the file, artifacts of the attempt in the archive."""
    town = Town({"missions/m.md": "---\napprove: always\n---\ndo it\n"})
    node = town.peer("n1")
    node.attempt("m", artifacts={"diff": "+x\n"})
    assert node.fold().missions == {"m": Status.REVIEW}
    assert opened(node).mission.status is Status.REVIEW
    assert "worked" in node.text("missions/m.md")
    assert node.archived_paths("m", "1.diff")
    assert not has_work(node.ledger())


def test_approving_by_editing_the_file_archives_it() -> None:
    """A person who sets `status: done` in a file in review is taken at their word."""
    town = Town({"missions/m.md": "---\napprove: always\n---\ndo it\n"})
    node = town.peer("n1")
    node.attempt("m")
    node.fold()
    town.peer("anna").push({"missions/m.md": node.text("missions/m.md").replace("review", "done")})
    assert [f.mission.name for f in settled_by_hand(node.ledger())] == ["m"]
    assert node.fold().missions == {"m": Status.DONE}
    assert "worked" in node.text(ARCHIVED)
    assert node.ledger().open == {}


def test_a_mission_that_was_never_run_is_settled_on_the_branchs_day(town: Town) -> None:
    """Cancelled before anybody took it: the day is that of the branch's newest commit, not of the folding clock."""
    town.peer("anna").push({"missions/m.md": "---\nstatus: cancelled\n---\ndo it\n"})
    town.clock.forward(86_400 * 60)
    node = town.peer("n1")
    assert node.fold().missions == {"m": Status.CANCELLED}
    assert node.ledger().archived("m") is not None
    assert ARCHIVED in node.paths()


def test_a_running_mission_that_a_person_cancels_waits_for_its_holder(town: Town) -> None:
    """It is not archived under the holder's hands; when the holder hands back, their word stands."""
    node = town.peer("n1")
    held = node.hold("m")
    town.peer("anna").push({"missions/m.md": "---\nstatus: cancelled\n---\ndo it\n"})
    assert node.fold().missions == {}
    node.end(held, ClaimState.CANCELLED)
    assert node.fold().missions == {"m": Status.CANCELLED}
    assert archived(node).status is Status.CANCELLED


def test_a_failed_attempt_is_queued_again_after_a_rest(town: Town) -> None:
    """It stays open with `retry_at`, a growing back-off after each attempt, and its history."""
    node = town.peer("n1")
    rests = []
    for number in (1, 2):
        node.attempt("m", ClaimState.FAILED, section=f"### Attempt {number}")
        assert node.fold().missions == {"m": Status.FAILED}
        mission = opened(node).mission
        assert (mission.attempt, mission.epoch) == (number, number)
        assert mission.retry_at is not None
        rests.append(mission.retry_at - datetime.fromisoformat("2026-11-21T12:05:00Z"))
    assert rests == [timedelta(seconds=2), timedelta(seconds=4)]
    assert "### Attempt 1" in node.text("missions/m.md")
    assert "### Attempt 2" in node.text("missions/m.md")


def test_a_mission_whose_attempts_are_spent_is_dead_and_stays_in_sight(town: Town) -> None:
    """After max_retries attempts nobody claims it; it stays in `missions/` with its history."""
    node = town.peer("n1")
    for _ in range(3):
        node.attempt("m", ClaimState.FAILED)
        node.fold()
    mission = opened(node).mission
    assert (mission.status, mission.attempt, mission.retry_at) == (Status.DEAD, 3, None)
    assert len(parse_log(node.text("SESSION_LOG.md")).entries) == 3


def test_a_retry_after_success_has_no_rest_left_in_the_file(town: Town) -> None:
    """`retry_at` of the failed attempt is taken out when the next one is done."""
    node = town.peer("n1")
    node.attempt("m", ClaimState.FAILED)
    node.fold()
    node.attempt("m")
    node.fold()
    assert archived(node).retry_at is None
    assert "retry_at" not in node.text(ARCHIVED)


def test_a_released_attempt_does_not_count(town: Town) -> None:
    """A node that was stopped puts the mission back: queued, same attempts, a later epoch."""
    node = town.peer("n1")
    node.attempt("m", ClaimState.RELEASED)
    assert node.fold().missions == {"m": Status.QUEUED}
    mission = opened(node).mission
    assert (mission.attempt, mission.epoch) == (0, 1)


def test_a_claim_that_the_branch_is_past_is_only_deleted(town: Town) -> None:
    """Folding the same end twice, say after a restored backup of the server's refs, writes nothing a second time."""
    node = town.peer("n1")
    held = node.attempt("m")
    closed = node.ledger().claims["m"]
    node.fold()
    tip = node.ledger().tip
    node.line.push([RefUpdate(ref="refs/shiftbook/claim/m", expect=None, new=closed.oid)])
    assert node.fold().missions == {}
    assert node.ledger().tip == tip
    assert node.ledger().claims == {}
    assert held.claim.epoch == 1


def test_late_work_is_kept_and_not_folded(town: Town) -> None:
    """What a fenced holder did stands on a ref of its own; the branch has the accepted result only."""
    from orchestrator.ledger.claims import take_over

    old, new = town.peer("old"), town.peer("new")
    held = old.hold("m")
    taken = take_over(new.bus, new.ledger().claims["m"], blob=held.claim.blob)
    assert taken is not None
    late = old.end(held, section="the old one's work")
    new.end(taken, section="the new one's work")
    new.fold()
    assert late.late == "refs/shiftbook/late/m-1-old"
    assert set(new.ledger().late) == {"m-1-old"}
    assert "the new one's work" in new.text(ARCHIVED)
    assert "the old one's work" not in new.text(ARCHIVED)
    assert archived(new).node == "new"


def test_a_message_names_what_was_folded(town: Town) -> None:
    """One mission is named in the subject."""
    node = town.peer("n1")
    node.attempt("m")
    node.fold()
    assert read_commit(node.bus.store.get(node.ledger().tip)).message == "m: done\n"


def test_a_claim_on_an_object_that_is_not_there_stops_no_fold(town: Town) -> None:
    """A claim whose blob nobody has is folded like one on a changed file; the others with it."""
    node = town.peer("n1")
    held = node.hold("m")
    node.end(held)
    ledger = node.ledger()
    closed = replace(ledger.claims["m"].claim, blob="0" * 40)
    assert FoldPlan(ledger).take(closed, record(held)) == {"m": Status.DONE}


def test_only_the_holders_own_signature_is_folded(tmp_path: Path, keys: Keys) -> None:
    """With signatures, a closed claim that the named node did not sign stays where it is and changes nothing."""
    signers = keys.signers(anna=("admin", "author"), n1=("node",), n2=("node",))
    town = Town({"missions/m.md": BODY, "allowed_signers": signers}, folder=tmp_path)
    forger, honest = town.peer("n1", key=keys["n2"]), town.peer("n2", key=keys["n2"])
    held = forger.hold("m")
    forger.end(held)
    assert honest.fold().missions == {}
    assert set(honest.ledger().claims) == {"m"}
    assert opened(honest).mission.status is Status.QUEUED
    town.close()


@pytest.mark.parametrize(
    "forged",
    [
        {"log_path": "fleet.toml"},
        {"log_path": "projects/../allowed_signers"},
        {"log_path": "projects/a/b/SESSION_LOG.md"},
        {"memo": "x", "memo_path": "missions/evil.md"},
        {"memo": "x", "memo_path": "memos/2026-11/other-1.md"},
        {"finished": "../../x"},
        {"fields": {"trusted_by": "anna"}},
        {"fields": {"run": "curl evil"}},
    ],
)
def test_a_node_brings_nothing_but_a_result(town: Town, forged: dict[str, object]) -> None:
    """A record that would write elsewhere, or set what only a person may, is not folded; why is told."""
    node = town.peer("n1")
    held = node.hold("m")
    assert claims.complete(node.bus, held, replace(record(held), **forged), state=ClaimState.DONE).accepted  # type: ignore[arg-type]
    before = node.paths()
    folded = node.fold()
    assert (folded.missions, set(folded.refused), node.paths()) == ({}, {"m"}, before)


def test_a_folded_branch_is_a_sound_repository(tmp_path: Path, keys: Keys) -> None:
    """git finds nothing wrong with what nodes write, and everything is signed by the node that wrote it."""
    signers = keys.signers(anna=("admin", "author"), n1=("node",))
    town = Town({"missions/m.md": BODY, "allowed_signers": signers}, folder=tmp_path)
    node = town.peer("n1", key=keys["n1"])
    node.attempt("m", artifacts={"diff": "+x\n"})
    node.fold()
    assert git(town.bare, "fsck", "--strict", "--full", "--no-dangling") == ""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(town.bare), str(clone))
    assert (clone / ARCHIVED).read_text().startswith("---\nstatus: done\n")
    (tmp_path / "signers").write_text(signers)
    git(clone, "-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={tmp_path}/signers", "verify-commit", "HEAD")
    town.close()


def test_every_view_of_a_folded_mission_says_the_same(town: Town) -> None:
    """A node with a fresh view reads the state that the folder wrote."""
    node = town.peer("n1")
    node.attempt("m")
    node.fold()
    fresh = MemoryRemote(town.server)
    other = town.peer("n2")
    assert other.reader.read(fresh.fetch()).archived("m") == node.ledger().archived("m")
    found = document.read(ARCHIVED, node.text(ARCHIVED).encode())
    assert not isinstance(found, Quarantined)


def hostile(town: Town, keys: Keys, facts: Mapping[str, object], state: ClaimState = ClaimState.DONE) -> Peer:
    """A listed node ends its attempt at m with a record that it wrote itself. Returns an honest node."""
    bad, node = town.peer("bad", key=keys["bad"]), town.peer("n1", key=keys["n1"])
    held = bad.hold("m")
    files = dict(record(held).files())
    text = facts.get("text")
    honest: dict[str, object] = json.loads(files["record.json"] or b"")
    files["record.json"] = text if isinstance(text, bytes) else json.dumps({**honest, **MEMO, **facts}).encode()
    files["memo.md"] = b"---\nmemo_id: m-1\n---\n"
    log = bad.bus.commit(files, "log", onto=None, tree=None)
    closed = lease.close(held.claim, state=state, nonce="z", log=log)
    end = bad.bus.commit({CLAIM_FILE: closed.print()}, "end", onto=held.oid, tree=None)
    moves = [RefUpdate(ref=CLAIM + "m", expect=held.oid, new=end), RefUpdate(ref=LOG + "bad", expect=None, new=log)]
    assert set(bad.line.push(moves, atomic=True).values()) == {"accepted"}
    return node


@pytest.fixture
def listed(keys: Keys) -> Town:
    """A signed ledger on which one of the nodes is hostile; both missions are queued."""
    signers = keys.signers(anna=("admin", "author"), bad=("node",), n1=("node",))
    return Town({"allowed_signers": signers, "missions/m.md": BODY, "missions/k.md": BODY})


@pytest.mark.parametrize(
    "facts",
    [
        {"text": b"[" * 200_000},
        {"text": b'{"mission": ' + b"[" * 200_000},
        {"text": b"\xff\xfe"},
        {"text": b"[]"},
        {"fields": ["cost_usd"]},
        {"fields": None},
        {"fields": 5},
        {"fields": ""},
        {"fields": {"started": ["a"]}},
        {"fields": {"started": {"a": 1}}},
        {"fields": {"started": "a\nstatus: queued\nproject: shop"}},
        {"fields": {"cost_usd": "x"}},
        {"fields": {"a\nb\x1b[2J": "x"}},
        {"fields": {"a\nb": []}},
        {"fields": {"cost_usd": float("inf")}},
        {"fields": {"cost_usd": 10**400}},
        {"fields": {"branch": "\ud800"}},
        {"log_path": 5},
        {"memo_path": 5},
        {"memo_path": ""},
        {"mission": 5},
        {"epoch": True},
        {"finished": 5},
        {"finished": "2026-11-21"},
        {"finished": "9999-12-31T23:59:59Z", "memo_path": "memos/9999-12/m-1.md"},
        {"more": 1},
    ],
    ids=lambda facts: str(facts)[:40],
)
def test_no_record_stops_the_fold_of_the_others(listed: Town, keys: Keys, facts: dict[str, object]) -> None:
    """Whatever a listed node writes as its record is refused in one line, and what others did is folded."""
    node = hostile(listed, keys, facts, ClaimState.FAILED)
    node.attempt("k")
    folded = node.fold()
    assert folded.missions == {"k": Status.DONE}
    assert set(folded.refused) == {"m"}
    assert folded.refused["m"].isprintable()
    assert opened(node).mission.attempt == 0
    assert "m" in node.ledger().claims


def test_a_record_of_plain_values_is_taken(listed: Town, keys: Keys) -> None:
    """What an honest node writes is what it was before, odd characters and missing values included."""
    fields = {"started": None, "finished": "2026-11-21T12:05:00Z", "branch": "x\u2028---\n", "cost_usd": 1}
    node = hostile(listed, keys, {"fields": fields})
    assert node.fold().missions == {"m": Status.DONE}
    assert archived(node).branch == fields["branch"]


@pytest.mark.parametrize("section", ["### A\n\n\0\n", "### A\n\n" + "long\n" * 60_000])
@pytest.mark.parametrize("state", [ClaimState.DONE, ClaimState.FAILED])
def test_a_section_that_no_mission_can_hold_is_told_in_short(town: Town, section: str, state: ClaimState) -> None:
    """A command printed zero bytes, or a model talked on and on: the mission stays one that can be read."""
    node = town.peer("n1")
    node.attempt("m", state, section=section)
    assert set(node.fold().missions) == {"m"}
    filed = node.ledger().open.get("m") or node.ledger().archived("m")
    assert filed is not None
    data = node.bus.store.get(filed.blob)
    assert b"### A" in data
    assert (b"more characters are in the node's log" in data) == ("long" in section)


def test_a_result_that_no_mission_can_hold_waits_for_a_person(town: Town) -> None:
    """The person's own text leaves no room: nothing of the result is written, and the others are folded."""
    peer = town.peer("n1")
    peer.push({"missions/m.md": "x" * (document.MAX_FILE_BYTES - 100), "missions/k.md": BODY})
    peer.attempt("m", artifacts={"diff": "+\n"})
    peer.attempt("k")
    folded = peer.fold()
    assert folded.missions == {"k": Status.DONE}
    assert "could not be read: the file has" in folded.refused["m"]
    assert not peer.archived_paths("m")
    assert "by n1" in peer.text("SESSION_LOG.md")
    assert "entry: m-1" not in peer.text("SESSION_LOG.md")
    peer.push({"missions/m.md": "x"})
    assert peer.fold().missions == {"m": Status.DONE}


def test_what_a_refused_result_would_have_filed_is_not_filed_with_the_next_one(town: Town) -> None:
    """A plan that goes on after a result which no mission can hold has nothing of it, its children included."""
    peer = town.peer("n1")
    peer.push({"missions/m.md": "x" * (document.MAX_FILE_BYTES - 100), "missions/k.md": BODY})
    for held in peer.claim("m", "k"):
        brought = replace(record(held), proposals={f"child-of-{held.claim.mission}": "Look into it.\n"})
        assert claims.complete(peer.bus, held, brought, state=ClaimState.DONE).accepted
    folded = peer.fold()
    assert (folded.missions, set(folded.refused)) == ({"k": Status.DONE}, {"m"})
    assert sorted(path for path in peer.paths() if "child-of" in path) == ["missions/child-of-k.md"]
    held = peer.ledger().claims["m"]
    plan = FoldPlan(peer.ledger())
    with pytest.raises(UnusableResult):
        plan.take(held.claim, replace(record(held), proposals={"child-of-m": "Look into it.\n"}))
    assert plan.files == {}


def test_a_mission_that_an_agent_proposed_has_a_span_of_its_own(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that nodes tell of it hangs below that one; what stands there already, or failed and waits, has one."""
    spans = list[str]()
    monkeypatch.setattr(tracing, "record", lambda name, _began, *, mission, **_facts: spans.append(f"{name} {mission}"))
    peer = town.peer("n1")
    peer.push({"missions/k.md": BODY})
    peer.attempt("k", ClaimState.FAILED)
    held = peer.hold("m")
    brought = replace(record(held), proposals={"child": "Look into it.\n"})
    assert claims.complete(peer.bus, held, brought, state=ClaimState.DONE).accepted
    peer.fold()
    assert sorted(spans) == ["mission.file child", "mission.fold k", "mission.fold m"]
    peer.fold()
    assert len(spans) == 3


def test_a_running_log_that_grew_long_leaves_its_older_entries_to_their_days(town: Town) -> None:
    """No fold of a busy month writes all of it anew; readers find every entry once, in its order."""
    days = [f"2026-11-{day:02}T10:00:00Z" for day in (3, 4)]
    said = (("Work Accomplished", "x"),)
    old = [Entry(entry_id=f"old-{n}", when=days[n // 70], node="n1", sections=said) for n in range(140)]
    node = town.peer("n1")
    node.push({"SESSION_LOG.md": log.append_many("# Session log\n", old)})
    node.attempt("m")
    node.fold()
    assert len(parse_log(node.text("SESSION_LOG.md")).entries) == session_logs.MIN_RUNNING_ENTRIES
    assert [path for path in node.paths() if path.startswith("log/")] == ["log/2026-11-03.md", "log/2026-11-04.md"]
    ledger = node.ledger()
    read = [entry.entry_id for _, entry in session_logs.entries(ledger.store, ledger.tree)]
    assert read == [*(f"old-{n}" for n in range(140)), "m-1"]


def test_a_busy_day_has_several_files_none_of_which_a_fold_writes_for_long(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a fold writes of the journal does not grow with the day; every entry is read once, in its order."""
    monkeypatch.setattr(session_logs, "MAX_DAY_BYTES", 10_000)
    said, node = (("Work Accomplished", "x" * 100),), town.peer("n1")
    number = 0
    for turn in range(6):
        more = [
            Entry(entry_id=f"e-{number + n}", when=f"2026-11-03T10:{turn:02}:{n % 60:02}Z", node="n1", sections=said)
            for n in range(85)
        ]
        number += len(more)
        node.push({"SESSION_LOG.md": log.append_many(node.text("SESSION_LOG.md") or "# Session log\n", more)})
        node.push({f"missions/m{turn}.md": BODY})
        node.attempt(f"m{turn}")
        node.fold()
    parts = [path for path in node.paths() if path.startswith("log/2026-11-03")]
    assert sorted(parts)[:3] == ["log/2026-11-03.md", "log/2026-11-03/002.md", "log/2026-11-03/003.md"]
    chunk = 90 * 250
    assert all(len(node.text(path).encode()) < 10_000 + chunk for path in parts)
    ledger = node.ledger()
    read = [entry.entry_id for _, entry in session_logs.entries(ledger.store, ledger.tree)]
    assert [entry for entry in read if entry.startswith("e-")] == [f"e-{each}" for each in range(number)]
    assert len(read) == number + 6
    assert len(session_logs.newest(ledger, None, number)) == number


def test_what_a_clone_brings_back_into_the_running_log_is_not_put_away_twice(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It merged from before the entries were put away: they stand in earlier parts of their day, and stay there."""
    monkeypatch.setattr(session_logs, "MAX_DAY_BYTES", 2_000)
    node = town.peer("n1")
    said = lambda text: (("Work Accomplished", text),)  # noqa: E731
    every = [
        Entry(entry_id=f"e-{n}", when=f"2026-11-03T10:00:{n % 60:02}Z", node="n1", sections=said("x" * 50))
        for n in range(240)
    ]
    before = log.append_many("# Session log\n", every[:120])
    for turn, text in enumerate((before, log.append_many("", every[120:]))):
        node.push({"SESSION_LOG.md": log.union("", node.text("SESSION_LOG.md"), text), f"missions/m{turn}.md": BODY})
        node.attempt(f"m{turn}")
        node.fold()
    away = {path: node.text(path) for path in node.paths() if path.startswith("log/")}
    assert len(away) > 1

    changed = replace(every[5], sections=said("in other words"))
    other_words = log.append_many("", [changed, *every[:5], *every[6:125]])
    for turn, words in enumerate((before, before, other_words), start=2):
        node.push({"SESSION_LOG.md": log.union("", node.text("SESSION_LOG.md"), words), f"missions/m{turn}.md": BODY})
        recent = [entry.entry_id for entry in session_logs.recent(node.ledger(), "").entries]
        assert len(recent) == len(set(recent))
        node.attempt(f"m{turn}")
        node.fold()
        assert len(parse_log(node.text("SESSION_LOG.md")).entries) == session_logs.MIN_RUNNING_ENTRIES
        put_away = [node.text(path) for path in node.paths() if path.startswith("log/")]
        stand = [entry.raw.strip() for text in put_away for entry in parse_log(text).entries]
        assert len(stand) == len(set(stand))
        ledger = node.ledger()
        read = {entry.entry_id for _, entry in session_logs.entries(ledger.store, ledger.tree)}
        assert read == {f"e-{n}" for n in range(240)} | {f"m{n}-1" for n in range(turn + 1)}
    assert "in other words" in "".join(put_away)


def test_a_day_has_no_more_files_than_are_read(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last of 999 takes what is left of it: a thousandth would be read by nobody."""
    monkeypatch.setattr(session_logs, "MAX_DAY_BYTES", 10)
    node, day = town.peer("n1"), "log/2026-11-03"
    node.push({f"{day}.md": b"x" * 10, f"{day}/998.md": b"x" * 10})
    assert session_logs.day_path(node.ledger(), "", "2026-11-03", {}) == f"{day}/999.md"
    node.push({f"{day}/999.md": b"x" * 10})
    assert session_logs.day_path(node.ledger(), "", "2026-11-03", {}) == f"{day}/999.md"
    assert f"{day}/999.md" in {file.path for file in session_logs.files(node.bus.store, node.ledger().tree)}


def test_the_file_of_a_day_is_found_from_the_branch_and_from_what_is_about_to_be_written(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that one commit with much of a day goes on where it has just begun, in a project's journal, too."""
    monkeypatch.setattr(session_logs, "MAX_DAY_BYTES", 10)
    node = town.peer("n1")
    full, day = b"x" * 10, "2026-11-03"
    node.push({"projects/p/log/2026-11-03.md": full, "projects/p/log/2026-11-03/002.md": full, "log/2026-11-03/x": b""})
    ledger = node.ledger()
    path = lambda project, **written: session_logs.day_path(ledger, project, day, written)  # noqa: E731
    assert path("") == "log/2026-11-03.md"
    assert path("p") == "projects/p/log/2026-11-03/003.md"
    assert path("p", **{"projects/p/log/2026-11-03/003.md": b"new"}) == "projects/p/log/2026-11-03/003.md"
    assert path("p", **{"projects/p/log/2026-11-03/003.md": full}) == "projects/p/log/2026-11-03/004.md"
    assert path("", **{"log/2026-11-03.md": full}) == "log/2026-11-03/002.md"


def test_of_a_month_its_days_come_before_its_own_file(town: Town) -> None:
    """What was left when the month was over is later than what a busy day had put away."""
    texts = {
        name: log.append_many("", [Entry(entry_id=name, when="2026-10-01T10:00:00Z", node="n", sections=(("a", "b"),))])
        for name in ("2026-09", "2026-10", "2026-10-01", "2026-10-30")
    }
    node = town.peer("n1")
    node.push({f"log/{name}.md": text for name, text in texts.items()})
    ledger = node.ledger()
    found = [entry.entry_id for _, entry in session_logs.entries(ledger.store, ledger.tree)]
    assert found == ["2026-09", "2026-10-01", "2026-10-30", "2026-10"]
