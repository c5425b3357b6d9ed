"""What do a repository's objects say? Turns ref moves and the store behind them into a history."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from missions import document
from missions.errors import BadClaim
from missions.lease import Claim, read_claim
from missions.mission import Mission, slug
from orchestrator.ledger.log_paths import is_log_path
from orchestrator.ledger.result_record import read_record
from orchestrator.ledger.snapshot import CLAIM_FILE
from sync.objects import FOLDER, find, read_commit, read_tree
from sync.remote import ObjectStore, Oid
from tests.acceptance.torture.history import (
    CLAIM,
    LOG,
    Attempt,
    BranchCommit,
    ClaimCommit,
    Hang,
    History,
    LogCommit,
    Page,
    Push,
    Work,
)

ATTEMPT = re.compile(r"^### Attempt (\d+) · (\w+) · (\S+) ·", re.MULTILINE)
REPEATED = re.compile(r"^- ended like this (\d+) times in a row$", re.MULTILINE)
JOURNAL = "SESSION_LOG.md"
Kind = TypeVar("Kind", LogCommit, BranchCommit)


@dataclass
class Archive:
    """Reads commits once each. `nodes` are the names under which nodes commit."""

    store: ObjectStore
    nodes: frozenset[str]
    claims: dict[Oid, ClaimCommit] = field(default_factory=dict)
    logs: dict[Oid, LogCommit] = field(default_factory=dict)
    commits: dict[Oid, BranchCommit] = field(default_factory=dict)
    _pages: dict[tuple[str, Oid], Page] = field(default_factory=dict)

    def history(
        self,
        pushes: Sequence[Push],
        works: Iterable[Work],
        *,
        settled: bool,
        hung: Sequence[Hang] = (),
        nodes: Sequence[str] = (),
    ) -> History:
        """The whole history of these pushes."""
        for push in pushes:
            for move in push.moves:
                for oid in filter(None, (move.old, move.new)):
                    self._take(move.ref, oid)
        return History(
            pushes=pushes,
            claims=self.claims,
            logs=self.logs,
            commits=self.commits,
            works=tuple(works),
            settled=settled,
            hung=tuple(hung),
            nodes=tuple(nodes),
        )

    def _take(self, ref: str, oid: Oid) -> None:
        if ref.startswith(CLAIM):
            self.claims.setdefault(oid, self.claim(oid))
        elif ref.startswith(LOG):
            self._walk(self.logs, oid, self._log)
        elif ref == "refs/heads/main":
            self._walk(self.commits, oid, self.commit)

    def _walk(self, known: dict[Oid, Kind], oid: Oid, read: Callable[[Oid], Kind]) -> None:
        here: Oid | None = oid
        while here is not None and here not in known:
            known[here] = read(here)
            here = next(iter(known[here].parents), None)

    def claim(self, oid: Oid) -> ClaimCommit:
        """What a commit on a claim's ref says."""
        commit = read_commit(self.store.get(oid))
        entry = find(self.store, commit.tree, CLAIM_FILE)
        claim: Claim | None = None
        try:
            claim = read_claim(self.store.get(entry.oid)) if entry else None
        except BadClaim:
            claim = None
        return ClaimCommit(claim=claim, parents=commit.parents)

    def _log(self, oid: Oid) -> LogCommit:
        record = read_record(self.store, oid)
        parents = read_commit(self.store.get(oid)).parents
        return LogCommit(mission=record.mission, epoch=record.epoch, parents=parents)

    def commit(self, oid: Oid) -> BranchCommit:
        """What a commit on the branch says."""
        commit = read_commit(self.store.get(oid))
        files = dict(self._files(commit.tree, ""))
        found: dict[str, tuple[Page, ...]] = {}
        for path, blob in sorted(files.items(), key=_plainest_last):
            for name, each in self._page(path, blob):
                found[name] = (*found.get(name, ()), each)
        journal = self.store.get(files[JOURNAL]).decode() if JOURNAL in files else ""
        months = [path for path in sorted(files) if path != JOURNAL and is_log_path(path)]
        return BranchCommit(
            parents=commit.parents,
            by_node=commit.author in self.nodes,
            pages={name: spelled[-1] for name, spelled in found.items()},
            twins={name: spelled[:-1] for name, spelled in found.items() if len(spelled) > 1},
            journal=journal,
            older="\n".join(self.store.get(files[path]).decode() for path in months),
            others={p: b for p, b in files.items() if p != JOURNAL and not is_mission(p)},
        )

    def _files(self, tree: Oid, under: str) -> Iterable[tuple[str, Oid]]:
        for name, entry in read_tree(self.store.get(tree)).items():
            if entry.mode == FOLDER:
                yield from self._files(entry.oid, f"{under}{name}/")
            else:
                yield under + name, entry.oid

    def _page(self, path: str, blob: Oid) -> Iterable[tuple[str, Page]]:
        if not is_mission(path):
            return
        if (path, blob) not in self._pages:
            self._pages[path, blob] = page(path, self.store.get(blob))
        yield _name(path), self._pages[path, blob]


def _name(path: str) -> str:
    """The mission that a file is, however its name is spelled."""
    return slug(path.rpartition("/")[2].removesuffix(".md"))


def _plainest_last(file: tuple[str, Oid]) -> tuple[bool, bool, str]:
    """Of files that are one mission the finished one counts, then the one with the plain name: others are set aside."""
    path = file[0]
    archived = path.startswith("missions/archive/")
    return archived, is_mission(path) and path.endswith(f"/{_name(path)}.md"), path


def page(path: str, data: bytes) -> Page:
    """A mission's file as the checker sees it."""
    read = document.read(path, data)
    text = data.decode("utf-8", "replace")
    below = text.partition(document.RESULT_MARK)[2]
    attempts = tuple(_attempts(below))
    if not isinstance(read, Mission):
        return Page(path=path, status="quarantined", attempts=attempts, essence=document.requested_content(data))
    return Page(
        path=path,
        status=read.status.value,
        epoch=read.epoch,
        attempts=attempts,
        essence=document.requested_content(data),
    )


def is_mission(path: str) -> bool:
    """Whether a file on the branch is a mission's."""
    return path.startswith("missions/") and path.endswith(".md") and not path.endswith("/README.md")


def _attempts(results: str) -> Iterator[Attempt]:
    """What a page tells of ended attempts; one ending that came again and again is told once, with how often."""
    heads = list(ATTEMPT.finditer(results))
    ends = [*(found.start() for found in heads[1:]), len(results)]
    for head, end in zip(heads, ends, strict=False):
        times = REPEATED.search(results, head.end(), end)
        for _ in range(int(times[1]) if times else 1):
            yield Attempt(number=int(head[1]), state=head[2], node=head[3])
