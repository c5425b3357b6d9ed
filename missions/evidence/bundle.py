"""The bundle of a result's evidence: which files did its project's tests leave, and how did the tests end that these
report? A file is known by its number and the SHA-256 of its bytes; its name is the project's, and never a path of ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar

from missions.errors import MissionError
from missions.one_line import printable

if TYPE_CHECKING:  # a list of missions needs no pydantic
    from pydantic import TypeAdapter

MAX_EVIDENCE_FILES = 20
"""Files that are kept of one attempt."""
MAX_EVIDENCE_BYTES = 2 * 1024 * 1024
"""Bytes of one file as the tests left it."""
MAX_EVIDENCE_IN_ALL = 4 * 1024 * 1024
"""Bytes that are kept of one attempt."""
MAX_LEFT_OUT = 20
"""Files that were left out and are named; of more their number is told."""
MAX_REPORTS, MAX_FAILURES = 5, 50
"""Reports of tests that are read, and failures that are named of each."""
MAX_NAME_CHARS, MAX_SAYS_CHARS = 200, 300
MAX_LISTED_CHARS = 1000
"""Characters of any word of a list: a name that was redacted may be longer than it was."""
MAX_COUNT = 2**53
"""What any number of a list may be, as a browser counts."""
MAX_MANIFEST_BYTES = 512 * 1024
MANIFEST_NAME, FILES_FOLDER = "evidence.json", "evidence"
OCTETS = "application/octet-stream"
"""What is neither text nor a picture: it is given away as a download, and shown by nobody."""


class BadEvidence(MissionError):
    """The list of a result's evidence cannot be read."""


@dataclass(frozen=True, kw_only=True)
class CaseFailure:
    """A test that did not pass, and the first line of why."""

    name: str
    says: str = ""


@dataclass(frozen=True, kw_only=True)
class SuiteReport:
    """What a JUnit file reports. `errors` are tests that could not be run; `path` is the file's."""

    path: str
    tests: int
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    failures: tuple[CaseFailure, ...] = ()

    @property
    def words(self) -> str:
        """The counts in one line."""
        parts = [f"{self.tests:,} test{'s' * (self.tests != 1)}", f"{self.failed:,} failed"]
        parts += [f"{self.errors:,} with errors"] if self.errors else []
        parts += [f"{self.skipped:,} skipped"] if self.skipped else []
        return ", ".join(parts)


@dataclass(frozen=True, kw_only=True)
class LeftOutFile:
    """A file that a glob named and that is not kept."""

    path: str
    why: str


@dataclass(frozen=True, kw_only=True)
class KeptFile:
    """A kept file as it is listed; `cut` says that a part of a long text is missing."""

    path: str
    sha256: str
    size: int
    media: str
    cut: bool = False


@dataclass(frozen=True, kw_only=True)
class EvidenceFile:
    """A kept file with its bytes."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"val_json_bytes": "base64"}  # as a node's outbox writes it

    path: str
    media: str
    data: bytes
    cut: bool = False

    @property
    def listed(self) -> KeptFile:
        """Without its bytes."""
        digest = sha256(self.data).hexdigest()
        return KeptFile(path=self.path, sha256=digest, size=len(self.data), media=self.media, cut=self.cut)


@dataclass(frozen=True, kw_only=True)
class EvidenceManifest:
    """The list of what is kept, as it stands in the ledger. The number of a file is its place in it, from 1."""

    files: tuple[KeptFile, ...] = ()
    left_out: tuple[LeftOutFile, ...] = ()
    more_left_out: int = 0
    reports: tuple[SuiteReport, ...] = ()
    epoch: int = 0
    """Of the attempt that it belongs to: a mission of the same name may have been there before."""

    def __bool__(self) -> bool:
        return bool(self.files or self.left_out or self.reports)

    @property
    def left_out_count(self) -> int:
        """Those that are named, and those that are not."""
        return len(self.left_out) + self.more_left_out

    def print(self) -> bytes:
        """As a file; the same list gives the same bytes."""
        text = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False, indent=1)
        return f"{text}\n".encode("utf-8", "replace")


@dataclass(frozen=True, kw_only=True)
class EvidenceBundle:
    """All of it, with the files' bytes, as an attempt hands it over."""

    files: tuple[EvidenceFile, ...] = ()
    left_out: tuple[LeftOutFile, ...] = ()
    more_left_out: int = 0
    reports: tuple[SuiteReport, ...] = ()

    @property
    def manifest(self) -> EvidenceManifest:
        """Its list."""
        listed = tuple(one.listed for one in self.files)
        return EvidenceManifest(
            files=listed, left_out=self.left_out, more_left_out=self.more_left_out, reports=self.reports
        )

    def parts(self) -> dict[str, bytes]:
        """The list and the files under paths that hold nobody's name; nothing where there is nothing to tell."""
        if not self.manifest:
            return {}
        files = {file_name(number): one.data for number, one in enumerate(self.files, 1)}
        return {MANIFEST_NAME: self.manifest.print()} | files


NO_EVIDENCE, NO_LIST = EvidenceBundle(), EvidenceManifest()


def file_name(number: int) -> str:
    """Where a file lies beside its list, by its number."""
    return f"{FILES_FOLDER}/{number}"


def read_manifest(data: bytes) -> EvidenceManifest:
    """A list as whoever may write to the ledger wrote it. Raises BadEvidence."""
    try:
        found: EvidenceManifest = _adapter().validate_json(data)
    except ValueError as error:  # pydantic's own is one
        raise BadEvidence("the list of its evidence cannot be read") from error
    if len(found.files) > MAX_EVIDENCE_FILES or len(found.left_out) > MAX_LEFT_OUT or len(found.reports) > MAX_REPORTS:
        raise BadEvidence("the list of its evidence is longer than one may be")
    if not all(0 <= number <= MAX_COUNT for number in _numbers(found)):
        raise BadEvidence("the list of its evidence has a number that counts nothing")
    return replace(
        found,
        files=tuple(replace(one, path=_line(one.path), media=_line(one.media)) for one in found.files),
        left_out=tuple(LeftOutFile(path=_line(one.path), why=_line(one.why)) for one in found.left_out),
        reports=tuple(
            replace(
                one,
                path=_line(one.path),
                failures=tuple(CaseFailure(name=_line(case.name), says=_line(case.says)) for case in one.failures),
            )
            for one in found.reports
        ),
    )


def _numbers(found: EvidenceManifest) -> Iterator[int]:
    """What is added up and put into words wherever the list is shown."""
    yield from (found.more_left_out, found.epoch)
    yield from (one.size for one in found.files)
    for report in found.reports:
        yield from (report.tests, report.failed, report.errors, report.skipped)


def _line(text: str) -> str:
    """A word of the list, which is a line of its own wherever it is shown."""
    return printable(text)[:MAX_LISTED_CHARS]


def read_bundle(read: Callable[[str], bytes]) -> EvidenceBundle:
    """What a commit carries, by `read`, which returns b"" for what is not there. What is not as its list says is left
    out, and told: a result is not lost because of a file beside it."""
    listed = read(MANIFEST_NAME)
    if not listed:
        return NO_EVIDENCE
    try:
        found = read_manifest(listed)
    except BadEvidence as error:
        return EvidenceBundle(left_out=(LeftOutFile(path=MANIFEST_NAME, why=str(error)),))
    files, wrong = list[EvidenceFile](), list[LeftOutFile]()
    for number, one in enumerate(found.files, 1):
        data = read(file_name(number))
        made = EvidenceFile(path=one.path, media=one.media, data=data, cut=one.cut)
        if made.listed == one and sum(len(each.data) for each in files) + len(data) <= MAX_EVIDENCE_IN_ALL:
            files.append(made)
        else:
            wrong.append(LeftOutFile(path=one.path, why="it is not as the list of its node says"))
    return EvidenceBundle(
        files=tuple(files),
        left_out=(*found.left_out, *wrong)[:MAX_LEFT_OUT],
        more_left_out=found.more_left_out + max(0, len(found.left_out) + len(wrong) - MAX_LEFT_OUT),
        reports=found.reports,
    )


@cache
def _adapter() -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(EvidenceManifest)
