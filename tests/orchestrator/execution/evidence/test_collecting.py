"""What a hostile project's tests leave is kept within bounds and as what it is, or told as left out."""

from __future__ import annotations

import codecs
import os
import socket
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import pytest

from missions.evidence.bundle import (
    MAX_EVIDENCE_BYTES,
    MAX_EVIDENCE_FILES,
    MAX_EVIDENCE_IN_ALL,
    MAX_LEFT_OUT,
    EvidenceBundle,
)
from orchestrator.core import foreign_files
from orchestrator.execution.evidence import collecting
from orchestrator.execution.evidence.collecting import (
    MAX_LEVELS,
    MAX_OTHER_BYTES,
    MAX_TEXT_CHARS,
    MAX_TRIED,
    EvidenceHunt,
)
from tests.handoff.secrets.specimens import make
from tests.missions.attachments.pictures import png, png_part

SECRET = "hunter2-and-more"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project's tree."""
    place = tmp_path / "tree"
    (place / "out").mkdir(parents=True)
    return place


def collect(tree: Path, *globs: str, **more: Any) -> EvidenceBundle:
    return EvidenceHunt(tree=tree, globs=globs or ("out/**",), **more).collect({})


def kept(found: EvidenceBundle) -> list[str]:
    return [one.path for one in found.files]


def left(found: EvidenceBundle) -> dict[str, str]:
    return {one.path: one.why for one in found.left_out}


def test_files_are_kept_in_the_order_of_the_globs(tree: Path) -> None:
    """And then by name; what no glob names is not looked at, and without globs nothing is."""
    for name in ("b.png", "a.png"):
        (tree / "out" / name).write_bytes(png())
    (tree / "coverage.xml").write_text("<coverage/>")
    (tree / "secret.txt").write_text("mine")
    assert kept(collect(tree, "coverage.xml", "out/**/*.png")) == ["coverage.xml", "out/a.png", "out/b.png"]
    assert EvidenceHunt(tree=tree, globs=()).collect({}) == EvidenceBundle()


def test_only_what_the_tests_wrote_is_kept(tree: Path) -> None:
    """A file that stood there before is the project's or the agent's: no test has seen it made."""
    (tree / "out" / "old.log").write_text("old")
    hunt = EvidenceHunt(tree=tree, globs=("out/**",))
    before = hunt.marks()
    (tree / "out" / "new.log").write_text("new")
    assert kept(hunt.collect(before)) == ["out/new.log"]


def test_no_link_is_followed(tree: Path, tmp_path: Path) -> None:
    """Neither of a file nor of a folder on the way; a second name of a file outside counts as one."""
    outside = tmp_path / "node"
    outside.mkdir()
    (outside / "key").write_text(SECRET)
    (tree / "out" / "link.txt").symlink_to(outside / "key")
    (tree / "out" / "folder").symlink_to(outside)
    os.link(outside / "key", tree / "out" / "hard.txt")
    (tree / "results").symlink_to(outside)
    found = collect(tree, "out/**", "results/*")
    assert found.files == ()
    assert "a link" in left(found)["out/link.txt"]
    assert "a link" in left(found)["out/folder"]
    assert "hard link" in left(found)["out/hard.txt"]


def test_a_folder_that_becomes_a_link_meanwhile_is_not_followed(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the list and the reading: each folder on the way is opened by its name in the one above."""
    outside = tmp_path / "node"
    outside.mkdir()
    (outside / "a.txt").write_text(SECRET)
    (tree / "out" / "a.txt").write_text("mine")

    def swapped(top: Path, parts: tuple[str, ...]) -> Any:
        (tree / "out").rename(tree / "other")
        (tree / "out").symlink_to(outside)
        return foreign_files.open_foreign(top, parts)

    monkeypatch.setattr(collecting, "open_foreign", swapped)
    found = collect(tree)
    assert found.files == ()
    assert list(left(found)) == ["out/a.txt"]


def test_what_is_no_file_is_not_waited_for(tree: Path, tmp_path: Path) -> None:
    """A pipe that nobody writes into, and a socket."""
    os.mkfifo(tree / "out" / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as listening:
        where = Path.cwd()
        os.chdir(tree)  # a socket's whole path may be longer than one may be
        listening.bind("out/socket.txt")
        os.chdir(where)
        found = collect(tree)
    assert set(left(found)) == {"out/pipe.txt", "out/socket.txt"}


def test_git_folders_and_the_files_for_tests_are_no_evidence(tree: Path) -> None:
    """Whatever a glob says."""
    for place in (".git", "out/.GIT"):
        (tree / place).mkdir()
        (tree / place / "config").write_text(SECRET)
    (tree / ".env.test").write_text(SECRET)
    (tree / "out" / "ok.log").write_text("fine")
    found = collect(tree, "**", not_these=frozenset({".env.test"}))
    assert (kept(found), found.left_out) == (["out/ok.log"], ())


def test_ten_thousand_files_are_twenty_and_a_number(tree: Path) -> None:
    """The first are kept, some are named, of the rest the number is told."""
    for number in range(10_000):
        (tree / "out" / f"{number:05}.txt").write_text("x")
    found = collect(tree)
    assert kept(found) == [f"out/{number:05}.txt" for number in range(MAX_EVIDENCE_FILES)]
    assert len(found.left_out) == MAX_LEFT_OUT
    assert found.more_left_out == 10_000 - MAX_EVIDENCE_FILES - MAX_LEFT_OUT


def test_many_files_that_are_not_kept_are_not_all_read(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes time, whatever comes of it."""
    looked = []
    for number in range(MAX_TRIED + 30):
        (tree / "out" / f"{number:03}.bin").write_bytes(b"\0" * 100)
    monkeypatch.setattr(collecting, "_read", lambda _tree, parts: looked.append(parts) or "it is odd")
    found = collect(tree)
    assert len(looked) == MAX_TRIED
    assert len(found.left_out) + found.more_left_out == MAX_TRIED + 30


def test_what_lies_too_deep_is_told(tree: Path) -> None:
    """Also far below: only files that the tests wrote, that a glob names, and no folder for its own sake."""
    kept_in = tree / "out" / "/".join("f" * (MAX_LEVELS - 1))
    for place in (kept_in, kept_in / "g", kept_in / "/".join("h" * 200)):
        place.mkdir(parents=True)
        (place / "old.log").write_text("old\n")
    hunt = EvidenceHunt(tree=tree, globs=("out/**/*.log",))
    before = hunt.marks()
    for place in (kept_in, kept_in / "g", kept_in / "/".join("h" * 200)):
        (place / "a.log").write_text("a\n")
        (place / "a.txt").write_text("no glob names it\n")
    found = hunt.collect(before)
    assert kept(found) == [(kept_in / "a.log").relative_to(tree).as_posix()]
    assert [one.why for one in found.left_out] == [f"it lies in more than {MAX_LEVELS} folders"] * 2


def test_a_sparse_gigabyte_is_not_read(tree: Path) -> None:
    """What a file says to be is asked first."""
    with (tree / "out" / "big.log").open("wb") as file:
        file.truncate(2**30)
    found = collect(tree)
    assert found.files == ()
    assert left(found) == {"out/big.log": f"it has {2**30:,} bytes: at most {MAX_EVIDENCE_BYTES:,} are kept"}


def test_a_file_that_grows_while_it_is_read_is_left_out(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a sandbox something may still be running: what is kept is a file that stood still."""
    (tree / "out" / "live.log").write_text("one\n")

    def growing(top: Path, parts: tuple[str, ...]) -> Any:
        file = foreign_files.open_foreign(top, parts)
        inner = file.read

        def read(size: int) -> bytes:
            data = inner(size)
            with (tree / "out" / "live.log").open("a") as more:
                more.write("two\n")
            return data

        monkeypatch.setattr(file, "read", read, raising=False)
        return file

    monkeypatch.setattr(collecting, "open_foreign", growing)
    found = collect(tree)
    assert (kept(found), left(found)) == ([], {"out/live.log": "it was written to while it was read"})


def test_all_of_an_attempt_has_a_limit(tree: Path) -> None:
    """What does not fit is left out by name."""
    noise = png_part(b"teXt", Random(1).randbytes(MAX_EVIDENCE_IN_ALL // 3))
    large = png().replace(png_part(b"IEND", b""), noise + png_part(b"IEND", b""))
    for name in "abcd":
        (tree / "out" / f"{name}.png").write_bytes(large)
    found = collect(tree)
    assert kept(found) == ["out/a.png", "out/b.png"]
    assert set(left(found)) == {"out/c.png", "out/d.png"}


@pytest.mark.parametrize("name", ["a\nb.txt", "a\u202etxt.exe", "..%2f..txt", "... .txt", "a\x1b[2Jb.txt"])
def test_a_name_is_told_in_one_plain_line(tree: Path, name: str) -> None:
    """Whatever it is, and whatever bytes it has."""
    (tree / "out" / name).write_text("x")
    (shown,) = kept(collect(tree))
    assert shown.isprintable()
    assert "\u202e" not in shown


def test_a_name_of_no_encoding_is_told(tree: Path) -> None:
    """As file systems allow it."""
    Path(os.fsdecode(os.fsencode(tree) + b"/out/\xff\xfe.txt")).write_text("x")
    (shown,) = kept(collect(tree))
    assert shown.startswith("out/")
    shown.encode()


def test_a_vector_picture_is_text_and_a_polyglot_a_download(tree: Path) -> None:
    """By its bytes, whatever its name says."""
    (tree / "out" / "a.png").write_text("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")
    (tree / "out" / "b.png").write_bytes(png() + b"<script>alert(1)</script>")
    (tree / "out" / "c.png").write_bytes(png())
    media = {one.path: one.media for one in collect(tree).files}
    assert media == {"out/a.png": "text/plain", "out/b.png": "application/octet-stream", "out/c.png": "image/png"}


def test_what_is_neither_text_nor_picture_is_small(tree: Path) -> None:
    """Or left out, with the reason."""
    (tree / "out" / "a.bin").write_bytes(b"\0" * 100)
    (tree / "out" / "b.bin").write_bytes(b"\0" * (MAX_OTHER_BYTES + 1))
    found = collect(tree)
    assert kept(found) == ["out/a.bin"]
    assert "neither text nor a picture" in left(found)["out/b.bin"]


def hide(text: str) -> str:
    return text.replace(SECRET, "[struck]")


def test_values_of_the_files_for_tests_are_struck_out(tree: Path) -> None:
    """Of texts in either encoding, of reports and of names; a picture that holds one is not kept."""
    (tree / "out" / "a.log").write_text(f"token {SECRET}\n")
    (tree / "out" / "b.log").write_bytes(f"token {SECRET}\n".encode("utf-16"))
    (tree / "out" / f"c-{SECRET}.log").write_text("fine")
    end, said = png_part(b"IEND", b""), png_part(b"tEXt", b"Comment\0" + SECRET.encode())
    (tree / "out" / "d.png").write_bytes(png().replace(end, said + end))
    (tree / "out" / "e.xml").write_text(f'<testsuite><testcase name="{SECRET}"><failure/></testcase></testsuite>')
    found = collect(tree, hide=hide)
    assert kept(found) == ["out/a.log", "out/b.log", "out/c-[struck].log", "out/e.xml"]
    assert SECRET not in str(found)
    assert SECRET.encode() not in b"".join(one.data for one in found.files)
    assert found.files[1].data.decode() == "token [struck]\n"
    assert left(found) == {"out/d.png": "it holds what looks like a secret"}


def test_what_nobody_can_look_into_is_not_kept_where_secrets_were_shown(tree: Path) -> None:
    """An archive may hold a token in a form that nobody finds."""
    with zipfile.ZipFile(tree / "out" / "trace.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("network.log", SECRET * 10)
    assert kept(collect(tree)) == ["out/trace.zip"]
    found = collect(tree, not_these=frozenset({".env.test"}), hide=hide)
    assert found.files == ()
    assert "test_files" in left(found)["out/trace.zip"]


def test_known_secrets_are_redacted_before_a_text_is_cut(tree: Path) -> None:
    """One that lies on the cut is seen whole."""
    secret = make("gh~p_{W36}", Random(3))
    half = MAX_TEXT_CHARS // 2
    (tree / "out" / "long.log").write_text("x " * (half // 2 - 8) + secret + " y" * half + secret)
    (one,) = collect(tree).files
    text = one.data.decode()
    assert one.cut
    assert "characters are not kept" in text
    assert secret[:12] not in text
    assert secret[-12:] not in text


def test_a_report_of_tests_is_read(tree: Path) -> None:
    """Beside the file itself, which stays what it is."""
    (tree / "out" / "junit.xml").write_text("<testsuite><testcase name='a'/></testsuite>")
    found = collect(tree)
    assert [report.words for report in found.reports] == ["1 test, 0 failed"]
    assert kept(found) == ["out/junit.xml"]


def test_a_folder_that_no_glob_leads_to_is_not_entered(tree: Path) -> None:
    """A tree has a hundred thousand files of others."""
    (tree / "node_modules").mkdir(mode=0o000)
    try:
        found = collect(tree, "out/**/*.png", "/junit.xml")
    finally:
        (tree / "node_modules").chmod(0o700)
    assert found == EvidenceBundle()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_secret_in_wide_letters_without_a_mark_is_not_kept(tree: Path, encoding: str) -> None:
    """Nothing tells that it is a text, and its last letter may be the file's end."""
    secret = make("gh~p_{W36}", Random(4))
    (tree / "out" / "wide.bin").write_bytes(f"token {secret}".encode(encoding))
    assert left(collect(tree)) == {"out/wide.bin": "it holds what looks like a secret"}


@pytest.mark.parametrize("mark", [codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE])
def test_a_text_in_four_bytes_a_letter_is_kept_as_one_without_its_secret(tree: Path, mark: bytes) -> None:
    """Its mark says in which order they stand."""
    secret = make("gh~p_{W36}", Random(4))
    (tree / "out" / "wide.txt").write_bytes(mark + f"token {secret}".encode("utf-32-le" if mark[0] else "utf-32-be"))
    (one,) = collect(tree).files
    assert one.media == "text/plain"
    assert one.data.startswith(b"token [redacted:")
