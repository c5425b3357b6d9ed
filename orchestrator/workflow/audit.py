"""The audit: who did what in this fleet, by the signed history of the ledger's branch?

Whose a commit is says its signature, checked against `allowed_signers` as it is in force now; what its author line says
is only repeated where that differs. A key that was taken out since is shown by its last letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from handoff.secrets.excerpts import redacted_line
from missions.errors import BadName
from missions.mission import slug
from missions.one_line import printable
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.policy.authorization import Trust
from orchestrator.policy.write_audit import tree_changes
from sync.objects import Commit, load_commit
from sync.remote import Oid
from sync.signatures import signing_key

SUBJECT_CHARACTERS = 200
AUTHOR = re.compile(r"(?P<name>.*?) ?<(?P<address>[^>]*)>")
MAX_PATHS = 1000
"""Paths of one commit that are named; a first import has more."""
KEY_LETTERS = 12
LAST_SECOND = 253_402_300_799
"""The end of the year 9999, in seconds since 1970."""


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """One commit of the branch. `who` is the principal whose key signed it; empty where none that counts did."""

    commit: Oid
    when: datetime
    """As the commit says, UTC: whoever made it chose it."""
    who: str
    roles: tuple[str, ...]
    says: str
    """Why nobody counts as its signer, or what name the commit gives itself, where that is another one."""
    subject: str
    paths: tuple[str, ...]
    """What it changed against its first parent, each with +, - or ~ before it."""

    @property
    def vouched(self) -> bool:
        """Whether a key that counts signed it."""
        return bool(self.who)


def read_audit(
    ledger: LedgerSnapshot, trust: Trust, *, since: datetime | None = None, who: str = "", path: str = ""
) -> Iterator[AuditEntry]:
    """The commits of the branch, children before parents, as far as they are asked for.

    `since` leaves out those that say an earlier time, `who` those of others (`-`: of nobody who counts), `path` those
    that touched nothing below it. Each commit's signature is checked once it is reached: some ms each.
    """
    for oid in ledger.store.between(ledger.tip, None):
        commit = load_commit(ledger.store, oid)
        when = _time(commit.committed)
        if since is not None and when < since:
            continue
        paths = _paths(ledger, commit)
        if path and not any(_is_below(each[1:], path) for each in paths):
            continue
        entry = _entry(ledger, trust, oid, commit, when, paths)
        if not who or entry.who == who or (who == "-" and not entry.who):
            yield entry


def _entry(
    ledger: LedgerSnapshot, trust: Trust, oid: Oid, commit: Commit, when: datetime, paths: tuple[str, ...]
) -> AuditEntry:
    signer = trust.signer(ledger, oid)
    found = AUTHOR.match(commit.author)
    author = _shown(found["name"] if found else commit.author)
    if signer is None:
        key = signing_key(commit.signature) if commit.signature else None
        why = f"signed by …{key[-KEY_LETTERS:]}, which does not count" if key else "not signed"
        says = f"{why}; it names {author or 'nobody'}"
    else:
        says = "" if _is_name_of(author, signer.name) else f"names {author}"
    return AuditEntry(
        commit=oid,
        when=when,
        who=signer.name if signer else "",
        roles=tuple(sorted(signer.roles)) if signer else (),
        says=says,
        subject=_shown(commit.message.partition("\n")[0]),
        paths=paths[:MAX_PATHS],
    )


def _paths(ledger: LedgerSnapshot, commit: Commit) -> tuple[str, ...]:
    before = load_commit(ledger.store, commit.parents[0]).tree if commit.parents else None
    found = tree_changes(ledger.store, before, commit.tree)
    return tuple(f"{'+' if one.old is None else '-' if one.new is None else '~'}{printable(one.path)}" for one in found)


def _is_name_of(author: str, principal: str) -> bool:
    """Whether a commit's author is written otherwise only, such as `Ada L` for ada-l."""
    try:
        return author == principal or slug(author) == principal
    except BadName:
        return False


def _shown(text: str) -> str:
    """What somebody wrote, in a line that moves no cursor."""
    return redacted_line(text, SUBJECT_CHARACTERS)


def _time(seconds: int) -> datetime:
    """The moment that a commit names; the nearest that can be said for one that is out of all time."""
    return datetime.fromtimestamp(min(max(seconds, 0), LAST_SECOND), UTC)


def _is_below(path: str, folder: str) -> bool:
    folder = folder.strip("/")
    return path == folder or path.startswith(f"{folder}/")
