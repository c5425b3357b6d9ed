"""Which refs of a server name objects that are not there any more, and how does the work of all others go on?

One such ref makes every fetch fail, and if its own commit is gone every push as well. A server loses objects by a
broken disk, and by `git gc --prune=now` while somebody pushes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sync.errors import GitError, RemoteUnreachable
from sync.git import Git, GitStore
from sync.objects import edit_tree, write_commit
from sync.refs.growing_fetch import bring
from sync.remote import Oid

CORRUPT = re.compile(
    r"not our ref|bad object|bad tree object|unable to read|repository corruption|all necessary objects|bad pack header"
    r"|missing necessary objects|missing (?:blob|tree|commit) object|does not point to a valid object"
)
"""What git says, on either side of the wire, where objects are missing and the line is sound."""
BAD_OBJECT = re.compile(r"bad object (refs/\S+)")
SET_ASIDE = "refs/shiftbook/set-aside/"
"""Where it is kept that a ref was taken away because its object was lost: a commit with the ref's name and object."""
GRACE_SECONDS = 180.0
"""So long others wait for whoever has the objects still, and sends them again."""
ONLY_NAMED = ("--no-tags", "--no-write-fetch-head", "--no-auto-gc", "--no-recurse-submodules")


def is_whole(git: Git, *oids: Oid) -> bool:
    """Whether all is here that these lead to; without any, all that refs lead to. Reads every name once."""
    return git.call("rev-list", "--objects", "--quiet", *(oids or ("--all",)), "--", codes=range(256))[0] == 0


@dataclass(kw_only=True)
class BrokenRefs:
    """Those of one server, as its clone here finds them. `notice` is told one line about each."""

    git: Git
    store: GitStore
    url: str
    timeout: float = 60.0
    depth: int = 0
    """How many commits of a history are fetched; 0: all."""
    notice: Callable[[str], None] = lambda _line: None
    grace: float = float("inf")
    """Seconds after which a ref is taken away whose objects nobody has sent again; never, if nobody says so."""
    found: dict[str, Oid] = field(default_factory=dict)
    """By ref: the object that it names and that is not whole there."""
    _since: dict[tuple[str, Oid], float] = field(default_factory=dict)

    def find(self, refs: Mapping[str, Oid], place: Callable[[str], str]) -> None:
        """Looks which of the server's refs cannot be fetched; `place` is where a ref is kept here. The others are."""
        self.found = {ref: refs[ref] for ref in self._unsound(list(refs), place)}

    def _unsound(self, refs: Sequence[str], place: Callable[[str], str]) -> list[str]:
        if not refs or self._fetches(refs, place):
            return []
        if len(refs) == 1:
            return [*refs]
        half = len(refs) // 2
        return self._unsound(refs[:half], place) + self._unsound(refs[half:], place)

    def _fetches(self, refs: Sequence[str], place: Callable[[str], str]) -> bool:
        specs = "".join(f"+{ref}:{place(ref)}\n" for ref in refs).encode()
        try:
            depth = [f"--depth={self.depth}"] if self.depth else []
            words = ("fetch", *ONLY_NAMED, *depth, "--stdin", "--", self.url)
            objects = self.git.folder / "objects"
            bring(self.git, *words, objects=objects, silence=self.timeout, stdin=specs, ours=True)
        except GitError as error:
            if CORRUPT.search(error.stderr):
                return False
            raise RemoteUnreachable(self.url, str(error)) from error
        return True

    def mend(self) -> None:
        """Sends again what is whole here, and takes away what nobody has sent for a while."""
        for ref, oid in list(self.found.items()):
            since = self._since.setdefault((ref, oid), time.monotonic())
            what = f"{ref} at {self.url} names {oid[:12]}, whose objects are not there"
            if not ref.startswith("refs/shiftbook/"):
                continue
            if is_whole(self.git, oid):
                self._told(self._send_again(ref, oid), ref, f"{what}: they were sent again from here", what)
            elif time.monotonic() - since >= self.grace:
                self._told(self._take_away(ref, oid), ref, f"{what}: the ref was set aside", what)
            else:
                self.notice(f"{what}; all else goes on, `shiftbook ledger recover` mends it")

    def _told(self, why: str, ref: str, done: str, what: str) -> None:
        if why:
            self.notice(f"{what}, and it cannot be mended from here ({why}): an admin runs `shiftbook ledger recover`")
        else:
            self.found.pop(ref, None)
            self.notice(done)

    def _send_again(self, ref: str, oid: Oid) -> str:
        """Why not, in words. While a ref names an object git takes it for there: so the name goes first."""
        return self._push(ref, oid, None) or self._push(ref, None, oid)

    def _take_away(self, ref: str, oid: Oid) -> str:
        why = self._push(ref, oid, None)
        if not why:
            text = f"{ref}\n{oid}\nIts objects were lost on the server, and nobody had them.\n"
            record = write_commit(
                self.store,
                tree=edit_tree(self.store, None, {"ref.txt": text.encode()}) or "",
                parents=(),
                name="shiftbook",
                email="shiftbook@shiftbook.invalid",
                when=int(time.time()),
                message=f"Set aside {ref}",
                sign=None,
            )
            self._push(f"{SET_ASIDE}{ref.removeprefix('refs/shiftbook/')}-{oid[:10]}", None, record)
        return why

    def _push(self, ref: str, expect: Oid | None, new: Oid | None) -> str:
        """Moves one ref from what is expected; why not, in words."""
        words = ("push", "--porcelain", "--no-verify", "--no-recurse-submodules")
        lease = f"--force-with-lease={ref}:{expect or ''}"
        code, out, err = self.git.call(
            *words, lease, "--", self.url, f"{new or ''}:{ref}", timeout=self.timeout, codes=range(256)
        )
        flagged = next((line for line in out.decode("utf-8", "replace").splitlines() if line.startswith("!")), "")
        return "" if code == 0 else flagged.rpartition("\t")[2] or str(GitError(words, code, err))
