"""Facts about archives that prove themselves, and about those that try to do harm."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.app.backups.archive import Manifest, is_inside, pack, unpack
from orchestrator.core.errors import WrongSetting

ABOUT = Manifest(version="1", schema_revision="0002", node="desk", made="2026-11-21T12:00:00Z")


def quiet(_done: int, _of: int) -> None:
    """Says nothing."""


def anything(_name: str) -> bool:
    """Wants every part."""
    return True


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with files of every kind of size."""
    folder = tmp_path / "source"
    (folder / "home" / "keys").mkdir(parents=True)
    (folder / "database.db").write_bytes(os.urandom(3_000_000))
    (folder / "home" / "keys" / "node").write_text("secret")
    (folder / "home" / "empty").touch()
    (folder / "home" / ".env").write_text("A=é\n", encoding="utf-8")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_of_it_comes_back(source: Path, tmp_path: Path) -> None:
    """Every byte of every file, for nobody else to read, with progress to the last byte."""
    said: list[tuple[int, int]] = []
    manifest = pack(source, tmp_path / "a.tar.gz", ABOUT, lambda *each: said.append(each))
    assert said[-1] == (manifest.size, manifest.size)
    assert (tmp_path / "a.tar.gz").stat().st_mode & 0o777 == 0o600
    (tmp_path / "out").mkdir()
    assert unpack(tmp_path / "a.tar.gz", tmp_path / "out", anything, quiet) == manifest
    assert files(tmp_path / "out") == files(source)
    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / "out").rglob("*")}
    assert modes == {0}


def test_nothing_is_left_of_an_attempt_that_failed(source: Path, tmp_path: Path) -> None:
    """One that ends half way leaves neither a backup nor a part of one; one that is there is not replaced."""
    target = tmp_path / "to" / "a.tar.gz"
    target.parent.mkdir()

    def fail(_done: int, _of: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        pack(source, target, ABOUT, fail)
    assert [*target.parent.iterdir()] == []
    target.write_text("mine")
    with pytest.raises(FileExistsError):
        pack(source, target, ABOUT, quiet)
    assert target.read_text() == "mine"


def test_any_flipped_byte_is_found(source: Path, tmp_path: Path) -> None:
    """A backup with one other byte, or cut off anywhere, is refused; what was taken out is never taken for whole.

    Some bits of a gzip mean nothing: its header's, those that fill up a stored block's first byte, and the last one's.
    """
    whole = tmp_path / "a.tar.gz"
    pack(source, whole, ABOUT, quiet)
    content = whole.read_bytes()
    meant_nothing = 0
    for n, spot in enumerate(range(12, len(content) - 9, len(content) // 40)):
        harmed = content[:spot] + bytes([content[spot] ^ 0x40]) + content[spot + 1 :]
        for kind, bad in (("flipped", harmed), ("cut", content[:spot])):
            (tmp_path / "bad").write_bytes(bad)
            out = tmp_path / f"{kind}{n}"
            out.mkdir()
            if bad is harmed and gzip_content(harmed) == gzip_content(content):
                meant_nothing += 1
                continue
            with pytest.raises(WrongSetting, match="bad: "):
                unpack(tmp_path / "bad", out, anything, quiet)
    assert meant_nothing <= 3


def gzip_content(data: bytes) -> bytes | None:
    """What a gzip unpacks to, None when it is damaged."""
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return None


def archive(path: Path, parts: list[tuple[tarfile.TarInfo, bytes]], manifest: object = None) -> Path:
    """An archive by somebody else's hand; by default with a manifest that vouches for what it holds."""
    listed = [
        {"name": entry.name.removeprefix("parts/"), "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for entry, data in parts
    ]
    told = json.dumps({**ABOUT.model_dump(), "parts": listed} if manifest is None else manifest).encode()
    first = tarfile.TarInfo("manifest.json")
    first.size = len(told)
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(first, io.BytesIO(told))
        for entry, data in parts:
            entry.size = entry.size or len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path


def entry(name: str, **more: object) -> tarfile.TarInfo:
    """An entry of an archive."""
    made = tarfile.TarInfo(name)
    for key, value in more.items():
        setattr(made, key, value)
    return made


PATHS = ["../evil", "/etc/evil", "home/../../evil", "a//b", "./a", "a/.", "..", ".", "", "a\\..\\b", "a\nb", "a/../b"]


@pytest.mark.parametrize("name", PATHS)
def test_a_path_that_leads_elsewhere(tmp_path: Path, name: str) -> None:
    """A part cannot be written outside of its folder, nor under a name that means something else elsewhere."""
    bad = archive(tmp_path / "bad", [(entry(f"parts/{name}"), b"evil")])
    (tmp_path / "deep" / "out").mkdir(parents=True)
    with pytest.raises(WrongSetting, match="bad: "):
        unpack(bad, tmp_path / "deep" / "out", anything, quiet)
    assert {path.name for path in tmp_path.rglob("*")} == {"bad", "deep", "out"}
    assert not Path("/etc/evil").exists()


KINDS: dict[str, Callable[[], list[tuple[tarfile.TarInfo, bytes]]]] = {
    "symbolic link": lambda: [(entry("parts/a", type=tarfile.SYMTYPE, linkname="/etc/passwd"), b"")],
    "hard link": lambda: [(entry("parts/a", type=tarfile.LNKTYPE, linkname="../../secret"), b"")],
    "device": lambda: [(entry("parts/a", type=tarfile.CHRTYPE, devmajor=1, devminor=5), b"")],
    "pipe": lambda: [(entry("parts/a", type=tarfile.FIFOTYPE), b"")],
    "folder": lambda: [(entry("parts/a", type=tarfile.DIRTYPE), b"")],
    "file and folder": lambda: [(entry("parts/a"), b"1"), (entry("parts/a/b"), b"2")],
    "link, then through it": lambda: [
        (entry("parts/a", type=tarfile.SYMTYPE, linkname="/tmp"), b""),
        (entry("parts/a/evil"), b"evil"),
    ],
    "no prefix": lambda: [(entry("a"), b"1")],
    "twice": lambda: [(entry("parts/a"), b"1"), (entry("parts/a"), b"1")],
}


@pytest.mark.parametrize("kind", KINDS)
def test_anything_but_a_plain_file(tmp_path: Path, kind: str) -> None:
    """Links, devices and names in each other's way are refused, and nothing appears through them."""
    bad = archive(tmp_path / "bad", KINDS[kind]())
    (tmp_path / "out").mkdir()
    with pytest.raises(WrongSetting, match="bad: "):
        unpack(bad, tmp_path / "out", anything, quiet)
    assert not any(path.is_symlink() or not path.is_file() for path in (tmp_path / "out").rglob("*"))
    assert not Path("/tmp/evil").exists()


GOOD = {"name": "a", "size": 1, "sha256": hashlib.sha256(b"1").hexdigest()}
MANIFESTS: dict[str, object] = {
    "a part too few": [],
    "a part too many": [GOOD, {**GOOD, "name": "b"}],
    "another size": [{**GOOD, "size": 2}],
    "another digest": [{**GOOD, "sha256": "0" * 64}],
    "a negative size": [{**GOOD, "size": -1}],
    "no digest": [{**GOOD, "sha256": "x"}],
    "an enormous size": [{**GOOD, "size": 10**18}],
    "no list": "parts",
}


@pytest.mark.parametrize("what", MANIFESTS)
def test_a_manifest_that_lies(tmp_path: Path, what: str) -> None:
    """Whatever differs between manifest and content is refused."""
    told = {**ABOUT.model_dump(), "parts": MANIFESTS[what]}
    bad = archive(tmp_path / "bad", [(entry("parts/a"), b"1")], told)
    (tmp_path / "out").mkdir()
    with pytest.raises(WrongSetting, match="bad: "):
        unpack(bad, tmp_path / "out", anything, quiet)


def test_a_bomb_is_not_set_off(tmp_path: Path) -> None:
    """A few kilobytes that announce more than the disk holds are refused before anything is written."""
    huge = {**GOOD, "size": 10**15}
    bad = archive(tmp_path / "bad", [(entry("parts/a"), b"1")], {**ABOUT.model_dump(), "parts": [huge]})
    (tmp_path / "out").mkdir()
    with pytest.raises(WrongSetting, match="has room for"):
        unpack(bad, tmp_path / "out", anything, quiet)
    assert [*(tmp_path / "out").iterdir()] == []


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_SPARSE])
@pytest.mark.parametrize("first", [True, False])
def test_a_header_that_never_ends(tmp_path: Path, kind: bytes, first: bool) -> None:
    """A tar's own words on an entry are read up to a size, at its beginning and later: 300 MiB fit into some KiB."""
    head = tarfile.TarInfo("x")
    head.type, head.size = kind, 300 * 1024 * 1024
    about = json.dumps({**ABOUT.model_dump(), "parts": [GOOD]}).encode()
    manifest = tarfile.TarInfo("manifest.json")
    manifest.size = len(about)
    with gzip.open(tmp_path / "bad", "wb", compresslevel=1) as packed:
        if not first:
            packed.write(manifest.tobuf(tarfile.USTAR_FORMAT) + about.ljust(-(-len(about) // 512) * 512, b"\0"))
        packed.write(head.tobuf(tarfile.GNU_FORMAT))
        for _ in range(300):
            packed.write(bytes(1024 * 1024))
    (tmp_path / "out").mkdir()
    tracemalloc.start()
    try:
        with pytest.raises(WrongSetting, match="bad: "):
            unpack(tmp_path / "bad", tmp_path / "out", anything, quiet)
        assert tracemalloc.get_traced_memory()[1] < 32 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_part_that_nobody_wants(tmp_path: Path) -> None:
    """What the caller does not expect ends it before the first byte is written."""
    bad = archive(tmp_path / "bad", [(entry("parts/a"), b"1"), (entry("parts/ledger.git/hooks/update"), b"evil")])
    (tmp_path / "out").mkdir()
    with pytest.raises(WrongSetting, match="no part of a backup"):
        unpack(bad, tmp_path / "out", lambda name: name == "a", quiet)
    assert [*(tmp_path / "out").iterdir()] == []


def test_what_is_no_backup(tmp_path: Path) -> None:
    """A text, an empty file, an empty archive, another tar, a newer format: one line each."""
    (tmp_path / "out").mkdir()
    with tarfile.open(tmp_path / "empty.tgz", "w:gz"):
        pass
    with tarfile.open(tmp_path / "other.tgz", "w:gz") as tar:
        tar.addfile(entry("readme"), io.BytesIO(b""))
    (tmp_path / "text").write_text("hello")
    (tmp_path / "nothing").touch()
    (tmp_path / "zeros").write_bytes(gzip.compress(bytes(100_000)))
    archive(tmp_path / "list", [], [1, 2])
    archive(tmp_path / "newer", [], {**ABOUT.model_dump(), "format": 2})
    for name in ("empty.tgz", "other.tgz", "text", "nothing", "zeros", "list"):
        with pytest.raises(WrongSetting, match=rf"^{name}: it is .*no backup") as caught:
            unpack(tmp_path / name, tmp_path / "out", anything, quiet)
        assert "\n" not in str(caught.value)
    with pytest.raises(WrongSetting, match="newer: a newer shiftbook made it"):
        unpack(tmp_path / "newer", tmp_path / "out", anything, quiet)


@given(st.text("a./\\\0\n~"))
def test_a_name_inside_stays_inside(name: str) -> None:
    """Whatever passes resolves below the folder, by its own name."""
    if is_inside(name):
        path = os.path.normpath(os.path.join("/root/folder", name))  # noqa: PTH118  # as the system would read it
        assert path == f"/root/folder/{name}"
