"""Which attachments does a mission come with, and how does its text name them? By their blobs: nobody can swap them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from missions.errors import MissionError

MAX_ATTACHMENTS = 8
MAX_ATTACHMENT_BYTES = 2 * 1024 * 1024
"""Bytes of one file."""
MAX_ALL_BYTES = 4 * 1024 * 1024
"""Bytes of all of a mission's files."""
FOLDER = "missions/attachments"
NAME_CHARS = 80
_NAME = re.compile(rf"[A-Za-z0-9_](?:[A-Za-z0-9._-]{{0,{NAME_CHARS - 2}}}[A-Za-z0-9_-])?")
_WORD = re.compile(r"(?P<oid>[0-9a-f]{40}) (?P<name>\S+)")
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))})
"""Names that are devices under Windows, whatever follows their first dot."""


class BadAttachment(MissionError):
    """A word of `attachments` names no file that a mission can come with."""


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A file beside a mission: the blob that it is, and its name."""

    oid: str
    name: str

    @property
    def word(self) -> str:
        """As the front matter says it."""
        return f"{self.oid} {self.name}"

    @property
    def path(self) -> str:
        """Where it stands in the ledger."""
        return f"{FOLDER}/{self.oid}/{self.name}"


def is_safe_name(name: str) -> bool:
    """Whether a name is a plain file's on every system, in any folder."""
    return bool(_NAME.fullmatch(name)) and ".." not in name and name.partition(".")[0].lower() not in _RESERVED


def safe_name(given: str) -> str:
    """A file name as somebody's system gave it, as a safe one; its folders are left out. Raises BadAttachment."""
    last = re.split(r"[/\\]", given)[-1]
    plain = unicodedata.normalize("NFKD", last).encode("ascii", "ignore").decode()
    stem, dot, ending = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip(".-").rpartition(".")
    ending = re.sub(r"[^A-Za-z0-9]", "", ending)[:10] if dot else ending
    stem = re.sub(r"\.{2,}", ".", stem).strip(".-")
    made = f"{stem[: NAME_CHARS - 12].rstrip('.-')}.{ending}" if stem and ending else (stem or ending)[:NAME_CHARS]
    if not is_safe_name(made):
        raise BadAttachment("{!r} is no name for a file: letters, digits, dots and hyphens", given[:100])
    return made


def read_attachments(words: Sequence[str]) -> tuple[Attachment, ...]:
    """The files that a mission's text names. Raises BadAttachment."""
    if len(words) > MAX_ATTACHMENTS:
        raise BadAttachment(f"a mission comes with at most {MAX_ATTACHMENTS} files")
    found = tuple(_read(word) for word in words)
    if len({each.name.lower() for each in found}) < len(found):
        raise BadAttachment("two of its files have one name")
    return found


def _read(word: str) -> Attachment:
    parts = _WORD.fullmatch(word)
    if not parts or not is_safe_name(parts["name"]):
        raise BadAttachment("each word is a blob and a file's name, as `mission new --attach FILE` writes it")
    return Attachment(oid=parts["oid"], name=parts["name"])
