"""Does a push keep every entry of the journal? It is only added to, whoever pushes, by whichever commits and merges."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.ledger import session_logs
from orchestrator.ledger.session_logs import LogFile
from sync.objects import Commit, load_tree
from sync.remote import ObjectStore, Oid

ALTERS_LOG_TRAILER = "Alters-Log:"
"""By such a line in its message an admin's signed commit owns up to what it does to entries."""
RUNNING_LOG = "SESSION_LOG.md"


def altered_entries(commit: Commit) -> frozenset[str]:
    """The entries that a commit's message owns up to having altered."""
    lines = [line for line in commit.message.splitlines() if line.startswith(ALTERS_LOG_TRAILER)]
    return frozenset(" ".join(line.removeprefix(ALTERS_LOG_TRAILER) for line in lines).replace(",", " ").split())


def check_journal_kept(store: ObjectStore, before: Oid, after: Oid, owned: frozenset[str]) -> str:
    """Why the logs of the tree `before` may not become those of `after`, in words; empty if all is kept.

    An entry may stand in any log afterwards, as when a month ends or a project is renamed. `owned` may go.
    """
    roots = [load_tree(store, tree) for tree in (before, after)]
    if all(roots[0].get(name) == roots[1].get(name) for name in (RUNNING_LOG, "log", "projects")):
        return ""
    was, now = ({file.path: file for file in session_logs.files(store, tree)} for tree in (before, after))
    if RUNNING_LOG in was and RUNNING_LOG not in now:
        return f"{RUNNING_LOG}: the journal is only added to, by everybody, and not deleted"
    old, new = ({file.oid for file in tree.values()} for tree in (was, now))
    changed = [file for file in was.values() if file.oid not in new]
    if not changed:
        return ""
    kept = {key for file in now.values() if file.oid not in old for key, _ in _entries(store, file)}
    for file in changed:
        for key, entry_id in _entries(store, file):
            if key not in kept and entry_id not in owned and not _is_aside(entry_id, kept):
                hint = f"add an entry that corrects it; an admin may own up with `{ALTERS_LOG_TRAILER} {entry_id}`"
                return f"{file.path}: the journal is only added to: entry {entry_id} would be changed or lost; {hint}"
    return ""


def _entries(store: ObjectStore, file: LogFile) -> Iterator[tuple[tuple[str, str], str]]:
    for entry in session_logs.parsed(store, file).entries:
        yield (entry.entry_id, session_logs.entry_digest(entry)), entry.entry_id


def _is_aside(entry_id: str, kept: set[tuple[str, str]]) -> bool:
    """Whether a merge kept both wordings."""
    return any(other.startswith(f"{entry_id}~") for other, _ in kept)
