"""How do commits that were made in a person's clone reach the branch that others push to as well?

By a plain push. When others were faster, each commit's change is made again on top of theirs and that is pushed; the
person's branch and files stay as they are, and their next `git pull --rebase` finds the same change upstream. What
others changed in the same place stays here for the person to settle. Nothing is ever forced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sync.errors import GitError, RemoteUnreachable, TooManyRaces
from sync.objects import FOLDER, edit_tree, find, load_commit
from sync.refs.growing_fetch import bring
from sync.refs.push_report import LOST_RACE
from sync.remote import MAX_OBJECT_BYTES, MOVED_MESSAGE, Oid
from sync.worktree import NO_BLOB, WorkTree

SENT_PREFIX = "refs/shiftbook/watch/"
"""Where this clone notes up to which of its commits the changes are upstream."""
FETCH_SILENCE_SECONDS = 120.0


MergeFile = Callable[[str, bytes, bytes, bytes], "bytes | None"]
"""Takes path, mine, before, theirs; returns what both changes make together, None when a person must settle it.

It decides what is signed: a change of others that is merged in goes out in the name of the person here.
"""


@dataclass(frozen=True, kw_only=True)
class SendResult:
    """What a round of sending did: how many commits went out, and why the rest stays, in words."""

    commits: int = 0
    held: str = ""


class _Conflict(Exception):
    """Others changed the same place."""


class UpstreamBranch:
    """The branch at the remote from which the clone's branch was taken."""

    def __init__(self, tree: WorkTree, merge: MergeFile) -> None:
        self._tree, self._git, self._merge = tree, tree.git, merge
        self.remote = self._git.text("config", "--get", f"branch.{tree.branch}.remote", codes=(0, 1)) or "origin"
        self._there = f"refs/remotes/{self.remote}/{tree.branch}"
        self._mark = f"{SENT_PREFIX}{tree.branch}"

    def waiting(self) -> list[Oid]:
        """The commits here whose changes are not upstream yet as far as this clone knows, oldest first."""
        head, known = self._tree.head(), self._git.refs(self._there, self._mark).values()
        if head in known:
            return []
        return self._git.text("rev-list", "--reverse", "--topo-order", head, "--not", *known).split()

    def send(self, *, tries: int = 10) -> SendResult:
        """Sends what waits. Raises RemoteUnreachable, TooManyRaces and SigningFailed; calling it again is safe."""
        for _ in range(tries):
            waiting = self.waiting()
            own = next((oid for oid in waiting if not self._made_here(oid)), None)
            if not any(map(self._made_here, waiting)):
                return SendResult()
            if own is not None:
                return SendResult(
                    held=f"commit {own[:10]} was not made by the watch and is not pushed:"
                    " look at it, `git push` sends it with all that follow"
                )
            try:
                tip = self._rebased_tip(waiting)
            except _Conflict as error:
                return SendResult(held=f"{error}: it stays here; settle it with `git pull`")
            refused = self._push(tip) if tip else ""
            if refused == "":
                self._git.run("update-ref", self._mark, waiting[-1])
                self._tree.made.forget()
                return SendResult(commits=len(waiting))
            if refused != "stale":
                return SendResult(held=f"the remote refused the push: {refused}")
            if not self.fetch():
                return SendResult(held=f"{self.remote}/{self._tree.branch} was rewritten: look at it, then `git pull`")
        raise TooManyRaces(tries)

    def fetch(self) -> bool:
        """Looks what is upstream; False when commits are gone from there. Raises RemoteUnreachable."""
        before = self._tip()
        spec = f"+{self._tree.ref}:{self._there}"
        only = ("--no-tags", "--no-write-fetch-head", "--no-auto-gc", "--no-recurse-submodules")
        try:
            words = ("fetch", *only, "--", self.remote, spec)
            bring(self._git, *words, objects=self._objects, silence=FETCH_SILENCE_SECONDS)
        except GitError as error:
            raise RemoteUnreachable(self.remote, str(error)) from error
        now = self._tip()
        if before is None or now is None or self._tree.store.descends(now, before):
            return True
        self._git.run("update-ref", self._there, before)
        return False

    @cached_property
    def _objects(self) -> Path:
        return Path(self._git.text("rev-parse", "--path-format=absolute", "--git-path", "objects"))

    def ahead(self) -> Oid | None:
        """What the clone's branch may move on to: upstream has everything of it, and more. None: nothing."""
        tip = self._tip()
        return tip if tip and tip != self._tree.head() and not self.waiting() and not self._behind(tip) else None

    def _behind(self, tip: Oid) -> bool:
        return self._tree.store.descends(self._tree.head(), tip)

    def _tip(self) -> Oid | None:
        return self._git.refs(self._there).get(self._there)

    def _made_here(self, oid: Oid) -> bool:
        commit = load_commit(self._tree.store, oid)
        return len(commit.parents) == 1 and self._tree.made.has(oid)

    def _rebased_tip(self, waiting: list[Oid]) -> Oid | None:
        """The commit to push: the branch's own where upstream is in it, else its changes on top of upstream.

        None when upstream has them all. Raises _Conflict.
        """
        onto = self._tip()
        if onto is None or self._tree.store.descends(waiting[-1], onto):
            return waiting[-1]
        start = onto
        for oid in waiting:
            onto = self._again(oid, onto)
        return onto if onto != start else None

    def _again(self, oid: Oid, onto: Oid) -> Oid:
        """The change of one commit made again on another."""
        store, commit = self._tree.store, load_commit(self._tree.store, oid)
        tree = load_commit(store, onto).tree
        files = {path: data for path, old, new in self._changed(oid) for data in self._merged(path, old, new, tree)}
        made = edit_tree(store, tree, files) or store.put("tree", b"")
        return onto if made == tree else self._tree.commit_tree(made, onto, commit.message)

    def _changed(self, oid: Oid) -> Iterator[tuple[str, Oid, Oid]]:
        words = ("diff-tree", "-r", "-z", "--no-renames", "--no-commit-id", f"{oid}^", oid)
        parts = self._git.run(*words).decode("utf-8", "surrogateescape").split("\0")
        for facts, path in zip(parts[0::2], parts[1::2], strict=False):
            _, _, old, new, _ = facts.split()
            yield path, old, new

    def _merged(self, path: str, old: Oid, new: Oid, tree: Oid) -> Iterator[bytes | None]:
        """A file's new content on top of `tree`; nothing where that has it already. Raises _Conflict."""
        store, entry = self._tree.store, find(self._tree.store, tree, path)
        theirs = entry.oid if entry else NO_BLOB
        if entry is not None and entry.mode == FOLDER:
            raise _Conflict(f"{path} is a folder upstream")
        if theirs == new:
            return
        if theirs == old:
            yield None if new == NO_BLOB else store.get(new, MAX_OBJECT_BYTES)
        elif NO_BLOB in (theirs, new):
            raise _Conflict(f"{path} was {'deleted or moved' if theirs == NO_BLOB else 'changed'} by others meanwhile")
        else:
            sides = (new, old, theirs)
            texts = [b"" if oid == NO_BLOB else store.get(oid, MAX_OBJECT_BYTES) for oid in sides]
            both = self._merge(path, *texts)
            if both is None:
                raise _Conflict(f"{path} was changed by others meanwhile")
            yield both

    def _push(self, tip: Oid) -> str:
        """Empty when it was taken, `stale` when others were faster, else the remote's reason."""
        words = ("push", "--porcelain", "--no-verify", "--no-recurse-submodules", "--", self.remote)
        code, out, err = self._git.call(*words, f"{tip}:{self._tree.ref}", codes=range(256))
        if code == 0:
            return ""
        flagged = next((line for line in out.decode("utf-8", "replace").splitlines() if line.startswith("!")), "")
        if not flagged:
            raise RemoteUnreachable(self.remote, str(GitError(words, code, err)))
        return "stale" if LOST_RACE.search(flagged) or MOVED_MESSAGE in err else flagged.split("\t")[-1]
