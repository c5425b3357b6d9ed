"""Is all here that this clone says it has? Where it is not, all of the ledger is brought again beside it, and taken in.

A home that was copied while its node worked, a broken disk or a power cut leaves refs that name what is not there. Git
tells the server of them, is sent what builds on them and cannot use it: every fetch fails, for ever. From git 2.36 on
`git fetch --refetch` brings all again; older ones are supported here.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sync.errors import GitError, ObjectMissing
from sync.git import Git, GitStore
from sync.objects import load_commit, load_tree
from sync.refs.broken_refs import CORRUPT, is_whole
from sync.refs.growing_fetch import AS_PACK, bring
from sync.refs.pushed_refs import noted_ref
from sync.remote import Oid

DAMAGE = re.compile(rf"{CORRUPT.pattern}|unresolved deltas")
"""What a fetch says where objects are missing, on either side."""
PARTS = (".pack", ".rev", ".idx")
"""Of a pack, in the order in which they are put in place: git takes it up by its index."""


@dataclass(kw_only=True)
class WholeClone:
    """One clone. It is looked through once in a process: where objects stay missing they are not asked for anew."""

    git: Git
    store: GitStore
    _looked: bool = False

    @property
    def doubted(self) -> bool:
        """Whether an object was asked for that is not here, and nobody has looked yet why."""
        return self.store.missed and not self._looked

    def is_damaged(self, why: GitError | Oid) -> bool:
        """Whether objects are missing here: found out where a fetch's failure, the tip that it brought, or what was
        asked for before looks so."""
        if self._looked:
            return False
        suspect = DAMAGE.search(why.stderr) if isinstance(why, GitError) else not self._lists_files(why)
        self._looked = bool(suspect) or self.doubted
        return self._looked and not is_whole(self.git)

    def _lists_files(self, tip: Oid) -> bool:
        """Whether the list of a commit's files is here, with which all reading begins."""
        try:
            load_tree(self.store, load_commit(self.store, tip).tree)
        except ObjectMissing:
            return False
        return True

    def bring_again(self, words: Sequence[str], *, silence: float) -> None:
        """Fetches as `words` say into an empty repository, and adds what came to this one, whose refs stay as they are.

        Raises GitError, and OSError where the disk does not take it.
        """
        with tempfile.TemporaryDirectory(prefix="shiftbook-again-", dir=self.git.folder) as empty:
            beside, packs = Git(Path(empty), env=self.git.env), Path(empty) / "objects" / "pack"
            beside.run("init", "--quiet", "--bare", ".")
            bring(beside, *AS_PACK, *words, objects=packs.parent, silence=silence)
            for path in (each for part in PARTS for each in packs.glob(f"*{part}")):
                path.replace(self.git.folder / "objects" / "pack" / path.name)

    def held(self, seen: Mapping[str, Oid], pushed: Mapping[str, Oid]) -> dict[str, Oid]:
        """The newest of each ref that is whole here, of what was seen at the server and what was pushed since."""
        newest = self._whole(seen)
        for name, oid in self._whole(pushed).items():
            ref = noted_ref(name)
            if ref not in newest or self.store.descends(oid, newest[ref]):
                newest[ref] = oid
        return newest

    def _whole(self, refs: Mapping[str, Oid]) -> dict[str, Oid]:
        whole = not refs or is_whole(self.git, *refs.values())
        return {ref: oid for ref, oid in refs.items() if whole or is_whole(self.git, oid)}
