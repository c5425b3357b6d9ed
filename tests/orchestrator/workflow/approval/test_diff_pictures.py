"""The pictures of a diff: what git wrote is shown as it was, and nothing that only looks like one."""

from __future__ import annotations

import base64
import random
import time
import zlib
from pathlib import Path

import pytest

from missions.attachments.file_kind import FileKind
from orchestrator.workflow.approval import diff_pictures as module
from orchestrator.workflow.approval.diff_pictures import MAX_TRIED, diff_pictures, pictures_json
from tests.missions.attachments.pictures import jpeg, png, webp
from tests.orchestrator.repositories import git


def literal(path: str, data: bytes, *, size: int | None = None, word: str = "literal") -> str:
    """A new binary file as git writes it."""
    packed, lines = zlib.compress(data), []
    for at in range(0, len(packed), 52):
        piece = packed[at : at + 52]
        lines.append(module.LETTERS[len(piece) - 1] + base64.b85encode(piece, pad=True).decode())
    head = f"diff --git a/{path} b/{path}\nnew file mode 100644\nindex 0000000..1111111\nGIT binary patch\n"
    said = len(data) if size is None else size
    return head + f"{word} {said}\n" + "\n".join(lines) + "\n\nliteral 0\nHcmV?d00001\n\n"


def test_what_git_wrote_comes_back(tmp_path: Path) -> None:
    """A real diff with new pictures among other files, one under an odd name; a changed one is not in it whole."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "old.png").write_bytes(png(200, 200))
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "a")
    files = {
        "shot ä.png": png(40, 30),
        "b.jpg": jpeg(),
        "c.webp": webp(),
        "d.bin": bytes(range(256)),
        "e.svg": b"<svg/>",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    git(tmp_path, "add", ".")
    diff = git(tmp_path, "diff", "--cached", "--binary", "--full-index")
    found = {one.path: one for one in diff_pictures(diff)}
    assert {path: one.data for path, one in found.items()} == {
        name: data for name, data in files.items() if name.endswith(("png", "jpg", "webp"))
    }
    assert (found["shot ä.png"].kind.width, found["shot ä.png"].kind.height) == (40, 30)


@pytest.mark.parametrize(
    "part",
    [
        literal("a.png", b"<svg onload=alert(1)>"),
        literal("a.png", png() + b"<script>"),
        literal("a.png", png(5000, 5000, idat=b"")),
        literal("a.png", png(), size=3),
        literal("a.png", png(), size=9_000_000_000),
        literal("a.png", png(), size=-1),
        literal("a.png", png(), word="delta"),
        literal("a.png", png()).replace("literal 7", "literal x"),
        literal("a.png", png())[:-60] + "\n",
        literal("a.png", bytes(3_000_000)),
        "diff --git a/a.png b/a.png\nGIT binary patch\nliteral 5\n§oddly\n\n",
        "diff --git a/a.png b/a.png\nGIT binary patch\nliteral 5\nzab\n\n",
        "diff --git a/a.png b/a.png\nGIT binary patch\n",
        "diff --git a/a.png b/a.png\nBinary files differ\n",
    ],
)
def test_what_is_no_whole_picture_is_not_shown(part: str) -> None:
    """And it does not keep the next one from being seen."""
    shown = diff_pictures(part + literal("good.png", png()))
    assert [one.path for one in shown] == ["good.png"]


def test_the_work_is_bounded() -> None:
    """Two hundred bombs in one diff take no longer than forty; a dozen pictures are shown."""
    bombs = literal("b.png", bytes(4_000_000)) * 200
    began = time.process_time()
    assert diff_pictures(bombs + literal("good.png", png())) == []
    assert time.process_time() - began < 3
    assert len(diff_pictures("".join(literal(f"{n}.png", png()) for n in range(MAX_TRIED)))) == 12


def test_what_is_unpacked_of_one_diff_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where all of it are sound pictures; what says to be small and is not costs no more than it says."""
    one = literal("a.png", png(40, 30))
    monkeypatch.setattr(module, "MAX_ALL_BYTES", 3 * len(png(40, 30)))
    assert len(diff_pictures(one * 5)) == 3
    assert [each.path for each in diff_pictures(literal("wide.png", png(400, 300)) + one)] == ["a.png"]
    decoded = []
    monkeypatch.setattr(module.base64, "b85decode", lambda line: decoded.append(line) or bytes(52))
    packed = literal("a.png", random.Random(1).randbytes(200_000), size=80)
    assert diff_pictures(packed) == []
    assert len(decoded) * 52 < 80 + 2 * module.MAX_PACKING_BYTES


def test_the_last_diff_is_unpacked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list, and each of its pictures, is a request of its own; another diff is looked at anew."""
    tried, read = list[int](), module.file_kind

    def counted(data: bytes) -> FileKind:
        tried.append(len(data))
        return read(data)

    monkeypatch.setattr(module, "file_kind", counted)
    first, second = (literal(f"{name}.png", png(7, 8)) for name in ("first", "second"))
    for diff in (first, first, first, second, first):
        assert [one.kind.height for one in diff_pictures(diff)] == [8]
    assert len(tried) == 3
    diff_pictures(first).clear()
    assert len(diff_pictures(first)) == 1


def test_the_list_names_its_diff() -> None:
    """By the digest with which the diff itself is shown and decided."""
    told = pictures_json(literal("a.png", png()), "c" * 40)
    assert told["digest"] == module.diff_digest(literal("a.png", png()), "c" * 40)
    row = {"number": 0, "path": "a.png", "media": "image/png", "width": 3, "height": 2, "size": len(png())}
    assert told["items"] == [row]
