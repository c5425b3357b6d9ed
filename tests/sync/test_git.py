"""Is git called so that nothing around it changes what it reads? Real repositories."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.errors import ObjectMissing
from sync.git import Git, GitStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty bare repository, with another one beside it."""
    for name in ("a", "b"):
        subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / name)], check=True)
    return tmp_path / "a"


@pytest.fixture
def store(folder: Path) -> Iterator[GitStore]:
    opened = GitStore(folder)
    yield opened
    opened.close()


def test_a_replaced_object_is_read_as_what_it_is(folder: Path, store: GitStore) -> None:
    """Neither the reader nor a command follows refs/replace/."""
    true, posing = store.put("blob", b"true"), store.put("blob", b"posing")
    subprocess.run(["git", "update-ref", f"refs/replace/{true}", posing], cwd=folder, check=True)
    assert subprocess.check_output(["git", "cat-file", "blob", true], cwd=folder) == b"posing"
    assert store.get(true) == b"true"
    assert store.size(true) == 4
    assert Git(folder).run("cat-file", "blob", true) == b"true"


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"])
def test_a_callers_environment_does_not_redirect_the_reader(
    folder: Path, store: GitStore, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A hook or a shell that has GIT_DIR set still gets this repository's objects."""
    oid = store.put("blob", b"here")
    other = folder.with_name("b")
    monkeypatch.setenv(name, str(other / "objects" if name == "GIT_OBJECT_DIRECTORY" else other))
    assert store.get(oid) == b"here"
    assert store.size(oid) == 4


def test_a_callers_environment_lends_no_objects(folder: Path, store: GitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object that is elsewhere only is missing here."""
    other = GitStore(folder.with_name("b"))
    oid = other.put("blob", b"elsewhere")
    other.close()
    monkeypatch.setenv("GIT_ALTERNATE_OBJECT_DIRECTORIES", str(folder.with_name("b") / "objects"))
    with pytest.raises(ObjectMissing):
        store.get(oid)
