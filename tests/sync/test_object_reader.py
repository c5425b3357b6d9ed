"""Objects are read many at a time, kept while they are small, and never taken for one another."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.errors import ObjectMissing, ObjectTooLarge
from sync.git import Git, GitStore
from sync.object_reader import MAX_KEPT_BYTES, MAX_KEPT_OBJECT_BYTES, NAMES_AT_ONCE, ObjectReader

NOBODY = "0" * 40


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GitStore]:
    """An empty repository."""
    git = Git(tmp_path)
    git.run("init", "--quiet", "--bare", ".")
    made = GitStore(tmp_path)
    yield made
    made.close()


@pytest.fixture
def started(tmp_path: Path) -> list[subprocess.Popen[bytes]]:
    """The processes that a reader began."""
    return []


@pytest.fixture
def reader(store: GitStore, tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> Iterator[ObjectReader]:
    """A reader whose processes can be looked at."""
    git = Git(tmp_path)

    def start(option: str) -> subprocess.Popen[bytes]:
        started.append(git.reader(option))
        return started[-1]

    made = ObjectReader(start)
    yield made
    made.close()


def test_what_was_read_together_is_there_without_asking(
    store: GitStore, reader: ObjectReader, started: list[subprocess.Popen[bytes]]
) -> None:
    """More than one pipe takes, with some that are missing or named twice: afterwards nobody is asked."""
    texts = {store.put("blob", f"number {n}".encode()): f"number {n}".encode() for n in range(NAMES_AT_ONCE + 7)}
    reader.warm([NOBODY, *texts, *texts, "no name at all"])
    for process in started:
        process.kill()
        process.wait()
    assert {oid: reader.get(oid, 100) for oid in texts} == texts
    assert {reader.size(oid) for oid in texts} <= set(range(8, 12))


def test_what_is_large_is_not_read_ahead(store: GitStore, reader: ObjectReader) -> None:
    """Large objects are neither read nor kept by the hint, and those behind them are."""
    large, small = store.put("blob", b"x" * (MAX_KEPT_OBJECT_BYTES + 1)), store.put("blob", b"small")
    reader.warm([large, small])
    assert list(reader._kept) == [small]
    assert len(reader.get(large, 10**6)) == MAX_KEPT_OBJECT_BYTES + 1


def test_memory_is_bounded(store: GitStore, reader: ObjectReader) -> None:
    """The oldest go when there are too many bytes."""
    size = MAX_KEPT_OBJECT_BYTES
    oids = [store.put("blob", n.to_bytes(4, "big") * (size // 4)) for n in range(MAX_KEPT_BYTES // size + 3)]
    reader.warm(oids)
    assert list(reader._kept) == oids[3:]
    assert reader._kept_bytes == MAX_KEPT_BYTES
    assert reader.get(oids[0], size) == bytes(size)


def test_a_limit_counts_for_what_is_kept(store: GitStore, reader: ObjectReader) -> None:
    """Whoever takes less is not given more because somebody else took it; the next question is answered rightly."""
    oid, other = store.put("blob", b"ten bytes!"), store.put("blob", b"other")
    assert reader.get(oid, 10) == b"ten bytes!"
    with pytest.raises(ObjectTooLarge):
        reader.get(oid, 9)
    assert reader.get(other, 10) == b"other"


def test_a_reader_that_died_is_begun_again(
    store: GitStore, reader: ObjectReader, started: list[subprocess.Popen[bytes]]
) -> None:
    """Between two questions."""
    oids = [store.put("blob", text) for text in (b"a", b"b", b"c")]
    assert reader.get(oids[0], 9) == b"a"
    started[-1].kill()
    started[-1].wait()
    assert reader.get(oids[1], 9) == b"b"
    assert len(started) == 2


def test_an_unread_answer_is_not_taken_for_the_next(store: GitStore, reader: ObjectReader) -> None:
    """Whoever was interrupted between a question and its answer leaves one behind."""
    one, two = store.put("blob", b"one"), store.put("blob", b"two")
    assert reader.get(one, 9) == b"one"
    process = reader._contents._process
    assert process is not None
    assert process.stdin is not None
    process.stdin.write(f"{one}\n".encode())
    process.stdin.flush()
    assert reader.get(two, 9) == b"two"


@pytest.mark.parametrize("read", ["readline", "read"])
def test_an_interrupted_read_makes_nothing_missing(
    store: GitStore, reader: ObjectReader, monkeypatch: pytest.MonkeyPatch, read: str
) -> None:
    """Ctrl-C before the size or before the content is read: what is asked for next is there, and is itself."""
    one, two = store.put("blob", f"{NOBODY} blob 3\n".encode()), store.put("blob", b"two")
    assert reader.get(one, 99)
    reader._kept.clear()
    process = reader._contents._process
    assert process is not None

    class Interrupted:
        def __init__(self, stream: object) -> None:
            self._stream = stream

        def __getattr__(self, name: str) -> object:
            if name == read:
                raise KeyboardInterrupt
            return getattr(self._stream, name)

    with monkeypatch.context() as patch:
        patch.setattr(process, "stdout", Interrupted(process.stdout))
        with pytest.raises(KeyboardInterrupt):
            reader.get(one, 99)
    assert reader.get(two, 9) == b"two"
    assert reader.get(one, 99).endswith(b" blob 3\n")


@pytest.mark.parametrize("name", [NOBODY, "HEAD", "", "a\nb", "0" * 64])
def test_what_is_not_there_is_missing(reader: ObjectReader, name: str) -> None:
    """A name that is none asks nothing of git."""
    with pytest.raises(ObjectMissing):
        reader.get(name, 9)
    with pytest.raises(ObjectMissing):
        reader.size(name)


def test_a_broken_object_takes_no_other_with_it(store: GitStore, reader: ObjectReader, tmp_path: Path) -> None:
    """git ends at an object whose file is damaged: that one is missing, those asked for with it are read."""
    broken, sound = store.put("blob", b"broken"), store.put("blob", b"sound")
    path = tmp_path / "objects" / broken[:2] / broken[2:]
    path.chmod(0o600)
    path.write_bytes(b"\x78\x01\x00" + bytes(40))
    reader.warm([broken, sound])
    assert list(reader._kept) == [sound]
    with pytest.raises(ObjectMissing):
        reader.get(broken, 9)
