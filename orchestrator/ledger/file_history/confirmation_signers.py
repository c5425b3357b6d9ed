"""Who signed what a person is said to have confirmed: did a commit of that very person bring it into the file?

Anybody who may push can write "confirmed by ana" behind a line. It is ana's word where the newest commit that brought
the line with that mark into the file is signed by a key of hers with which she may file missions. A merge confirms
nothing: where one brings back what the branch had dropped, or what no parent says, nobody has signed that. So nobody
confirms anew by an old commit of ana's, and ana's `git pull` confirms nothing that somebody else wrote.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from handoff.encoding import readable_text
from handoff.errors import HandoffError
from handoff.knowledge import FOLDER, LessonState, parse_knowledge
from handoff.marks.model_mark import person_name
from handoff.marks.person_marks import Confirmation, person_marks
from orchestrator.ledger.file_history.file_versions import FileVersions
from sync.objects import load_commit
from sync.remote import ObjectStore, Oid
from sync.signatures import Verifier

MAX_VERSIONS = 10_000
"""Changes of one file that are looked through: what was confirmed before those counts as unsigned."""
MAX_MERGED = 1_000
"""Changes that are looked through for whether a merge brings back what its branch had dropped; more count as that."""
MAX_TEXT_BYTES = 4 * 1024 * 1024
MAX_KEPT_FILES, MAX_KEPT_TEXTS = 500, 2_000
CONFIRMING_ROLES = frozenset({"author", "admin"})


def confirmed_in(path: str, text: str) -> frozenset[Confirmation]:
    """What persons are said to have confirmed in a file; of a lesson's own file, what it says of who decided, and when:
    who decides anew signs anew."""
    if not path.startswith(f"{FOLDER}/"):
        return person_marks(text)
    try:
        lesson = parse_knowledge("lesson", text)
    except HandoffError:
        return frozenset()
    if not lesson.by:
        return frozenset()
    verdict = "rejected" if lesson.state is LessonState.REJECTED else "kept"
    return frozenset({(f"{verdict} {lesson.since}: {lesson.lesson}", person_name(lesson.by), "")})


@dataclass
class ConfirmationSigners:
    """Of one ledger, asked by any thread. What it keeps is bounded, and can be read again."""

    store: ObjectStore
    _verifier: Verifier = field(default_factory=lambda: Verifier(""))
    _versions: FileVersions = field(init=False)
    _texts: OrderedDict[tuple[bool, Oid], frozenset[Confirmation]] = field(default_factory=OrderedDict)
    """What a blob says, by whether it is a lesson's own file."""
    _brought: OrderedDict[tuple[str, Oid], dict[Confirmation, Oid]] = field(default_factory=OrderedDict)
    """By path and tip: which commit brought what was asked for."""
    _newest: dict[str, Oid] = field(default_factory=dict)
    """By path: the tip at the last look that was a new one."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._versions = FileVersions(self.store)

    def unsigned(self, tip: Oid, path: str, text: str, signers: str) -> frozenset[Confirmation]:
        """What a file's text says persons confirmed, and they have not signed."""
        wanted = confirmed_in(path, text)
        if not wanted:
            return wanted
        with self._lock:
            if self._verifier.text != signers:
                self._verifier = Verifier(signers)
            brought = self._bringing(tip, path, wanted)
            return frozenset(one for one in wanted if one not in brought or not self._is_signed(one[1], brought[one]))

    def _is_signed(self, name: str, commit: Oid) -> bool:
        read = load_commit(self.store, commit)
        principal = self._verifier.signer(read.payload, read.signature)
        if principal is None or len(read.parents) > 1:
            return False
        return bool(principal.roles & CONFIRMING_ROLES) and person_name(principal.name) == name

    def _bringing(self, tip: Oid, path: str, wanted: frozenset[Confirmation]) -> dict[Confirmation, Oid]:
        """The newest commit that brought each. Only what came since the last look is read, where it came on top."""
        known = self._brought.get((path, tip), {})
        if known.keys() >= wanted:
            return known
        seen = self._newest.get(path, "")
        known = self._brought.get((path, seen), {})
        on_top = bool(seen) and known.keys() >= wanted and self.store.descends(tip, seen)
        found: dict[Confirmation, Oid] = {}
        commits = self.store.history(tip, path, since=seen if on_top else None)
        for commit in self._versions.along(path, islice(commits, MAX_VERSIONS)):
            left = wanted - found.keys()
            if not left:
                break
            found |= dict.fromkeys(self._brought_by(path, commit, left & self._said(path, commit)), commit)
        self._keep(path, tip, {one: known[one] for one in wanted} | found if on_top else found)
        return self._brought[path, tip]

    def _keep(self, path: str, tip: Oid, brought: dict[Confirmation, Oid]) -> None:
        """A conversation asks for an older tip again and again, between two looks at the newest; and a month's text is
        asked for in the running log besides that log's own."""
        self._brought[path, tip], self._newest[path] = self._brought.get((path, tip), {}) | brought, tip
        if len(self._brought) > MAX_KEPT_FILES:
            (gone, at), _ = self._brought.popitem(last=False)
            if self._newest.get(gone) == at:
                del self._newest[gone]

    def _brought_by(self, path: str, commit: Oid, those: frozenset[Confirmation]) -> frozenset[Confirmation]:
        """Which of those no parent has; or one had dropped, and this merge brings back. All at once: each history of a
        parent is read once, however many confirmations the file has."""
        parents = load_commit(self.store, commit).parents
        said = [self._said(path, parent) for parent in parents]
        brought = those.difference(*said)
        for parent, there in zip(parents, said, strict=True):
            if lacking := those - there - brought:
                brought |= self._had(path, parent, lacking)
        return brought

    def _had(self, path: str, tip: Oid, those: frozenset[Confirmation]) -> frozenset[Confirmation]:
        """Which of those the file had in some version up to this one."""
        commits = list(islice(self.store.history(tip, path), MAX_MERGED))
        if len(commits) == MAX_MERGED:
            return those
        had: frozenset[Confirmation] = frozenset()
        for said in self._each_said(path, commits):
            had |= those & said
            if had == those:
                break
        return had

    def _each_said(self, path: str, commits: Iterable[Oid]) -> Iterator[frozenset[Confirmation]]:
        return (self._said(path, commit) for commit in self._versions.along(path, commits))

    def _said(self, path: str, commit: Oid) -> frozenset[Confirmation]:
        blob = self._versions.blob(path, commit)
        if blob is None:
            return frozenset()
        key = (path.startswith(f"{FOLDER}/"), blob)
        if key not in self._texts:
            fits = self.store.size(blob) <= MAX_TEXT_BYTES
            self._texts[key] = (
                confirmed_in(path, readable_text(self.store.get(blob, MAX_TEXT_BYTES))) if fits else frozenset()
            )
            if len(self._texts) > MAX_KEPT_TEXTS:
                self._texts.popitem(last=False)
        return self._texts[key]
