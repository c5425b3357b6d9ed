"""Collecting evidence: which files that a project's tests wrote are kept with the result, and why are others not?

The tests are code that an agent may have written. So a file is read only where it is a plain one with one name, below
the tree, by a way on which no link is; within bounds, whatever size it says; and as nothing but what its bytes are.
Texts go without secrets, and what nobody can look into is kept only where no secret was shown to the tests.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from handoff.encoding import readable_text
from handoff.secrets.excerpts import redacted_line
from handoff.secrets.redact import redact
from missions.attachments.file_kind import TEXT
from missions.evidence.bundle import (
    MAX_EVIDENCE_BYTES,
    MAX_EVIDENCE_FILES,
    MAX_EVIDENCE_IN_ALL,
    MAX_LEFT_OUT,
    MAX_NAME_CHARS,
    MAX_REPORTS,
    NO_EVIDENCE,
    OCTETS,
    EvidenceBundle,
    EvidenceFile,
    LeftOutFile,
    SuiteReport,
)
from missions.evidence.shown_media import shown_media
from missions.path_scope import outside_scope
from orchestrator.core.foreign_files import ForeignFile, NotOurs, PassedOver, find_files, open_foreign
from orchestrator.execution.evidence.junit_report import read_junit

Parts = tuple[str, ...]
MAX_LEVELS = 24
"""Folders in folders of which files are kept."""
_ANY_LEVEL = 4096
"""More folders in folders than a path can have: what lies deeper than is kept must be found to be told."""
MAX_TRIED = 40
"""Files that are read to find those that are kept: to look through one for secrets takes up to a second."""
MAX_TEXT_CHARS = 200_000
"""Characters of a text that are kept: half from its beginning and half from its end."""
MAX_OTHER_BYTES = 256 * 1024
"""Bytes of a file that is neither text nor a picture."""
_RUNS = re.compile(rb"[\x20-\x7e]{8,}|(?:[\x20-\x7e]\0{1,3}){7,}[\x20-\x7e]")
"""What can be read in a file that is no text, in one byte a letter, in two or in four, whichever comes first."""
_WILD = frozenset("*?[\\")


@dataclass(frozen=True, kw_only=True)
class EvidenceHunt:
    """What is looked for in a tree. `hide` strikes out of a text what stands in the files for tests, at `not_these`."""

    tree: Path
    globs: Sequence[str]
    hide: Callable[[str], str] = lambda text: text
    not_these: frozenset[str] = frozenset()

    def marks(self) -> Mapping[Parts, str]:
        """The files that are there by now, before the tests run: what they leave as it is, they did not write."""
        return {one.parts: one.mark for one in self._files([])}

    def collect(self, before: Mapping[Parts, str]) -> EvidenceBundle:
        """What was written since, in the order of the globs and then by name. Nothing may be running in the tree."""
        if not self.globs:
            return NO_EVIDENCE
        passed: list[PassedOver] = []
        found = [one.parts for one in self._files(passed) if before.get(one.parts) != one.mark]
        kept = _Kept(hunt=self)
        for parts in sorted(found, key=lambda parts: (self._rank(parts), parts)):
            kept.take(parts)
        for one in passed:
            kept.leave_out(os.path.relpath(one.place, self.tree), f"it {one.why}")
        return kept.bundle()

    def _files(self, passed: list[PassedOver]) -> Iterator[ForeignFile]:
        return find_files(self.tree, self._is_wanted, passed, depth=_ANY_LEVEL, enter=self._may_hold)

    def _is_wanted(self, parts: Parts) -> bool:
        path = "/".join(parts)
        inside = not outside_scope([path], self.globs) if self.globs else False
        return inside and not _in_git(parts) and path not in self.not_these

    def _rank(self, parts: Parts) -> int:
        path = "/".join(parts)
        return next(n for n, glob in enumerate(self.globs) if not outside_scope([path], [glob]))

    def _may_hold(self, parts: Parts) -> bool:
        """Whether a folder can have such a file: a tree may have a hundred thousand others."""
        return not _in_git(parts) and any(_leads_to(parts, glob) for glob in self.globs)


def _in_git(parts: Parts) -> bool:
    return any(part.lower() == ".git" for part in parts)


def _leads_to(parts: Parts, glob: str) -> bool:
    body = glob.strip().removeprefix("./").rstrip("/")
    fixed = list(takewhile(lambda part: not _WILD & set(part), body.strip("/").split("/"))) if "/" in body else []
    return all(one == other for one, other in zip(parts, fixed, strict=False))


@dataclass(kw_only=True)
class _Kept:
    """What is kept so far, and what is not."""

    hunt: EvidenceHunt
    files: list[EvidenceFile] = field(default_factory=list)
    left_out: list[LeftOutFile] = field(default_factory=list)
    more: int = 0
    reports: list[SuiteReport] = field(default_factory=list)
    room: int = MAX_EVIDENCE_IN_ALL
    tried: int = 0

    def bundle(self) -> EvidenceBundle:
        """All of it."""
        return EvidenceBundle(
            files=tuple(self.files),
            left_out=tuple(self.left_out),
            more_left_out=self.more,
            reports=tuple(self.reports),
        )

    def leave_out(self, path: str, why: str) -> None:
        """One that is not kept."""
        if len(self.left_out) == MAX_LEFT_OUT:
            self.more += 1
        else:
            self.left_out.append(LeftOutFile(path=self._shown(path), why=why))

    def take(self, parts: Parts) -> None:
        """One file, if it can be kept."""
        path = "/".join(parts)
        if len(parts) - 1 > MAX_LEVELS:
            self.leave_out(path, f"it lies in more than {MAX_LEVELS} folders")
            return
        if len(self.files) == MAX_EVIDENCE_FILES:
            self.leave_out(path, f"{MAX_EVIDENCE_FILES} files are kept of an attempt")
            return
        if self.tried == MAX_TRIED:
            self.leave_out(path, f"{MAX_TRIED} files are looked at of an attempt")
            return
        self.tried += 1
        data = _read(self.hunt.tree, parts)
        made = self._made(path, data) if isinstance(data, bytes) else data
        if isinstance(made, str):
            self.leave_out(path, made)
        elif len(made.data) > self.room:
            self.leave_out(path, f"with it there would be more than {MAX_EVIDENCE_IN_ALL:,} bytes in all")
        else:
            self.room -= len(made.data)
            self.files.append(made)

    def _made(self, path: str, data: bytes) -> EvidenceFile | str:
        """The file as it is kept, or why it is not."""
        shown, media = self._shown(path), shown_media(data)
        if media == TEXT:
            return self._text(shown, readable_text(data))
        if self._holds_secret(data):
            return "it holds what looks like a secret"
        if media == OCTETS and len(data) > MAX_OTHER_BYTES:
            return f"it has more than {MAX_OTHER_BYTES:,} bytes, and is neither text nor a picture that can be shown"
        if media == OCTETS and self.hunt.not_these:
            return "nobody can look into it, and the tests were shown files with secrets (test_files)"
        return EvidenceFile(path=shown, media=media, data=data)

    def _text(self, shown: str, text: str) -> EvidenceFile:
        """A text without its secrets; what is too long is cut after they were taken out."""
        clean = redact(self.hunt.hide(text)).text
        report = read_junit(shown, clean, self.hunt.hide) if len(self.reports) < MAX_REPORTS else None
        self.reports += [report] if report else []
        short = _without_middle(clean)
        return EvidenceFile(path=shown, media=TEXT, data=short.encode("utf-8", "replace"), cut=short != clean)

    def _holds_secret(self, data: bytes) -> bool:
        words = "\n".join(run.replace(b"\0", b"").decode("ascii") for run in _RUNS.findall(data))
        return self.hunt.hide(words) != words or bool(redact(words).found)

    def _shown(self, path: str) -> str:
        """A name of somebody else's in one line, without secrets and what moves a cursor."""
        text = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return redacted_line(self.hunt.hide(text), MAX_NAME_CHARS) or "(a name that cannot be shown)"


def _without_middle(text: str) -> str:
    if len(text) <= MAX_TEXT_CHARS:
        return text
    half = MAX_TEXT_CHARS // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters are not kept …]\n{text[-half:]}"


def _read(tree: Path, parts: Parts) -> bytes | str:
    """A file's bytes, or why it is not read."""
    try:
        with open_foreign(tree, parts) as file:
            found = os.fstat(file.fileno())
            if found.st_nlink > 1:
                return "it has a second name (a hard link)"
            if found.st_size > MAX_EVIDENCE_BYTES:
                return f"it has {found.st_size:,} bytes: at most {MAX_EVIDENCE_BYTES:,} are kept"
            data = file.read(MAX_EVIDENCE_BYTES + 1)
            after = os.fstat(file.fileno())
    except NotOurs:
        return "it is no plain file"
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    if len(data) != found.st_size or (found.st_size, found.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return "it was written to while it was read"
    return data if data else "it is empty"
