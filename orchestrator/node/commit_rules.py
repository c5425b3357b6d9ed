"""Is what stands in an edited file ready to be committed, and may others' change of it be taken in unread?

An editor's temporary files and half-written text wait; so does whatever Git itself left for a person to settle.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from handoff.encoding import lossless_text
from handoff.log import union
from missions import document, frontmatter
from missions.plain_data import read_toml
from orchestrator.ledger.config.fleet_toml import PATH as CHARTER
from orchestrator.ledger.heartbeat.checklist import PATH as CHECKLIST
from orchestrator.ledger.log_paths import is_log_path
from orchestrator.ledger.snapshot import MISSIONS
from orchestrator.ledger.trust.files import SIGNERS_PATH

WATCHED_FOLDERS = (MISSIONS, "projects", "knowledge")
WATCHED_DOCUMENTS = (CHECKLIST, "PORTFOLIO_CONTEXT.md", "SESSION_LOG.md", CHARTER, SIGNERS_PATH)
WATCHED_PATHS = (*WATCHED_FOLDERS, *WATCHED_DOCUMENTS)
"""What is committed when it is edited: folders, and files at the top of the ledger."""
MAX_FILE_BYTES = 16 * 1024 * 1024
"""Bytes; nothing larger is a text that a person wrote."""

_TEMPORARY_FILE = re.compile(
    r"\.|#.*#\Z|4913\Z|.*~\Z|.*\.(sw[a-z]|tmp|temp|part|partial|crdownload|bak|orig|rej|kate-swp|un~)\Z|.*___jb_\w+___\Z",
    re.IGNORECASE,
)
"""Names that editors, browsers and merge tools give to files of a moment."""
_CONFLICT_MARKERS = (
    re.compile(rb"^<{7} ", re.MULTILINE),
    re.compile(rb"^={7}\r?$", re.MULTILINE),
    re.compile(rb"^>{7} ", re.MULTILINE),
)
"""What git writes around and between two versions, in this order."""


def is_watched(path: str) -> bool:
    """Whether an edit of this path is ours to commit."""
    head, slash, _ = path.partition("/")
    watched = head in WATCHED_FOLDERS if slash else path in WATCHED_PATHS
    return watched and not any(_TEMPORARY_FILE.match(part) for part in path.split("/"))


def unready_reason(path: str, data: bytes) -> str:
    """Why a file is not committed as it is, in words; empty when it is ready."""
    if not data.strip():
        return "it is empty"
    if len(data) > MAX_FILE_BYTES:
        return f"it has {len(data):,} bytes"
    if _has_conflict_markers(data):
        return "it has conflict markers"
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return "it is not UTF-8 text"
    if path == CHARTER:
        return _charter_error(text)
    return _unfinished_front_matter(text) if path.startswith((f"{MISSIONS}/", "knowledge/")) else ""


def _charter_error(text: str) -> str:
    try:
        read_toml(text)
    except ValueError as error:
        return f"it is not TOML yet: {error}"
    return ""


def _unfinished_front_matter(text: str) -> str:
    """Front matter that was begun and not ended. One that is wrong otherwise is committed, and shown as quarantined."""
    lines = text.lstrip(frontmatter.BYTE_ORDER_MARK).lstrip().splitlines()
    opened = [line.rstrip() for line in lines[:1]] == ["---"]
    closed = any(line.rstrip() == "---" for line in lines[1:])
    return "its front matter is opened by --- and not closed" if opened and not closed else ""


def build_merge(text_merge: Callable[[bytes, bytes, bytes], bytes | None]) -> Callable[..., bytes | None]:
    """How two changes of one file become one that the person here signs unread: see `sync.clone_push.MergeFile`."""

    def merge(path: str, mine: bytes, before: bytes, theirs: bytes) -> bytes | None:
        if path in (CHARTER, SIGNERS_PATH):
            return None  # who may do what is never merged by a machine
        if is_log_path(path):
            texts = map(lossless_text, (before, mine, theirs))
            return union(*texts).encode("utf-8", "surrogateescape")
        # Others' words would run on this person's signature; what a node wrote into a mission may go along.
        if (path == CHECKLIST or path.startswith(f"{MISSIONS}/")) and _asks_otherwise(before, theirs):
            return None
        both = text_merge(mine, before, theirs)
        return None if both is None or unready_reason(path, both) else both

    return merge


def _asks_otherwise(before: bytes, theirs: bytes) -> bool:
    """Whether others changed what a file asks for. Of a file that cannot be read, nobody can tell."""
    was, now = map(document.requested_content, (before, theirs))
    return was != now or (now is None and before != theirs)


def _has_conflict_markers(data: bytes) -> bool:
    """Whether git's markers stand in a text one after the other. Each search begins where the last one ended."""
    at = 0
    for marker in _CONFLICT_MARKERS:
        found = marker.search(data, at)
        if found is None:
            return False
        at = found.end()
    return True
