"""A list of evidence comes back as it was written; what is not as it says is left out, and told."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from missions.evidence.bundle import (
    MANIFEST_NAME,
    MAX_EVIDENCE_FILES,
    MAX_LISTED_CHARS,
    NO_EVIDENCE,
    BadEvidence,
    CaseFailure,
    EvidenceBundle,
    EvidenceFile,
    LeftOutFile,
    SuiteReport,
    read_bundle,
    read_manifest,
)
from missions.evidence.shown_media import shown_media
from tests.missions.attachments.pictures import gif, png

LOG = EvidenceFile(path="a/log.txt", media="text/plain", data=b"one\ntwo\n", cut=True)
SHOT = EvidenceFile(path="a/shot.png", media="image/png", data=png())
REPORT = SuiteReport(path="junit.xml", tests=2, failed=1, failures=(CaseFailure(name="a.b", says="no"),))
BUNDLE = EvidenceBundle(
    files=(LOG, SHOT), left_out=(LeftOutFile(path="big", why="too big"),), more_left_out=3, reports=(REPORT,)
)


def read(parts: dict[str, bytes]) -> EvidenceBundle:
    return read_bundle(lambda path: parts.get(path, b""))


def test_it_comes_back_whole() -> None:
    """Files, reports and what was left out; nothing where there was nothing."""
    assert read(BUNDLE.parts()) == BUNDLE
    assert NO_EVIDENCE.parts() == {}
    assert read({}) == NO_EVIDENCE
    assert read_manifest(BUNDLE.manifest.print()) == BUNDLE.manifest
    assert BUNDLE.manifest.left_out_count == 4


def test_no_path_holds_a_name_of_the_projects() -> None:
    """Whatever the project calls its files, they lie under their numbers."""
    odd = EvidenceBundle(files=(replace(LOG, path="../../x\n\u202e.md"),))
    assert set(odd.parts()) == {MANIFEST_NAME, "evidence/1"}


def test_a_file_that_is_another_one_is_left_out_and_told() -> None:
    """A node that lists one file and brings another one: the result is not lost for it."""
    found = read(BUNDLE.parts() | {"evidence/2": b"something else"})
    assert found.files == (LOG,)
    assert [one.path for one in found.left_out] == ["big", "a/shot.png"]
    gone = read({key: data for key, data in BUNDLE.parts().items() if key != "evidence/1"})
    assert gone.files == (SHOT,)


@pytest.mark.parametrize("wrong", [b"{", b"[]", b'{"files": 3}', b'{"files": [{"path": 1}]}', b"[" * 100_000])
def test_a_list_that_cannot_be_read_is_told(wrong: bytes) -> None:
    """As one line, and as nothing that stops a fold."""
    with pytest.raises(BadEvidence):
        read_manifest(wrong)
    assert [one.path for one in read({MANIFEST_NAME: wrong}).left_out] == [MANIFEST_NAME]


def test_a_list_is_as_long_as_one_may_be() -> None:
    """Whoever writes more files than are kept has none of them taken."""
    facts = json.loads(BUNDLE.manifest.print())
    facts["files"] *= MAX_EVIDENCE_FILES
    with pytest.raises(BadEvidence):
        read_manifest(json.dumps(facts).encode())


@pytest.mark.parametrize(
    ("data", "media"),
    [
        (b"plain", "text/plain"),
        ("\ufeffwide".encode("utf-16"), "text/plain"),
        (b"<svg onload='alert(1)'/>", "text/plain"),
        (b"<!doctype html><script>1</script>", "text/plain"),
        (png(), "image/png"),
        (gif(), "image/gif"),
        (png() + b"<script>", "application/octet-stream"),
        (png(8000, 3000, idat=b""), "application/octet-stream"),
        (b"%PDF-1.7\n...\n%%EOF\n", "application/octet-stream"),
        (b"\0\1\2", "application/octet-stream"),
    ],
)
def test_a_file_is_shown_as_what_its_bytes_are(data: bytes, media: str) -> None:
    """A page and a vector picture are text, a polyglot and a huge picture are downloads."""
    assert shown_media(data) == media


@pytest.mark.parametrize("wrong", [{"size": 10**400}, {"size": -1}])
def test_a_file_of_a_size_that_is_none_is_not_listed(wrong: dict[str, object]) -> None:
    """Whoever may write to the ledger wrote it."""
    listed = json.loads(BUNDLE.manifest.print())
    listed["files"][0] |= wrong
    with pytest.raises(BadEvidence):
        read_manifest(json.dumps(listed).encode())


@pytest.mark.parametrize("wrong", [{"tests": 10**400}, {"failed": -1}])
def test_a_report_of_numbers_that_are_none_is_not_listed(wrong: dict[str, object]) -> None:
    """Its counts are added up where they are shown."""
    listed = json.loads(BUNDLE.manifest.print())
    listed["reports"][0] |= wrong
    with pytest.raises(BadEvidence):
        read_manifest(json.dumps(listed).encode())


def test_every_word_of_a_list_is_one_line() -> None:
    """A name of two lines would be a file of its own in a list, and a heading in a mission's result."""
    listed = json.loads(BUNDLE.manifest.print())
    listed["files"][0] |= {"path": "a\n  2  forged.txt\u202e" + "x" * MAX_LISTED_CHARS, "media": "text/html\r\nX: 1"}
    listed["left_out"][0] |= {"path": "b\n### forged", "why": "c\u2028d"}
    listed["reports"][0] |= {"path": "e\nf", "failures": [{"name": "g\nh", "says": "i\rj"}]}
    found = read_manifest(json.dumps(listed).encode())
    words = [found.files[0].path, found.files[0].media, found.left_out[0].path, found.left_out[0].why]
    words += [found.reports[0].path, found.reports[0].failures[0].name, found.reports[0].failures[0].says]
    assert all(word.isprintable() and len(word) <= MAX_LISTED_CHARS for word in words)
    assert words[4:] == ["e f", "g h", "i j"]
