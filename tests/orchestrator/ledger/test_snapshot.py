"""Does one look at the branch show every file, mission or not, and never fail over what somebody pushed?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.lease import ClaimState
from missions.mission import MAX_NAME_CHARS, Status
from orchestrator.ledger.snapshot import MAX_CLAIM_BYTES, LedgerSnapshot
from sync.objects import (
    FOLDER,
    SUBMODULE,
    SYMLINK,
    TreeEntry,
    edit_tree,
    find,
    folder_entries,
    print_tree,
    read_commit,
    read_tree,
    write_commit,
)
from sync.remote import ObjectStore, Oid, RefUpdate
from tests.ledgers import Files, Peer, Town

CLAIM = "refs/shiftbook/claim/m"


def look(files: Files) -> LedgerSnapshot:
    """The ledger with these files."""
    return Town(files).peer("n1").ledger()


def reasons(ledger: LedgerSnapshot) -> dict[str, str]:
    """Quarantined files by path."""
    return {bad.path: bad.reason for bad in ledger.quarantined}


def test_missions_are_read_by_their_names() -> None:
    """The file's name is the identity; the archive and other folders' files are not open missions."""
    ledger = look(
        {"missions/Fix Bug.md": "x", "missions/b.MD": "y", "missions/archive/2026-10/c.md": "z", "notes.md": "n"}
    )
    assert {name: filed.path for name, filed in ledger.open.items()} == {
        "fix-bug": "missions/Fix Bug.md",
        "b": "missions/b.MD",
    }
    assert ledger.quarantined == ()


def test_a_ledger_without_missions_is_empty() -> None:
    """Neither a missing folder nor a file of that name is an error."""
    assert look({}).open == {}
    assert look({"missions": "a file"}).open == {}
    assert look({"missions/archive": "a file", "missions/m.md": "x"}).archived("m") is None


@pytest.mark.parametrize(
    ("path", "data", "words", "line"),
    [
        ("a.md", "---\ntitle: [x\n---\n", "cannot be read", 3),
        ("a.md", b"\x89PNG\0\0", "binary", None),
        ("a.md", b"x" * 262_145, "262,145", None),
        ("a.md", b"ok\n\xff\n", "UTF-8", 2),
        ("a.md", "", "empty", None),
        ("a.md", "---\npriorty: 1\n---\nx", "unknown field “priorty”", 2),
        ("a.md", "---\ntask: cook\n---\nx", "unknown task type", 2),
        ("a.md", "---\nagent: hal\n---\nx", "unknown agent", 2),
        ("a.md", "---\nproject: shoop\n---\nx", "unknown project “shoop”: fleet.toml has shop", None),
        ("a.txt", "do it", ".md", None),
        ("a.markdown", "do it", ".md", None),
        ("a.md/inner.txt", "do it", "a folder", None),
        ("???.md", "do it", "letter or digit", None),
    ],
)
def test_a_file_that_is_no_mission_is_shown_with_its_reason(
    path: str, data: str | bytes, words: str, line: int | None
) -> None:
    """Never skipped in silence, whatever is wrong; the others are read as ever."""
    ledger = look({f"missions/{path}": data, "missions/good.md": "do it"})
    assert [bad.path for bad in ledger.quarantined] == [f"missions/{path.partition('/')[0]}"]
    bad = ledger.quarantined[0]
    assert words in bad.reason
    assert bad.line == line
    assert bad.hint
    assert set(ledger.open) == {"good"}


@pytest.mark.parametrize(
    "path", ["README.md", "readme.md", ".gitkeep", ".hidden.md", "picture.png", "archive/2026-01/a.md"]
)
def test_what_belongs_there_is_not_reported(path: str) -> None:
    """A README, hidden files and attachments are nobody's missions."""
    ledger = look({f"missions/{path}": "x"})
    assert (dict(ledger.open), ledger.quarantined) == ({}, ())


def with_entry(town: Town, name: str, entry: TreeEntry) -> Peer:
    """A ledger in which `missions/` has an entry that no editor makes."""
    peer = town.peer("anna")
    store, refs = peer.bus.store, peer.bus.remote.fetch()
    root = read_tree(store.get(read_commit(store.get(refs["refs/heads/main"])).tree))
    folder = read_tree(store.get(root["missions"].oid)) | {name: entry}
    root["missions"] = TreeEntry(FOLDER, store.put("tree", print_tree(folder)))
    tip = commit(store, store.put("tree", print_tree(root)), refs["refs/heads/main"])
    peer.line.push([RefUpdate(ref="refs/heads/main", expect=refs["refs/heads/main"], new=tip)])
    return peer


def commit(store: ObjectStore, tree: Oid, *parents: Oid) -> Oid:
    """A commit of a tree."""
    return write_commit(store, tree=tree, parents=parents, name="t", email="t@x", when=1, message="odd", sign=None)


@pytest.mark.parametrize(("mode", "words"), [(SYMLINK, "symbolic link"), (SUBMODULE, "submodule")])
def test_links_are_not_followed(mode: str, words: str) -> None:
    """A symbolic link could point anywhere on a node's disk; a submodule's commit is not even there."""
    town = Town({"missions/good.md": "x"})
    oid = town.server.store.put("blob", b"/etc/passwd") if mode == SYMLINK else "1" * 40
    ledger = with_entry(town, "link.md", TreeEntry(mode, oid)).ledger()
    assert list(reasons(ledger)) == ["missions/link.md"]
    assert words in reasons(ledger)["missions/link.md"]
    assert set(ledger.open) == {"good"}


def test_an_executable_file_is_a_file() -> None:
    """The mode of a mission does not matter."""
    town = Town({"missions/good.md": "x"})
    ledger = with_entry(town, "b.md", TreeEntry("100755", town.server.store.put("blob", b"do it"))).ledger()
    assert set(ledger.open) == {"good", "b"}


def test_two_files_of_one_name_are_not_both_run() -> None:
    """The plainest spelling is the mission, the other is quarantined and names the first."""
    ledger = look({"missions/fix-bug.md": "one", "missions/Fix Bug.md": "two", "missions/fix_bug.md": "three"})
    assert ledger.open["fix-bug"].path == "missions/fix-bug.md"
    assert set(reasons(ledger)) == {"missions/Fix Bug.md", "missions/fix_bug.md"}
    assert all("missions/fix-bug.md" in reason for reason in reasons(ledger).values())


def test_names_that_differ_only_after_the_roof_collide() -> None:
    """A name is cut to what fits a ref; two that become the same are not mixed up."""
    ledger = look({f"missions/{'a' * MAX_NAME_CHARS}{end}.md": "x" for end in ("b", "c")})
    assert len(ledger.open) == 1
    assert len(ledger.quarantined) == 1


def test_a_new_file_with_the_name_of_a_finished_mission_is_quarantined() -> None:
    """Results, claims and logs go by name: a second mission of that name would be mixed up with the first."""
    done = "---\nstatus: done\nepoch: 1\n---\nx"
    ledger = look({"missions/archive/2026-09/m.md": done, "missions/m.md": "again"})
    assert ledger.open == {}
    assert "missions/archive/2026-09/m.md" in reasons(ledger)["missions/m.md"]


def test_a_finished_mission_that_was_moved_back_runs_again() -> None:
    """A person may take it out of the archive and set it to queued: its epoch goes on."""
    ledger = look({"missions/m.md": "---\nstatus: queued\nepoch: 3\nattempt: 1\n---\nx"})
    assert ledger.open["m"].mission.epoch == 3


def test_circles_are_quarantined_with_the_way_round() -> None:
    """All in the circle are shown with it; who only waits for one of them is not in it; a finished one breaks it."""
    ledger = look(
        {
            "missions/a.md": "---\ndepends_on: b\n---\nx",
            "missions/b.md": "---\ndepends_on: [c]\n---\nx",
            "missions/c.md": "---\ndepends_on: [a]\n---\nx",
            "missions/d.md": "---\ndepends_on: [a]\n---\nx",
            "missions/self.md": "---\ndepends_on: [self]\n---\nx",
        }
    )
    assert set(ledger.open) == {"d"}
    found = reasons(ledger)
    assert "a → b → c → a" in found["missions/a.md"]
    assert "self → self" in found["missions/self.md"]
    assert len(found) == 4


def test_finished_missions_are_found_by_name() -> None:
    """Only those archived as done count for what depends on them; the newest month wins."""
    done = "---\nstatus: done\nepoch: 2\n---\nx"
    ledger = look(
        {
            "missions/archive/2026-10/a.md": done,
            "missions/archive/2026-11/a.md": done.replace("2", "4"),
            "missions/archive/2026-11/b.md": "---\nstatus: cancelled\n---\nx",
            "missions/archive/2026-11/broken.md": "---\ntitle: [\n---\nx",
            "missions/archive/2026-11/a.1.diff": "+",
        }
    )
    filed = ledger.archived("a")
    assert filed is not None
    assert (filed.path, filed.mission.epoch) == ("missions/archive/2026-11/a.md", 4)
    assert ledger.finished(["a", "b", "broken", "none"]) == {"a"}
    assert ledger.folded_epoch("a") == 4
    assert ledger.folded_epoch("none") == 0
    assert len(list(ledger.every_archived())) == 4


@pytest.mark.parametrize("other", ["add login.md", "x.login.md", "login.md.md", "login.mdx", "Login.md"])
def test_a_name_that_only_ends_alike_is_not_found(other: str) -> None:
    """`add login.md`, put into the archive by hand, does not make `login` count as done."""
    ledger = look({f"missions/archive/2026-11/{other}": "---\nstatus: done\n---\nx"})
    assert ledger.archived("login") is None


def test_a_folder_of_that_name_in_the_archive_is_no_mission() -> None:
    """The search goes by the entry's mode, too."""
    assert look({"missions/archive/2026-11/m.md/x": "y"}).archived("m") is None


def test_files_of_the_branch_are_read_as_files_only() -> None:
    """A folder, a missing path and a path through a file read as nothing."""
    ledger = look({"memos/a.md": "hello", "missions/m.md": "x"})
    assert ledger.read("memos/a.md") == b"hello"
    assert [ledger.read(path) for path in ("memos", "memos/b.md", "memos/a.md/b", "")] == [None] * 4
    assert ledger.text("nothing") == ""


GOOD = {
    "mission": "m",
    "blob": "a" * 40,
    "node": "n1",
    "boot": "b",
    "epoch": 1,
    "attempt": 1,
    "nonce": "x",
    "state": "running",
    "log": None,
    "reason": "",
}


def claimed(text: bytes | None, message: str = "") -> LedgerSnapshot:
    """A ledger with a claim ref on a commit that holds this claim file."""
    town = Town({"missions/m.md": "x"})
    store = town.server.store
    tree = edit_tree(store, None, {"claim.json": text} if text is not None else {"other": b""})
    assert tree is not None
    oid = commit(store, tree) if not message else store.put("commit", message.format(tree=tree).encode())
    town.server.refs[CLAIM] = oid
    return town.peer("n1").ledger()


def test_a_claim_that_was_written_by_the_rules_is_read() -> None:
    """The text that Claim.print writes."""
    assert claimed(json.dumps(GOOD).encode()).claims["m"].claim.node == "n1"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"[" * 100_000,
        None,
        *[
            json.dumps(GOOD | changes).encode()
            for changes in (
                {"node": ["n1"]},
                {"node": {}},
                {"mission": 5},
                {"mission": "other"},
                {"blob": "HEAD"},
                {"blob": "x\ny"},
                {"log": "main"},
                {"log": 5},
                {"epoch": 0},
                {"epoch": True},
                {"epoch": 1.5},
                {"attempt": "1"},
                {"state": "winning"},
                {"extra": 1},
                {"nonce": None},
            )
        ],
    ],
)
def test_a_claim_that_makes_no_sense_is_shown_and_hurts_nobody(text: bytes | None) -> None:
    """Whoever may push can push nonsense to a claim's ref: it is reported, and every node goes on."""
    ledger = claimed(text)
    assert list(ledger.unreadable_claims) == ["m"]
    assert ledger.unreadable_claims["m"]
    assert ledger.claims == {}
    assert set(ledger.open) == {"m"}


@pytest.mark.parametrize(
    "commit_text",
    [
        "tree {tree}\nauthor a <a> 1 +0000\ncommitter nobody\n\nx",
        "tree {tree}\n\nno people",
        "author a <a> 1 +0000\n\nno tree",
        "tree {tree}\ncommitter a <a> soon +0000\n\nx",
        "tree 1111111111111111111111111111111111111111\ncommitter a <a> 1 +0000\n\nx",
        "",
        "\n\n",
    ],
)
def test_a_commit_that_makes_no_sense_hurts_nobody(commit_text: str) -> None:
    """The same for the commit that a claim's ref names: a server without fsck takes it in."""
    ledger = claimed(json.dumps(GOOD).encode(), commit_text or "{{}}")
    assert set(ledger.unreadable_claims) | set(ledger.claims) == {"m"}
    assert set(ledger.open) == {"m"}


@pytest.mark.parametrize("kind", ["blob", "tree", "tag"])
def test_a_claim_ref_on_something_else_hurts_nobody(kind: str) -> None:
    """A ref may name any object."""
    town = Town({"missions/m.md": "x"})
    town.server.refs[CLAIM] = town.server.store.put(kind, b"")
    ledger = town.peer("n1").ledger()
    assert list(ledger.unreadable_claims) == ["m"]


def test_a_claim_file_that_is_a_submodule_hurts_nobody() -> None:
    """Its object is nowhere."""
    town = Town({"missions/m.md": "x"})
    store = town.server.store
    tree = store.put("tree", print_tree({"claim.json": TreeEntry(SUBMODULE, "1" * 40)}))
    town.server.refs[CLAIM] = commit(store, tree)
    assert list(town.peer("n1").ledger().unreadable_claims) == ["m"]


def test_beats_and_late_work_are_listed_by_their_names() -> None:
    """What one fetch showed beside the branch."""
    town = Town()
    blob = town.server.store.put("blob", b"beat")
    town.server.refs |= {"refs/shiftbook/beat/n1": blob, "refs/shiftbook/late/m-1-n2": blob}
    ledger = town.peer("n1").ledger()
    assert (ledger.beats, ledger.late) == ({"n1": blob}, {"m-1-n2": blob})


def test_what_was_read_once_is_not_parsed_again_but_a_change_is_seen() -> None:
    """The reader keeps a blob's meaning; another blob at the same path is read."""
    town = Town({"missions/m.md": "one", "missions/k.md": "k"})
    peer = town.peer("n1")
    first = peer.ledger()
    assert peer.ledger().open["k"].mission is first.open["k"].mission
    town.peer("anna").push({"missions/m.md": "two", "missions/k.md": None})
    second = peer.ledger()
    assert second.open["m"].mission.body == "two"
    assert set(second.open) == {"m"}


def test_a_mended_file_is_a_mission_again() -> None:
    """Quarantine ends with the next look."""
    town = Town({"missions/m.md": "---\npriority: x\n---\ndo it"})
    peer = town.peer("n1")
    assert peer.ledger().open == {}
    town.peer("anna").push({"missions/m.md": "---\npriority: 3\n---\ndo it"})
    assert peer.ledger().open["m"].mission.status is Status.QUEUED


def test_the_real_server_shows_the_same(tmp_path: Path) -> None:
    """One ledger read over a bare repository and in memory is one ledger."""
    files = {"missions/m.md": "x", "missions/b.txt": "y", "missions/archive/2026-11/c.md": "---\nstatus: done\n---\nz"}
    real = Town(files, folder=tmp_path)
    one, two = real.peer("n1").ledger(), look(files)
    assert one.tree == two.tree
    assert (one.open, one.quarantined, one.archived("c")) == (two.open, two.quarantined, two.archived("c"))
    assert find(one.store, one.tree, "missions/m.md") == find(two.store, two.tree, "missions/m.md")
    real.close()


def test_a_second_spelling_takes_nothing_from_the_first() -> None:
    """What was there first stays the mission, though the newcomer sorts before it; a claimed text stays in any case."""
    town = Town({"missions/fix it.md": "the first"})
    node = town.peer("n1")
    node.push({"missions/fix-it.md": "a newcomer"})
    assert node.ledger().open["fix-it"].path == "missions/fix it.md"
    assert set(reasons(node.ledger())) == {"missions/fix-it.md"}


def test_a_copy_takes_nothing_from_a_claimed_mission_that_was_edited() -> None:
    """The copy has the text that was claimed, the first has not any more: it stays the mission."""
    town = Town({"missions/m.md": "the first"})
    node = town.peer("n1")
    node.hold("m")
    node.push({"missions/M.md": "the first"})
    node.push({"missions/m.md": "---\nstatus: cancelled\n---\nthe first"})
    assert node.ledger().open["m"].path == "missions/m.md"
    node.push({"missions/m.md": None})
    assert node.ledger().open["m"].path == "missions/M.md"
    node.push({"missions/m.md": "comes back later"})
    assert node.ledger().open["m"].path == "missions/M.md"


def test_a_copy_of_a_finished_mission_is_set_aside() -> None:
    """With the fields of a node in it, it would be worked on in epochs that are over."""
    town = Town({"missions/m.md": "x"})
    node = town.peer("n1")
    node.attempt("m", ClaimState.FAILED)
    node.fold()
    copy = node.text("missions/m.md")
    node.push({"missions/M.md": copy})
    node.push({"missions/m.md": copy.replace("status: failed", "status: done")})
    node.fold()
    ledger = node.ledger()
    assert ledger.archived("m") is not None
    assert ledger.open == {}
    assert "a finished mission has this name" in reasons(ledger)["missions/M.md"]


def test_a_huge_file_in_the_archive_stops_nobody() -> None:
    """It is under the name of an open mission, and larger than anything that is read."""
    town = Town({"missions/m.md": "x", "missions/archive/2026-11/m.md": b"a" * (40 * 1024 * 1024)})
    assert set(town.peer("n1").ledger().open) == {"m"}


def test_a_claim_with_an_endless_file_is_unreadable_and_not_read() -> None:
    """A claim is small: a larger one is told by its size."""
    town = Town({"missions/m.md": "x"})
    store = town.server.store
    blob = store.put("blob", b" " * (MAX_CLAIM_BYTES + 1))
    tree = store.put("tree", print_tree({"claim.json": TreeEntry("100644", blob)}))
    commit = write_commit(store, tree=tree, parents=(), name="a", email="a@b", when=1, message="m", sign=None)
    node = town.peer("n1")
    node.line.push([RefUpdate(ref="refs/shiftbook/claim/m", expect=None, new=commit)])
    ledger = node.ledger()
    assert ledger.claims == {}
    assert "at most 65,536" in ledger.unreadable_claims["m"]


NAMES = st.sampled_from(["a.md", "A.md", "b.md", "b.MD", "c d.md", "notes.txt", "README.md", ".hidden.md"])
TEXTS = st.sampled_from([None, "do it", "do that", "---\nstatus: done\n---\nx", "---\ndepends_on: [b]\n---\nx", ""])


@settings(max_examples=40)
@given(st.lists(st.dictionaries(NAMES, TEXTS, min_size=1, max_size=3), max_size=6))
def test_looking_on_shows_what_a_first_look_shows(steps: list[dict[str, str | None]]) -> None:
    """Whatever is added, changed and taken away from commit to commit: only what is new is read, and nothing is missed
    or kept that is gone."""
    town = Town({"missions/z.md": "z"})
    follower = town.peer("n1")
    follower.ledger()
    for number, step in enumerate(steps):
        ada = town.peer(f"p{number}")
        there = find(ada.bus.store, ada.ledger().tree, "missions")
        names = folder_entries(ada.bus.store, there)
        ada.push({f"missions/{name}": text for name, text in step.items() if text is not None or name in names})
        now, fresh = follower.ledger(), town.peer(f"q{number}").ledger()
        assert dict(now.open) == dict(fresh.open)
        assert list(now.open) == list(fresh.open)
        assert now.quarantined == fresh.quarantined
        assert now.open_and_over == fresh.open_and_over


def test_what_is_asked_about_all_is_worked_out_once_a_look() -> None:
    """Which missions nobody holds, which claims have ended and which open files say that they are over: the same for
    whoever asks in a round, and other values after the next claim."""
    town = Town(
        {
            "missions/a.md": "a",
            "missions/b.md": "b",
            "missions/c.md": "c",
            "missions/d.md": "---\nstatus: cancelled\n---\nd",
        }
    )
    n1 = town.peer("n1")
    n1.claim("a")
    ended = n1.attempt("b")
    blob = n1.bus.store.put("blob", b"no claim")
    n1.bus.remote.push([RefUpdate(ref="refs/shiftbook/claim/c", expect=None, new=blob)])
    ledger = n1.ledger()
    assert [filed.mission.name for filed in ledger.unclaimed] == ["d"]
    assert [filed.mission.name for filed in ledger.open_and_over] == ["d"]
    assert [held.claim.mission for held in ledger.ended_claims] == [ended.claim.mission] == ["b"]
    assert ledger.unclaimed is ledger.unclaimed
    n1.claim("d")
    assert n1.ledger().unclaimed == ()
