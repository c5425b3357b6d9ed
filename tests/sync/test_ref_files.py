"""Are refs read from their files what git lists? Real repositories, whatever git and people do to them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync import ref_files
from sync.git import Git
from sync.ref_files import read_refs

ZEROS = "0" * 40
EVERY = ("refs/",)
NAMES = ("refs/heads/main", "refs/heads/a/b", "refs/heads/a.b", "refs/tags/v1.0", "refs/seen/heads/main", "refs/x/y-z")
LOOKS = (
    (),
    EVERY,
    ("refs/heads/",),
    ("refs/heads/main",),
    ("refs/heads/main/",),
    ("refs/heads/a",),
    ("refs/heads/a/", "refs/tags"),
    ("refs/none",),
)


def listed(git: Git, *prefixes: str) -> dict[str, str]:
    """As git itself lists them."""
    out = git.text("for-each-ref", "--format=%(objectname) %(refname)", *prefixes)
    return {name: oid for oid, name in (line.split(" ", 1) for line in out.splitlines())}


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """A bare repository."""
    made = Git(tmp_path)
    made.run("init", "--quiet", "--bare", "--initial-branch=main", ".")
    return made


@pytest.fixture
def oids(git: Git) -> list[str]:
    """Three objects: a blob, and two commits."""
    blob = git.run("hash-object", "-w", "--stdin", stdin=b"x").decode().strip()
    tree = git.run("mktree").decode().strip()
    who = {f"GIT_{role}_{what}": "p@x.test" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    commits = [git.run("commit-tree", tree, "-m", word, env=who).decode().strip() for word in ("one", "two")]
    return [blob, *commits]


Step = tuple[str, str, int]
STEPS = st.lists(
    st.tuples(st.sampled_from(["set", "set", "delete", "pack"]), st.sampled_from(NAMES), st.integers(0, 2))
)


@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_it_is_what_git_lists(git: Git, oids: list[str], steps: list[Step]) -> None:
    """After refs were set, taken away and packed in any order."""
    for ref in listed(git):
        git.run("update-ref", "-d", ref)
    for what, name, number in steps:
        if what == "pack":
            git.run("pack-refs", "--all")
        else:
            git.run("update-ref", name, ZEROS if what == "delete" else oids[number if "heads" not in name else 1])
    for prefixes in LOOKS:
        found = read_refs(git.folder, prefixes)
        assert found is not None
        assert list(found.items()) == list(listed(git, *prefixes).items())


def test_git_is_not_started(git: Git, oids: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In a bare repository and in a work tree."""
    git.run("update-ref", "refs/heads/main", oids[1])
    git.run("clone", "--quiet", ".", "clone")
    monkeypatch.setattr(Git, "_begin", lambda *_args, **_more: pytest.fail("git was started"))
    assert git.refs("refs/heads/") == {"refs/heads/main": oids[1]}
    assert Git(git.folder / "clone").refs("refs/heads/main") == {"refs/heads/main": oids[1]}


def symbolic(place: Path, _oid: str) -> None:
    """A ref that names another, as a clone has of its origin's branch."""
    (place / "refs" / "heads" / "other").write_text("ref: refs/heads/main\n")


def linked(place: Path, _oid: str) -> None:
    """The same as git kept it long ago."""
    (place / "refs" / "heads" / "other").symlink_to("main")


def broken(place: Path, _oid: str) -> None:
    """A file that a power cut left empty."""
    (place / "refs" / "heads" / "other").touch()


def zeros(place: Path, _oid: str) -> None:
    """A name of no object."""
    (place / "refs" / "heads" / "other").write_text(f"{ZEROS}\n")


def odd_name(place: Path, oid: str) -> None:
    """A name with another sign."""
    (place / "refs" / "heads" / "fix#1").write_text(f"{oid}\n")


def hidden(place: Path, oid: str) -> None:
    """A file that is no ref."""
    (place / "refs" / "heads" / ".nfs0001").write_text(f"{oid}\n")


def odd_packed_name(place: Path, oid: str) -> None:
    """The same, packed."""
    (place / "packed-refs").write_text(f"{oid} refs/heads/fix#1\n")


def worktrees(place: Path, _oid: str) -> None:
    """Another's worktree, whose refs lie there."""
    Git(place).run("worktree", "add", "--quiet", "--detach", str(place / "beside"), "main")


def many(place: Path, oid: str) -> None:
    """More refs than git is slower for."""
    for number in range(ref_files.MAX_OWN_FILES + 1):
        (place / "refs" / "heads" / f"n{number}").write_text(f"{oid}\n")


def many_packed(place: Path, oid: str) -> None:
    """The same, packed."""
    lines = [f"{oid} refs/many/n{number:05}\n" for number in range(ref_files.MAX_PACKED_BYTES // 56)]
    (place / "packed-refs").write_text("".join(lines))


@pytest.mark.parametrize(
    "made", [symbolic, linked, broken, zeros, odd_name, hidden, odd_packed_name, many, many_packed, worktrees]
)
def test_what_is_not_plain_is_gits_to_read(git: Git, oids: list[str], made: Callable[[Path, str], None]) -> None:
    """Then it is as git says all the same."""
    git.run("update-ref", "refs/heads/main", oids[1])
    made(git.folder, oids[1])
    folder = git.folder / "beside" if made is worktrees else git.folder
    assert read_refs(folder, EVERY) is None
    assert Git(folder).refs("refs/") == listed(Git(folder), "refs/")


def test_a_repository_around_the_folder_is_gits_to_find(git: Git, oids: list[str]) -> None:
    """So is the one that the environment names."""
    git.run("update-ref", "refs/heads/main", oids[1])
    git.run("clone", "--quiet", ".", "clone")
    (git.folder / "clone" / "below").mkdir()
    assert read_refs(git.folder / "clone" / "below", EVERY) is None
    assert read_refs(git.folder, EVERY, {"GIT_DIR": "elsewhere"}) is None
    assert Git(git.folder / "clone" / "below").refs("refs/heads/") == {"refs/heads/main": oids[1]}


@pytest.mark.parametrize("prefixes", [("refs/heads/*",), ("refs/heads/ma[in]",), ("main",)])
def test_patterns_are_gits(git: Git, oids: list[str], prefixes: Sequence[str]) -> None:
    """Nothing that asks for all, or by another way than a name or its beginning."""
    git.run("update-ref", "refs/heads/main", oids[1])
    assert read_refs(git.folder, prefixes) is None
    assert git.refs(*prefixes) == listed(git, *prefixes)


def test_refs_in_a_table_are_gits(git: Git, oids: list[str]) -> None:
    """As newer git may keep them (git-init(1), --ref-format)."""
    git.run("update-ref", "refs/heads/main", oids[1])
    (git.folder / "reftable").mkdir()
    assert read_refs(git.folder, EVERY) is None


def test_another_users_repository_is_not_read(git: Git, oids: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Git says that its owner is another one (safe.directory)."""
    git.run("update-ref", "refs/heads/main", oids[1])
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert read_refs(git.folder, EVERY) is None


def test_a_ref_that_is_packed_between_two_looks_is_found(
    git: Git, oids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own file is gone when its line is there: whoever looks at the lines first sees neither."""
    git.run("update-ref", "refs/heads/main", oids[1])

    def and_pack(look: Callable[..., Any]) -> Callable[..., Any]:
        def looked(*given: Any) -> Any:
            found = look(*given)
            git.run("pack-refs", "--all")
            return found

        return looked

    for name in ("_own", "_packed"):
        monkeypatch.setattr(ref_files, name, and_pack(getattr(ref_files, name)))
    assert read_refs(git.folder, ("refs/heads/",)) == {"refs/heads/main": oids[1]}


def test_what_is_no_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    """A pipe that nobody writes to, a device, a link: each is refused at once."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path / "link"):
        with pytest.raises((ref_files._NotPlain, OSError)):
            ref_files._content(str(path), 128)


def test_none_is_missed_while_they_are_packed_and_moved(git: Git, oids: list[str]) -> None:
    """One process moves two refs to and fro and packs them; each look finds both, where they were or are."""
    names = {"refs/heads/main", "refs/heads/a/b"}
    for name in names:
        git.run("update-ref", name, oids[1])
    script = (
        'i=0; while [ $i -lt 6 ]; do for o in "$1" "$2"; do for r in refs/heads/main refs/heads/a/b; do '
        "git update-ref $r $o; git pack-refs --all; done; done; i=$((i+1)); done"
    )
    looks = list[dict[str, str] | None]()
    with subprocess.Popen(["sh", "-c", script, "sh", *oids[1:]], cwd=git.folder) as moving:
        while moving.poll() is None:
            looks.append(read_refs(git.folder, EVERY))
    assert moving.returncode == 0
    assert len(looks) > 6
    assert all(look is not None and look.keys() == names and set(look.values()) <= set(oids[1:]) for look in looks)
