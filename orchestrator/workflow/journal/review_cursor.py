"""How far has the review read, and what is new since then?

The answer stands in the briefing, as the commit whose logs were read: what is new is what the logs hold now and did not
hold then. That counts entries that came in late or were moved to an older month rightly, which a date would not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from handoff.entry import Entry
from handoff.tiers import Tier, path_of
from orchestrator.ledger import session_logs
from orchestrator.ledger.snapshot import LedgerSnapshot
from sync.errors import ObjectMissing
from sync.objects import load_commit
from sync.remote import Oid

REVIEWED_TRAILER = "Reviewed:"
"""The line of a review's commit message from which a mark that was deleted is found again."""

_CURSOR_MARK = re.compile(
    r"<!-- shiftbook: reviewed (?P<at>[0-9a-f]{40}); (?P<when>[^;]*Z); "
    r"(?P<entries>\d+) read, (?P<changes>\d+) changes -->(?:\r?\n)*"
)
_TITLE = re.compile(r"\A\ufeff?(?:[ \t]*\r?\n)*#[ \t][^\n]*\n(?:\r?\n)*")


@dataclass(frozen=True, kw_only=True)
class ReviewCursor:
    """Where a review stopped: the ledger's commit that it had read, when, how much, and what came of it."""

    at: Oid
    when: str
    entries: int
    changes: int


def review_cursor(ledger: LedgerSnapshot, project: str) -> ReviewCursor | None:
    """Where the last review of a project stopped; None before the first."""
    path = path_of(Tier.BRIEFING, project)
    found = _CURSOR_MARK.search(ledger.text(path))
    if found:
        return ReviewCursor(
            at=found["at"], when=found["when"], entries=int(found["entries"]), changes=int(found["changes"])
        )
    for oid in ledger.store.history(ledger.tip, path):
        message = load_commit(ledger.store, oid).message
        if told := re.search(rf"^{REVIEWED_TRAILER} {re.escape(project)} ([0-9a-f]{{40}})$", message, re.MULTILINE):
            return ReviewCursor(at=told[1], when="", entries=0, changes=0)
    return None


def unread_entries(ledger: LedgerSnapshot, project: str) -> list[Entry]:
    """The entries that no review of this project has read, oldest first."""
    last = review_cursor(ledger, project)
    known: set[str] = set()
    if last is not None:
        try:
            tree = load_commit(ledger.store, last.at).tree
            known = {entry.entry_id for _, entry in session_logs.entries(ledger.store, tree, project)}
        except (ObjectMissing, KeyError, ValueError):
            known = set()  # a mark that somebody mistyped: reading all again changes nothing that is there already
    found: dict[str, Entry] = {}
    for file in session_logs.files(ledger.store, ledger.tree):
        if file.project == project:
            found |= {
                e.entry_id: e for e in session_logs.counted(ledger, file).chronological if e.entry_id not in known
            }
    return list(found.values())


def projects_with_log(ledger: LedgerSnapshot) -> list[str]:
    """The projects that have a log."""
    return sorted({file.project for file in session_logs.files(ledger.store, ledger.tree)} - {""})


def without_cursor(text: str) -> str:
    """A briefing without the review's mark."""
    return _CURSOR_MARK.sub("", text)


def with_cursor(text: str, mark: ReviewCursor) -> str:
    """A briefing with the mark below its title, where people seldom edit and a renderer hides it."""
    line_break = "\r\n" if "\r\n" in text else "\n"
    words = (
        f"<!-- shiftbook: reviewed {mark.at}; {mark.when}; {mark.entries} read, {mark.changes} changes -->"
        + line_break * 2
    )
    title = _TITLE.match(text)
    head = title[0].rstrip("\r\n") + line_break * 2 if title else ""
    return head + words + text[title.end() if title else 0 :]


def proposal_path(project: str) -> str:
    """Where a review waits for a person, if `review.approve` is set in fleet.toml."""
    return f"projects/{project}/REVIEW_PROPOSAL.md"
