"""Does an OCI archive become a root file system as it says, once, and a hostile one nothing but a line?"""

from __future__ import annotations

import gzip
import io
import json
import platform
import shutil
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from orchestrator.adapters.sandbox import oci_archive
from orchestrator.adapters.sandbox.image_root import ROOTS_FOLDER, RootFolder, image_root
from orchestrator.adapters.sandbox.layer_tree import MAX_DEPTH, LayerTree
from orchestrator.adapters.sandbox.oci_archive import MACHINES, ImageRefused
from tests.orchestrator.adapters.sandbox.image_writer import LAYER, Entry, Image, layer

HELLO = layer(("usr", None), ("usr/hello", b"hello\n"))


def taken(tmp_path: Path, image: Image) -> RootFolder:
    """What becomes of an image."""
    return image_root(image.write(tmp_path / "image.tar"), tmp_path / "cache")


def listing(top: Path) -> dict[str, str]:
    """Each name with a file's text, where a link leads, or "" for a folder."""
    found = {}
    for path in sorted(top.rglob("*")):
        name = str(path.relative_to(top))
        found[name] = f"-> {path.readlink()}" if path.is_symlink() else "" if path.is_dir() else path.read_text()
    return found


def tree(tmp_path: Path, *layers: tuple[Entry, ...]) -> dict[str, str]:
    """What layers make, one above the other."""
    root = taken(tmp_path, Image(layers=[layer(*entries) for entries in layers]))
    assert root.trouble == ""
    return listing(root.path)


@pytest.mark.parametrize("kind", [LAYER, f"{LAYER}+gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip"])
def test_an_image_is_unpacked_once(tmp_path: Path, kind: str) -> None:
    """By its digest; the next node to start takes what is there, and another image has a folder of its own."""
    image = Image(layers=[HELLO], kind=kind)
    root = taken(tmp_path, image)
    assert (root.trouble, listing(root.path)) == ("", {"usr": "", "usr/hello": "hello\n"})
    (root.path / "usr/hello").write_text("kept\n")
    assert taken(tmp_path, image) == root
    assert (root.path / "usr/hello").read_text() == "kept\n"
    other = taken(tmp_path, Image(layers=[layer(("usr/other", b""))], kind=kind))
    assert other.path != root.path
    assert listing(other.path) == {"usr": "", "usr/other": ""}
    assert stat.S_IMODE(root.path.parent.stat().st_mode) == 0o700


def test_layers_lie_one_above_the_other(tmp_path: Path) -> None:
    """Files are replaced by files, links and folders, and the other way; nothing is written through what was there."""
    below: tuple[Entry, ...] = (("a", b"1"), ("b", None), ("b/in", b"1"), ("c", "-> a"), ("d", b"1"), ("e", "= d"))
    above: tuple[Entry, ...] = (("./a", None), ("a/x", b"2"), ("/b", b"2"), ("c", b"2"), ("d", b"2"))
    assert tree(tmp_path, below, above) == {"a": "", "a/x": "2", "b": "2", "c": "2", "d": "2", "e": "1"}


def test_whiteouts(tmp_path: Path) -> None:
    """They take away what lower layers have, a folder's whole content too, and nothing of their own layer."""
    below: tuple[Entry, ...] = (("a/1", b"low"), ("a/2", b"low"), ("b/1", b"low"), ("b/c/1", b"low"), ("f", b"low"))
    above: tuple[Entry, ...] = (
        ("a/.wh.1", b""),
        ("b/c/2", b"new"),
        ("b/.wh..wh..opq", b""),
        ("f", b"new"),
        (".wh.f", b""),
        (".wh.never", b""),
        (".wh..wh.plnk", None),
    )
    assert tree(tmp_path, below, above) == {
        "a": "",
        "a/2": "low",
        "b": "",
        "b/c": "",
        "b/c/2": "new",
        "f": "new",
    }


def test_a_folder_that_was_taken_away_and_made_anew_has_nothing_of_before(tmp_path: Path) -> None:
    """In either order, as builders write it."""
    below: tuple[Entry, ...] = (("a/old", b"low"), ("b/old", b"low"))
    above: tuple[Entry, ...] = ((".wh.a", b""), ("a/new", b"new"), ("b/new", b"new"), (".wh.b", b""))
    assert tree(tmp_path, below, above) == {"a": "", "a/new": "new", "b": "", "b/new": "new"}


def test_what_a_root_needs_not(tmp_path: Path) -> None:
    """Devices and pipes are left out; no file is set-user-ID, or closed to this node's user; links lead anywhere."""
    entries: tuple[Entry, ...] = (("dev/null", "device"), ("run/p", "pipe"), ("su", b"x"), ("ln", "-> ../../../etc"))
    root = taken(tmp_path, Image(layers=[layer(*entries, mode=0o6755), layer(("closed", None), mode=0)]))
    assert listing(root.path) == {"closed": "", "dev": "", "run": "", "su": "x", "ln": "-> ../../../etc"}
    assert stat.S_IMODE((root.path / "su").stat().st_mode) == 0o755
    assert stat.S_IMODE((root.path / "closed").stat().st_mode) == 0o700


HOSTILE: dict[str, tuple[tuple[Entry, ...], str]] = {
    "climbs": ((("../../out", b"x"),), "leads out of it"),
    "climbs within": ((("usr/../../out", b"x"),), "leads out of it"),
    "behind a link": ((("esc", "-> {out}"), ("esc/file", b"x")), "behind the link or file 'esc'"),
    "behind a link deeper": ((("a/esc", "-> {out}"), ("a/esc/b/file", b"x")), "behind the link or file 'esc'"),
    "a folder behind a link": ((("esc", "-> {out}"), ("esc/dir", None)), "behind the link or file"),
    "whiteout behind a link": ((("esc", "-> {out}"), ("esc/.wh.secret", b"")), "behind the link or file"),
    "opaque behind a link": ((("esc", "-> {out}"), ("esc/.wh..wh..opq", b"")), "behind the link or file"),
    "whiteout of the parent": ((("a/.wh...", b""),), "takes away '..'"),
    "whiteout of itself": ((("a/.wh..", b""),), "takes away '.'"),
    "hard link out": ((("h", "= ../../out/secret"),), "leads out of it"),
    "hard link by an absolute name": ((("h", "= {out}/secret"),), "which is no file of it"),
    "hard link behind a link": ((("esc", "-> {out}"), ("h", "= esc/secret")), "behind the link or file"),
    "hard link to a folder": ((("d", None), ("h", "= d")), "which is no file of it"),
    "hard link to itself": ((("h", "= h"),), "leads to 'h'"),
    "behind a file": ((("f", b"x"), ("f/g", b"x")), "behind the link or file 'f'"),
    "twice": ((("f", b"x"), ("./f", b"y")), "twice"),
    "twice, as another kind": ((("f/g", b"x"), ("f", b"y")), "twice"),
    "too deep": ((("/".join("a" * (MAX_DEPTH + 1)), b"x"),), "too deep"),
    "a name that is too long": ((("n" * 300, b"x"),), "File name too long"),
    "a link to nothing": ((("l", "-> "),), "cannot be taken"),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_a_hostile_layer_is_refused(tmp_path: Path, how: str) -> None:
    """In one line; nothing outside is written, read, linked or taken away, and no root is left."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "secret").write_text("a secret")
    entries, why = HOSTILE[how]
    filled = [(name, what.format(out=out) if isinstance(what, str) else what) for name, what in entries]
    root = taken(tmp_path, Image(layers=[HELLO, layer(*filled)]))
    assert why in root.trouble
    assert "\n" not in root.trouble
    assert listing(out) == {"secret": "a secret"}
    assert (out / "secret").stat().st_nlink == 1
    assert not list((tmp_path / "cache" / ROOTS_FOLDER).glob("*sha256-*[!k]"))


def _index(**fields: object) -> dict[str, bytes]:
    return {"index.json": json.dumps(fields).encode()}


ZSTD = f"{LAYER}+zstd"
BROKEN: dict[str, tuple[Image, str]] = {
    "another layer's bytes": (Image(layers=[HELLO], kind=LAYER), "have another digest"),
    "a layer that is not there": (Image(layers=[HELLO]), "it lacks blobs/sha256/"),
    "no index": (Image(layers=[HELLO], without=frozenset({"index.json"})), "it is no OCI archive"),
    "docker's own kind": (
        Image(blobs={"manifest.json": b"[]"}, without=frozenset({"index.json"})),
        "--format oci-archive",
    ),
    "an index that names nothing": (Image(blobs=_index(manifests=[])), "names no manifests"),
    "an index of a list": (Image(blobs={"index.json": b"[]"}), "is no JSON object"),
    "no JSON": (Image(blobs={"index.json": b"{"}), "is no JSON"),
    "a digest that climbs": (Image(blobs=_index(manifests=[{"digest": "sha256:../../x"}])), "is no SHA-256 digest"),
    "zstd": (Image(layers=[HELLO], kind=ZSTD), "save it with gzip"),
    "no layers": (Image(), "names no layers"),
    "no tar in it": (Image(layers=[b"nonsense" * 200]), "cannot be read as tar"),
    "another system's": (Image(layers=[HELLO], platforms=("linux/mips", "linux/s390x")), "2 images, and 0 for"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_archive_is_refused(tmp_path: Path, how: str) -> None:
    """Each with what is wrong with it, in one line."""
    image, why = BROKEN[how]
    if how == "another layer's bytes":
        image.blobs = {image.layer_name: HELLO.replace(b"hello\n", b"other\n")}
    elif how == "a layer that is not there":
        image.without = frozenset({image.layer_name})
    root = taken(tmp_path, image)
    assert why in root.trouble
    assert "\n" not in root.trouble
    assert not list((tmp_path / "cache").rglob("hello"))


def test_what_is_no_archive(tmp_path: Path) -> None:
    """A file of another kind, a pax header beyond all bounds, and one entry twice."""
    (tmp_path / "image.tar").write_bytes(b"no tar" * 500)
    assert "cannot be read as a tar archive" in image_root(tmp_path / "image.tar", tmp_path / "cache").trouble
    path = Image(layers=[HELLO]).write(tmp_path / "image.tar")
    with tarfile.open(path, "a") as archive:
        archive.addfile(tarfile.TarInfo("index.json"))
    assert "it has 'index.json' twice" in image_root(path, tmp_path / "cache").trouble
    long = tarfile.TarInfo("x")
    long.pax_headers = {"comment": "x" * 2_000_000}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(long)
    assert "a header of a layer has 2,0" in taken(tmp_path, Image(layers=[out.getvalue()])).trouble


def test_the_one_for_this_machine_is_taken(tmp_path: Path) -> None:
    """Of an index of several; a single one is taken whatever it says."""
    here = MACHINES.get(platform.machine(), platform.machine())
    assert taken(tmp_path, Image(layers=[HELLO], platforms=("linux/mips", f"linux/{here}"))).trouble == ""
    assert taken(tmp_path, Image(layers=[HELLO], platforms=("linux/mips",))).trouble == ""


def test_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of entries, of bytes as they are unpacked, of the archive's own entries and its texts."""
    bomb = layer(("zeros", bytes(3_000_000)))
    (tmp_path / "tree").mkdir()
    with pytest.raises(ImageRefused, match="more than 2,000,000 entries or 1,000,000 bytes"):
        LayerTree(folder=tmp_path / "tree", max_bytes=1_000_000).apply(io.BytesIO(gzip.compress(bomb)), "gz")
    assert listing(tmp_path / "tree") == {}
    with pytest.raises(ImageRefused, match="more than 1 entries"):
        LayerTree(folder=tmp_path / "tree", max_entries=1).apply(io.BytesIO(HELLO), "")
    monkeypatch.setattr(oci_archive, "MAX_ARCHIVE_ENTRIES", 3)
    assert "more than 3 entries" in taken(tmp_path, Image(layers=[HELLO])).trouble
    monkeypatch.undo()
    monkeypatch.setattr(oci_archive, "MAX_JSON_BYTES", 100)
    assert "index.json has more than 100 bytes" in taken(tmp_path, Image(layers=[HELLO])).trouble


def test_what_a_kill_left_is_made_anew(tmp_path: Path) -> None:
    """A half-unpacked root has another name, and the next try begins afresh."""
    image = Image(layers=[HELLO])
    root = taken(tmp_path, image)
    half = root.path.with_name(f".making-{root.path.name}")
    root.path.rename(half)
    (half / "half").write_text("x")
    assert listing(taken(tmp_path, image).path) == {"usr": "", "usr/hello": "hello\n"}
    assert not half.exists()


@pytest.mark.nightly
@pytest.mark.skipif(not (shutil.which("skopeo") and shutil.which("umoci")), reason="skopeo and umoci are not here")
def test_real_programs_agree(tmp_path: Path) -> None:
    """What skopeo and umoci write is read, and what the tests' writer writes they read."""
    layout = tmp_path / "layout"
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "file").write_text("of umoci\n")
    for words in (
        ["umoci", "init", "--layout", str(layout)],
        ["umoci", "new", "--image", f"{layout}:t"],
        ["umoci", "insert", "--rootless", "--image", f"{layout}:t", str(tmp_path / "new"), "/usr"],
        ["umoci", "insert", "--rootless", "--image", f"{layout}:t", "--whiteout", "/usr/file"],
        ["umoci", "insert", "--rootless", "--image", f"{layout}:t", str(tmp_path / "new" / "file"), "/usr/again"],
        ["skopeo", "copy", f"oci:{layout}:t", f"oci-archive:{tmp_path}/theirs.tar"],
    ):
        subprocess.run(words, check=True, capture_output=True)
    root = image_root(tmp_path / "theirs.tar", tmp_path / "cache")
    assert root.trouble == ""
    assert listing(root.path) == {"usr": "", "usr/again": "of umoci\n"}
    ours = Image(layers=[HELLO]).write(tmp_path / "ours.tar")
    read = tmp_path / "read"
    subprocess.run(["skopeo", "copy", f"oci-archive:{ours}", f"oci:{read}:t"], check=True, capture_output=True)
    bundle = tmp_path / "bundle"
    subprocess.run(
        ["umoci", "unpack", "--rootless", "--image", f"{read}:t", str(bundle)], check=True, capture_output=True
    )
    assert listing(bundle / "rootfs") == {"usr": "", "usr/hello": "hello\n"}
