"""Are the objects that we write the ones that git would have written, and do we read git's?"""

from __future__ import annotations

import contextlib
import itertools
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import ObjectMissing
from sync.git import GitStore
from sync.memory_remote import MemoryStore
from sync.objects import (
    EXECUTABLE,
    FILE,
    FOLDER,
    NEAR_COMMITS,
    SYMLINK,
    NoCommit,
    TreeEntry,
    edit_tree,
    find,
    object_id,
    print_tree,
    read_commit,
    read_tree,
    write_commit,
)
from sync.remote import ObjectStore, Oid
from tests.ledgers import Keys, all_files
from tests.orchestrator.repositories import CLEAN, git


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """An empty bare repository."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "bare.git")
    return tmp_path / "bare.git"


@pytest.fixture
def store(bare: Path) -> Iterator[GitStore]:
    """Its objects."""
    store = GitStore(bare)
    yield store
    store.close()


def raw(folder: Path, oid: Oid, kind: str) -> bytes:
    """An object as git gives it."""
    words = ["git", "cat-file", kind, oid]
    return subprocess.run(words, cwd=folder, env=CLEAN, capture_output=True, check=True).stdout


def committed(
    store: ObjectStore, tree: Oid, *parents: Oid, message: str = "a commit", when: int = 1_795_000_000
) -> Oid:
    """A commit of a tree."""
    return write_commit(
        store, tree=tree, parents=parents, name="Anna Ä", email="a@x", when=when, message=message, sign=None
    )


def tree_of(store: ObjectStore, files: Mapping[str, bytes | None], onto: Oid | None = None) -> Oid:
    """A tree that has something in it."""
    tree = edit_tree(store, onto, files)
    assert tree is not None
    return tree


NAMES = st.sampled_from(["a", "a.md", "a-b", "a0", "b", "ä.md", "x y.txt"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
EDITS = st.lists(st.dictionaries(PATHS, st.one_of(st.none(), st.binary(max_size=20)), max_size=5), max_size=4)


def apply(files: dict[str, bytes], edit: Mapping[str, bytes | None]) -> dict[str, bytes]:
    """What an edit means, on a plain dictionary: what is written replaces files above and below it."""
    found = dict(files)
    for path in (p for p, data in edit.items() if data is None):
        found.pop(path, None)
    for path, data in edit.items():
        if data is not None:
            found = {p: d for p, d in found.items() if not p.startswith(f"{path}/") and not path.startswith(f"{p}/")}
            found[path] = data
    return found


def clashes(edit: Mapping[str, bytes | None]) -> bool:
    """Whether an edit names a path and something below it, which means nothing."""
    return any(a != b and b.startswith(f"{a}/") for a in edit for b in edit)


@given(EDITS)
def test_editing_trees_is_editing_files(edits: list[dict[str, bytes | None]]) -> None:
    """After any edits the tree holds exactly the files that a plain dictionary would; an empty one is None."""
    store, tree, files = MemoryStore(), None, dict[str, bytes]()
    for edit in edits:
        if clashes(edit):
            continue
        tree, files = edit_tree(store, tree, edit), apply(files, edit)
        found = {path: store.get(oid) for path, oid in all_files(store, tree).items()} if tree else {}
        assert found == files
        assert (tree is None) == (not files)


@given(EDITS)
def test_the_same_files_are_the_same_tree_whatever_the_way(edits: list[dict[str, bytes | None]]) -> None:
    """A tree's name depends on what is in it, not on how it came to be."""
    store, tree, files = MemoryStore(), None, dict[str, bytes]()
    for edit in edits:
        if not clashes(edit):
            tree, files = edit_tree(store, tree, edit), apply(files, edit)
    assert edit_tree(store, None, files) == tree


FEW = st.lists(st.tuples(st.integers(0, 320), st.sampled_from(["", "-", "/x"]), st.booleans()), max_size=4)


@given(FEW)
def test_a_large_folder_is_edited_like_a_small_one(few: list[tuple[int, str, bool]]) -> None:
    """What is spliced into a folder of hundreds is what writing it anew gives: new names, old ones, folders, gone."""
    store = MemoryStore()
    files = {f"f{number:03}" + ("/x" if number % 7 == 0 else ""): b"1" for number in range(0, 300, 2)}
    large = tree_of(store, files)
    assert len(store.get(large)) > 4096
    edit = {f"f{number:03}{ending}": b"2" if written else None for number, ending, written in few}
    if not clashes(edit):
        assert edit_tree(store, large, edit) == edit_tree(store, None, apply(files, edit))


def test_what_looks_like_an_entry_inside_an_oid_is_none(store: GitStore) -> None:
    """A submodule may name any 20 bytes: one that spells an entry neither hides a file nor passes for one."""
    bait = b"40000 f150\0" + b"7" * 9
    lines = [b"100644 f%03d\0" % number + b"\x11" * 20 for number in range(0, 300, 2)]
    lines[100] = b"160000 f200\0" + bait
    data = b"".join(lines)
    old = store.put("tree", data)
    assert read_tree(data)["f150"].mode == FILE
    for name in ("f149", "f150", "f151", "f199", "f201"):
        new = read_tree(store.get(tree_of(store, {name: b"x"}, old)))
        assert new == dict(sorted((read_tree(data) | {name: TreeEntry(FILE, store.put("blob", b"x"))}).items()))
        assert list(new) == sorted(new)
    assert find(store, old, "f150") == TreeEntry(FILE, "11" * 20)
    assert find(store, store.put("tree", b"160000 a\0" + bait + b""), "f150") is None


@pytest.mark.parametrize("data", [b"100644 a", b"100644 a\0short", b"a\0" + b"1" * 20, b"100644 a\0" + b"1" * 21])
def test_what_is_no_tree_is_not_read(data: bytes) -> None:
    """ValueError, from a small folder as from a large one."""
    with pytest.raises(ValueError, match="not a tree"):
        read_tree(data)
    store = MemoryStore()
    large = b"".join(b"100644 g%03d\0" % number + b"\x11" * 20 for number in range(300))
    with pytest.raises(ValueError, match="not a tree"):
        edit_tree(store, store.put("tree", large + data), {"g001": None})


def test_git_makes_the_same_trees(tmp_path: Path, bare: Path, store: GitStore) -> None:
    """Our tree has the name that `git write-tree` gives it: order, folders, names that sort oddly."""
    files = {
        "a": b"1",
        "a.md": b"2",
        "a-b/c": b"3",
        "a0": b"4",
        "b/a": b"5",
        "b.c/d/e": b"6",
        "ä/ö.md": b"7",
        "empty": b"",
        "z\nnewline": b"8",
    }
    work = tmp_path / "work"
    git(tmp_path, "init", "--quiet", "work")
    for path, data in files.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_bytes(data)
    git(work, "add", "--all")
    assert tree_of(store, files) == git(work, "write-tree")
    (work / "b/a").unlink()
    (work / "a-b/c").write_bytes(b"changed")
    git(work, "add", "--all")
    assert tree_of(store, {"b/a": None, "a-b/c": b"changed"}, tree_of(store, files)) == git(work, "write-tree")
    assert bare.exists()


def test_an_edit_keeps_what_it_does_not_name(store: GitStore) -> None:
    """Executable files stay executable, links and other folders stay what they are."""
    old = print_tree(
        {
            "run": TreeEntry(EXECUTABLE, store.put("blob", b"#!")),
            "link": TreeEntry(SYMLINK, store.put("blob", b"run")),
            "far": TreeEntry(FOLDER, tree_of(store, {"x": b"x"})),
        }
    )
    new = read_tree(store.get(tree_of(store, {"run": b"#!!", "n": b"n"}, store.put("tree", old))))
    assert {name: entry.mode for name, entry in new.items()} == {
        "far": FOLDER,
        "link": SYMLINK,
        "n": FILE,
        "run": EXECUTABLE,
    }
    assert new["far"] == read_tree(old)["far"]


def test_writing_over_a_link_makes_it_a_file(store: GitStore) -> None:
    """A file's text never goes into a link's target."""
    old = store.put("tree", print_tree({"link": TreeEntry(SYMLINK, store.put("blob", b"/etc/passwd"))}))
    assert read_tree(store.get(tree_of(store, {"link": b"text"}, old)))["link"].mode == FILE


def test_git_finds_nothing_wrong_with_what_we_write(bare: Path, store: GitStore, keys: Keys) -> None:
    """fsck --strict, on blobs, trees, commits, signed commits and merges."""
    root = committed(store, tree_of(store, {"a/b/c.md": b"x", "a-b": b"y", "a.b": b"z"}))
    tree = tree_of(store, {"a/b/c.md": None, "new": b"n"}, read_commit(store.get(root)).tree)
    left, right = committed(store, tree, root), committed(store, tree, root, message="b")
    merge = write_commit(
        store,
        tree=tree,
        parents=(left, right),
        name="n1",
        email="n1@x",
        when=1,
        message="m",
        sign=keys["n1"].sign,
    )
    git(bare, "update-ref", "refs/heads/main", merge)
    assert git(bare, "fsck", "--strict", "--full", "--no-dangling") == ""
    assert git(bare, "rev-list", "--count", "main") == "4"


def test_git_verifies_our_signatures_and_we_read_gits(tmp_path: Path, keys: Keys) -> None:
    """A commit that we signed passes `git verify-commit`; one that `git commit -S` made has the payload we check."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "work")
    work, signers = tmp_path / "work", tmp_path / "signers"
    signers.write_text(keys.signers(anna=("author",)))
    options = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={signers}")
    (work / "a").write_text("x")
    git(work, "add", "a")
    key = f"user.signingkey={keys['anna'].path}.pub"
    git(work, *options, "-c", key, "commit", "--quiet", "-S", "-m", "Größe\n\nmore")
    store = GitStore(work / ".git")
    head = git(work, "rev-parse", "HEAD")
    theirs = read_commit(store.get(head))
    assert theirs.signature is not None
    assert theirs.message == "Größe\n\nmore\n"
    unsigned = git(work, "cat-file", "commit", "HEAD").replace("gpgsig", "\0").split("\0")[0]
    assert theirs.payload.decode().startswith(unsigned)
    ours = write_commit(
        store,
        tree=theirs.tree,
        parents=(head,),
        name="anna",
        email="a@x",
        when=1_795_000_000,
        message="ours",
        sign=keys["anna"].sign,
    )
    git(work, *options, "verify-commit", ours)
    assert read_commit(store.get(ours)).payload == read_commit(store.get(ours)).payload
    store.close()


def test_a_commit_reads_back_as_it_was_written(bare: Path, store: GitStore) -> None:
    """Tree, parents, author, time and message; git shows the same."""
    tree = tree_of(store, {"a": b"x"})
    root = committed(store, tree)
    oid = committed(store, tree, root, message="Subject\n\nBody ü\n")
    read = read_commit(store.get(oid))
    assert (read.tree, read.parents, read.author, read.committed) == (tree, (root,), "Anna Ä", 1_795_000_000)
    assert (read.message, read.signature) == ("Subject\n\nBody ü\n", None)
    assert read.payload == raw(bare, oid, "commit")
    assert git(bare, "show", "--no-patch", "--format=%T %P %an %ct %s", oid) == (
        f"{tree} {root} Anna Ä 1795000000 Subject"
    )


def test_headers_that_we_do_not_know_stay_in_the_payload() -> None:
    """An encoding, a merged tag: everything but the signature is what the signature covers."""
    data = b"tree %s\nauthor A <a> 5 +0100\ncommitter C <c> 6 -0200\nmergetag object x\n type commit\n \n tagger y\n"
    data = data % (b"1" * 40) + b"encoding latin-1\ngpgsig -----BEGIN\n abc\n -----END\n\nm\xfc\n"
    read = read_commit(data)
    assert read.signature == "-----BEGIN\nabc\n-----END"
    assert read.payload == data.replace(b"gpgsig -----BEGIN\n abc\n -----END\n", b"")
    assert (read.author, read.committed) == ("A", 6)


@pytest.mark.parametrize("kind", ["blob", "tree", "commit"])
def test_names_are_gits_names(bare: Path, store: GitStore, kind: str) -> None:
    """object_id, both stores and `git hash-object` agree, and git reads back what we put."""
    data = {"blob": b"hello\0\xff", "tree": b"", "commit": b"tree " + b"4b825dc642cb6eb9a060e54bf8d69288fbee4904"}[kind]
    if kind == "commit":
        data += b"\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\nx\n"
    oid = store.put(kind, data)
    assert oid == object_id(kind, data) == MemoryStore().put(kind, data)
    assert raw(bare, oid, kind) == data
    assert (store.get(oid), store.size(oid)) == (data, len(data))
    assert store.put(kind, data) == oid


@pytest.mark.parametrize("oid", ["0" * 40, "1234567890" * 4])
def test_a_missing_object_is_said_to_be_missing(store: GitStore, oid: Oid) -> None:
    """By both stores, for the content as for the size; the next read works."""
    for each in (store, MemoryStore()):
        with pytest.raises(ObjectMissing):
            each.get(oid)
        with pytest.raises(ObjectMissing):
            each.size(oid)
        blob = each.put("blob", b"x")
        assert each.get(blob) == b"x"


def test_what_git_packed_is_read_too(bare: Path, store: GitStore) -> None:
    """After a gc, and while the reader was open before it."""
    oid = store.put("blob", b"loose at first")
    commit = committed(store, tree_of(store, {"a": b"loose at first"}))
    assert store.get(oid) == b"loose at first"
    git(bare, "update-ref", "refs/heads/main", commit)
    git(bare, "gc", "--quiet", "--prune=now")
    assert store.get(oid) == b"loose at first"
    assert store.get(commit)


def test_find_walks_folders_only(store: GitStore) -> None:
    """A path through a file, or to nothing, is None; the empty path is the tree itself."""
    tree = tree_of(store, {"a/b.md": b"x"})
    entry = find(store, tree, "a/b.md")
    assert entry is not None
    assert store.get(entry.oid) == b"x"
    assert [find(store, tree, path) for path in ("a/c", "a/b.md/c", "b")] == [None] * 3
    assert find(store, tree, "") == TreeEntry(FOLDER, tree)


def test_names_that_are_no_unicode_survive(store: GitStore) -> None:
    """A folder with a Latin-1 name is edited without changing that name."""
    old = b"100644 caf\xe9\0" + b"\x11" * 20
    new = store.get(tree_of(store, {"b": b"x"}, store.put("tree", old)))
    assert old in new


def histories(store: ObjectStore) -> dict[str, Oid]:
    """A history with a side branch, a merge that takes one side, and one that joins two edits."""
    trees = {name: tree_of(store, {"m": name.encode(), "o": b"o"}) for name in "abc"}
    other = tree_of(store, {"m": b"a", "o": b"p"})
    made = {"root": committed(store, tree_of(store, {"o": b"o"}), when=1)}
    made["add"] = committed(store, trees["a"], made["root"], when=2)
    made["touch"] = committed(store, other, made["add"], when=3, message="another file")
    made["side"] = committed(store, trees["b"], made["add"], when=4, message="side")
    made["taken"] = committed(store, tree_of(store, {"m": b"b", "o": b"p"}), made["touch"], made["side"], when=5)
    made["left"] = committed(store, trees["c"], made["taken"], when=6, message="left")
    made["gone"] = committed(store, tree_of(store, {"o": b"o"}), made["left"], when=7)
    made["back"] = committed(store, trees["a"], made["gone"], when=8, message="back")
    return made


@pytest.mark.parametrize("tip", ["root", "add", "touch", "side", "taken", "left", "gone", "back"])
@pytest.mark.parametrize("path", ["m", "o", "none"])
def test_both_stores_tell_the_same_history(store: GitStore, tip: str, path: str) -> None:
    """The commits that changed a path, on all sides of a merge, and each before its parents, in git and in memory."""
    memory = MemoryStore()
    made = histories(memory)
    assert made == histories(store)
    found = list(memory.history(made[tip], path))
    assert sorted(found) == sorted(store.history(made[tip], path))
    for listed in (found, list(store.history(made[tip], path))):
        for new, old in itertools.combinations(listed, 2):
            assert not store.descends(old, new)


def test_merging_an_old_commit_does_not_hide_what_came_after(store: GitStore) -> None:
    """By default `git log` would follow only the side that has the file as the merge has it."""
    for each in (store, MemoryStore()):
        made = histories(each)
        replay = committed(each, read_commit(each.get(made["add"])).tree, made["gone"], made["add"], when=9)
        found = list(each.history(replay, "m"))
        assert found[0] == replay
        assert {made[name] for name in ("gone", "left", "side", "add")} < set(found)


def test_both_stores_agree_on_descent(store: GitStore) -> None:
    """A commit descends from itself and its ancestors through every parent, not from its children or strangers."""
    memory = MemoryStore()
    made = histories(memory)
    assert histories(store) == made
    for new in made.values():
        for old in made.values():
            assert memory.descends(new, old) == store.descends(new, old)
    assert store.descends(made["taken"], made["side"])
    assert not store.descends(made["side"], made["taken"])
    assert not store.descends(made["taken"], "1" * 40)
    assert not memory.descends(made["taken"], "1" * 40)


def test_a_near_descent_takes_no_process(store: GitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last commits are read; for one further back, and for a stranger, git is asked."""
    tree = tree_of(store, {"a": b"x"})
    line = [committed(store, tree)]
    for when in range(NEAR_COMMITS + 1):
        line.append(committed(store, tree, line[-1], when=when))
    stranger = committed(store, tree, message="a stranger")
    assert all(store.descends(line[-1], old) for old in line)
    assert not store.descends(line[-1], stranger)
    assert not store.descends(line[0], line[-1])
    monkeypatch.setenv("PATH", "/nowhere")
    assert all(store.descends(line[-1], old) for old in line[1:])
    for old in (line[0], stranger):
        with pytest.raises(FileNotFoundError):
            store.descends(line[-1], old)


def test_nothing_descends_from_a_commit_that_is_lost(store: GitStore) -> None:
    """It may be named as a parent all the same."""
    lost = "1" * 40
    child = committed(store, tree_of(store, {"a": b"x"}), lost)
    assert not store.descends(child, lost)
    assert not store.descends(committed(store, tree_of(store, {"a": b"x"}), child), lost)


@pytest.mark.parametrize("kind", ["blob", "tree"])
def test_what_is_no_commit_has_no_ancestors(store: GitStore, kind: str) -> None:
    """Anybody may push a ref that leads to a file."""
    oid, commit = store.put(kind, b""), committed(store, tree_of(store, {"a": b"x"}))
    assert not store.descends(oid, commit)
    assert not store.descends(commit, oid)


def test_a_path_with_gits_magic_is_a_path(store: GitStore) -> None:
    """`:(glob)*` or a leading dash in a file's name is not taken for an order."""
    for path in (":(glob)*", "*", "-x", "[a]"):
        root = committed(store, tree_of(store, {"other": b"x"}))
        oid = committed(store, tree_of(store, {"other": b"y", path: b"x"}), root)
        tip = committed(store, tree_of(store, {"other": b"z", path: b"x"}), oid)
        assert list(store.history(tip, path)) == [oid]


@given(st.binary(max_size=120))
def test_no_bytes_of_a_commit_are_a_surprise(data: bytes) -> None:
    """What is not a commit raises KeyError (it has no tree), and nothing else."""
    with contextlib.suppress(KeyError):
        assert read_commit(data).tree is not None


@pytest.mark.parametrize("data", [b"", b"a file\n", b"object 1\ntype commit\n\nx\n"])
def test_what_is_no_commit_is_said_to_be_none(data: bytes) -> None:
    """Anybody may push a ref that leads to a file, a folder or a tag."""
    with pytest.raises(NoCommit) as told:
        read_commit(data)
    assert str(told.value) == "it is no commit"
