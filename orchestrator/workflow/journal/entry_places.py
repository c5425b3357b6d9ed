"""In which places do entries stand, by file and line, and how is one told to programs?"""

from __future__ import annotations

from typing import Any

from handoff.entry import Entry, may_have
from missions.one_line import one_line
from orchestrator.ledger import session_logs
from orchestrator.ledger.session_logs import LogFile
from sync.remote import ObjectStore, Oid

MAX_HEADING_CHARS = 160


def entry_json(store: ObjectStore, file: LogFile, entry: Entry) -> dict[str, Any]:
    """An entry as plain data, with `path` and `line` (from 1) of its heading, and its words as one text."""
    told = {key: value for key, value in vars(entry).items() if key not in ("raw", "sections")}
    place = {
        "project": file.project,
        "path": file.path,
        "line": session_logs.parsed(store, file).first_lines.get(entry.entry_id),
    }
    words = {"id": entry.entry_id, "heading": heading(entry), "text": entry.raw.strip()}
    return told | place | words | {"sections": dict(entry.sections)}


def heading(entry: Entry) -> str:
    """What an entry is about, in a line: its title, or the first that it says."""
    texts = (entry.title, entry.section("Work Accomplished"), *(body for _, body in entry.sections), entry.entry_id)
    return next(one_line(text, MAX_HEADING_CHARS) for text in texts if text.strip())


def entry_places(store: ObjectStore, tree: Oid, wanted: frozenset[str]) -> dict[str, tuple[str, int]]:
    """Path and line of those of the wanted entries that the journal has."""
    found: dict[str, tuple[str, int]] = {}
    for file in session_logs.files(store, tree) if wanted else ():
        text = session_logs.text(store, file.oid)
        if not any(may_have(text, ident) for ident in wanted - found.keys()):
            continue
        lines = session_logs.parsed(store, file).first_lines
        found |= {ident: (file.path, lines[ident]) for ident in wanted & lines.keys()}
        if len(found) == len(wanted):
            break
    return found
