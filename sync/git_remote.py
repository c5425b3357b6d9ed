"""A remote that is any plain Git server: a folder, git://, ssh or HTTP."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from sync.disk.file_turn import file_turn
from sync.errors import (
    BranchMissing,
    GitError,
    GitTimeout,
    HistoryRewritten,
    PushRefused,
    PushUncertain,
    RemoteUnreachable,
)
from sync.git import Git, GitStore
from sync.local_repository import LocalRepository, local_path
from sync.process.git_environment import bearer_environment
from sync.refs.broken_refs import BAD_OBJECT, CORRUPT, ONLY_NAMED, BrokenRefs, is_whole
from sync.refs.clone_origin import SEEN_PREFIX, CloneOrigin
from sync.refs.growing_fetch import AS_PACK, bring
from sync.refs.listed_refs import ListedRefs
from sync.refs.pushed_refs import PUSHED_PREFIX, PUSHED_REMOTE, PushedRefs
from sync.refs.ref_writer import RefWriter
from sync.refs.whole_clone import WholeClone
from sync.remote import MOVED_MESSAGE, Oid, PushVerdict, Refs, RefUpdate

RECOVERED_PREFIX = "refs/heads/recovered-"
"""Branches of what a server had lost and that could not go forward on the ledger's own."""
FIRST_FETCH_TIMEOUT_SECONDS = 1800.0
"""Seconds in which nothing comes, of the first fetch: the server may count what there is, and this machine look through
years of work, for so long. One that was broken off begins anew."""

LOST_OBJECT = re.compile(r"missing object [0-9a-f]+ for (refs/\S+)")
"""What git-for-each-ref(1) says of a ref whose object is gone."""

LARGE_BYTES = 256 * 1024
"""Of packs: in a clone with less git finds everything in some ms, without a commit-graph."""

MAX_SHORT_FETCHES = 50
"""One fetch in so many of a ledger on this disk is git's own."""

TIP_TIMEOUT_SECONDS = 10.0
"""Seconds for a look at few refs: whoever looks that often must not wait longer than that."""


class GitRemote:
    """Refs of the repository at `url`, with their objects in a private bare clone at `folder`."""

    def __init__(
        self,
        url: str,
        folder: Path,
        *,
        branch: str = "main",
        timeout: float = 60.0,
        token: str = "",
        moved: Callable[[Oid], None] = lambda _commit: None,
    ) -> None:
        """`token` is shown to the server of an http(s) URL, and kept nowhere. `moved` hears where the branch is put."""
        self.url, self.branch, self.timeout, self._moved = url, branch, timeout, moved
        folder.mkdir(parents=True, exist_ok=True)
        self._git = Git(folder, env=bearer_environment(url, token))
        self._turn = folder / "shiftbook-fetch.lock"
        with file_turn(self._turn):
            if not (folder / "HEAD").exists():
                self._git.run("init", "--quiet", "--bare", ".")
        self.store = GitStore(folder)
        self.broken = BrokenRefs(git=self._git, store=self.store, url=url, timeout=timeout)
        self._origin = CloneOrigin(git=self._git, url=url)
        self._clone = WholeClone(git=self._git, store=self.store)
        self._local: LocalRepository | None = None
        self._own_refs = RefWriter(self._git, timeout=timeout)
        self._known = ListedRefs(self._git, SEEN_PREFIX, PUSHED_PREFIX)
        self._pushed = PushedRefs(self._own_refs, url=url, branch=branch)
        self._short_fetches = 0
        self.mends = False
        """Whether refs whose objects the server has lost are mended from here, and not only left out."""

    def show_token(self, token: str) -> None:
        """From now on the server is shown this token."""
        self._git.env = bearer_environment(self.url, token)

    def mend_refs(self, *, grace: float, notice: Callable[[str], None]) -> None:
        """From now on refs whose objects the server has lost are mended from here, after `grace` seconds if need be."""
        self.mends, self.broken.grace, self.broken.notice = True, grace, notice

    def fetch(self) -> Refs:
        """All refs of the ledger, as Remote.fetch promises. Threads and processes that share the clone take turns."""
        with file_turn(self._turn):
            return self._fetch()

    def _fetch(self) -> Refs:
        known = self._known.get()
        before = known.get(f"{SEEN_PREFIX}heads/{self.branch}")
        if before and (found := self._brought_locally(known)) is not None:
            return found
        first = not before or self._origin.noted != self.url
        timeout = max(self.timeout, FIRST_FETCH_TIMEOUT_SECONDS) if first else self.timeout
        try:
            self._bring_whole(timeout, *(() if before else AS_PACK))
            self.broken.found = {}
        except GitError as error:
            if not CORRUPT.search(error.stderr):
                raise self._unreachable(error) from error
            self._bring_sound(timeout)
        if before is None and self._packed_bytes() >= LARGE_BYTES:
            self.store.tidy()  # a fresh clone has no commit-graph
        refs = {**self.seen(), **self.broken.found}
        self._refuse_rewrite(known, refs[f"refs/heads/{self.branch}"])
        self._origin.note()
        self._pushed.forget(_below(known, PUSHED_PREFIX))
        if self.broken.found and self.mends:
            self.broken.mend()
        return refs

    def _packed_bytes(self) -> int:
        return sum(each.stat().st_size for each in (self._git.folder / "objects" / "pack").glob("*.pack"))

    def _brought_locally(self, known: Mapping[str, Oid]) -> Refs | None:
        """All refs of a ledger on this disk, fetched without `git fetch`; None where that is for git to do: whatever is
        odd, and now and then, so that damage at the server is found."""
        local = self._local_repository()
        self._short_fetches += 1
        due = self._clone.doubted or self._short_fetches % MAX_SHORT_FETCHES == 0
        if local is None or self.broken.found or due:
            return None
        branch = f"refs/heads/{self.branch}"
        try:
            there = local.refs(branch, "refs/shiftbook/")
        except GitError as error:
            self._mend_lost(error)
            return None
        seen = _below(known, SEEN_PREFIX)
        was = {"refs/" + name.removeprefix(SEEN_PREFIX): oid for name, oid in seen.items()}
        moved = {ref: oid for ref, oid in there.items() if was.get(ref) != oid}
        if branch not in there or branch not in was or not local.bring(self.store, moved.values(), known.values()):
            return None
        if self._lost_commits(known, there[branch]):
            return None
        lines = [f"update {SEEN_PREFIX}{ref.removeprefix('refs/')} {oid}\n" for ref, oid in moved.items()]
        lines += [f"delete {SEEN_PREFIX}{ref.removeprefix('refs/')}\n" for ref in was if ref not in there]
        if lines and not self._own_refs.apply(lines):
            return None
        self._origin.note()
        self._pushed.forget(_below(known, PUSHED_PREFIX))
        return there

    def _mend_lost(self, error: GitError) -> None:
        """Sends the objects of a ref again that the local ledger has lost."""
        lost = LOST_OBJECT.search(error.stderr)
        oid = self.seen().get(lost[1]) if lost and self.mends else None
        if lost is not None and oid is not None:
            self.broken.found = {lost[1]: oid}
            self.broken.mend()

    def _local_repository(self) -> LocalRepository | None:
        folder = local_path(self.url)
        if folder is not None and (self._local is None or self._local.folder != folder):
            self._local = LocalRepository(folder, timeout=self.timeout)
        return self._local if folder is not None else None

    def _bring(self, without: Iterable[str], timeout: float, *settings: str) -> None:
        """Fetches all refs of the ledger but these, as long as something comes at least every `timeout` seconds."""
        words = (*settings, *self._fetch_words(without))
        bring(self._git, *words, objects=self._git.folder / "objects", silence=timeout, ours=True)

    def _fetch_words(self, without: Iterable[str]) -> tuple[str, ...]:
        specs = [
            f"+refs/heads/{self.branch}:{SEEN_PREFIX}heads/{self.branch}",
            f"+refs/shiftbook/*:{SEEN_PREFIX}shiftbook/*",
            *(f"^{ref}" for ref in without),
        ]
        return ("fetch", *ONLY_NAMED, "--prune", "--", self.url, *specs)

    def _bring_whole(self, timeout: float, *settings: str) -> None:
        """Fetches all refs of the ledger, and what this clone says that it has and lacks. Raises GitError."""
        try:
            self._bring((), timeout, *settings)
            damaged = self._clone.is_damaged(self.seen()[f"refs/heads/{self.branch}"])
        except GitError as error:
            damaged = self._clone.is_damaged(error)
            if not damaged:
                raise
        if damaged:
            self._clone.bring_again(self._fetch_words(()), silence=FIRST_FETCH_TIMEOUT_SECONDS)
            self._bring((), timeout)
            self.broken.notice(f"the clone of the ledger in {self._git.folder} was damaged: all was brought again")

    def _bring_sound(self, timeout: float) -> None:
        """Fetches all but what names objects that the server has lost. Raises RemoteUnreachable."""
        branch = f"refs/heads/{self.branch}"
        self.broken.find(self.listed(), lambda ref: SEEN_PREFIX + ref.removeprefix("refs/"))
        if branch in self.broken.found:
            why = f"objects of {branch} are missing there: see “Recovery” in the documents, docs/operating.md"
            raise RemoteUnreachable(self.url, why)
        try:
            self._bring(self.broken.found, timeout)
        except GitError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: GitError) -> BranchMissing | RemoteUnreachable:
        if "couldn't find remote ref" in error.stderr:
            return BranchMissing(self.url, self.branch)
        if "mismatched algorithms" in error.stderr:
            why = "its repository is made for SHA-256, a ledger's must be for SHA-1: `git init --object-format=sha1`"
            return RemoteUnreachable(self.url, why)
        return RemoteUnreachable(self.url, str(error))

    def listed(self, *more: str) -> Refs:
        """The ledger's refs, and `more`, as the server names them now; nothing is brought. Raises RemoteUnreachable."""
        try:
            out = self._git.run(
                "ls-remote",
                "--quiet",
                "--",
                self.url,
                f"refs/heads/{self.branch}",
                "refs/shiftbook/*",
                *more,
                timeout=self.timeout,
            )
        except GitError as error:
            raise RemoteUnreachable(self.url, str(error)) from error
        lines = (line.split("\t") for line in out.decode("utf-8", "replace").splitlines())
        return {name: oid for oid, name in lines}

    def survey(self) -> Refs:
        """What the server has now; `broken` knows what of it is not whole. What was seen stays as it is here.

        Raises RemoteUnreachable.
        """
        there = self.listed(f"{RECOVERED_PREFIX}*")
        with tempfile.TemporaryDirectory(prefix="shiftbook-") as empty:  # what is here already would not be asked for
            probe = Git(Path(empty), env=self._git.env)
            probe.run("init", "--quiet", "--bare", ".")
            looks = BrokenRefs(git=probe, store=self.store, url=self.url, timeout=self.timeout, depth=1)
            looks.find(there, lambda ref: "refs/probe/" + ref)
        self.broken.found = looks.found
        sound = {ref: oid for ref, oid in there.items() if ref not in looks.found}
        if not is_whole(self._git):
            try:
                self._clone.bring_again(self._fetch_words(looks.found), silence=FIRST_FETCH_TIMEOUT_SECONDS)
            except GitError as error:
                raise self._unreachable(error) from error
        BrokenRefs(git=self._git, store=self.store, url=self.url, timeout=self.timeout).find(sound, lambda _ref: "")
        return there

    def seen(self) -> Refs:
        """The refs as they were last fetched."""
        known = _below(self._known.get(), SEEN_PREFIX)
        return {"refs/" + name.removeprefix(SEEN_PREFIX): oid for name, oid in known.items()}

    def held(self) -> Refs:
        """The newest that this clone has all of, of each ref: as it was fetched, or pushed from here since."""
        return self._clone.held(self.seen(), self._git.refs(PUSHED_PREFIX))

    def heads(self, *prefixes: str) -> Refs:
        """Where the branch and the refs below `prefixes` stand at the remote, as Remote.heads promises."""
        wanted = (f"refs/heads/{self.branch}", *(f"{prefix}*" for prefix in prefixes))
        try:
            out = self._git.run(
                "ls-remote", "--quiet", "--", self.url, *wanted, timeout=min(self.timeout, TIP_TIMEOUT_SECONDS)
            )
        except GitError as error:
            raise RemoteUnreachable(self.url, str(error)) from error
        lines = (line.split("\t") for line in out.decode("utf-8", "replace").splitlines())
        return {name: oid for oid, name in lines if name == wanted[0] or name.startswith(prefixes)}

    def _refuse_rewrite(self, known: Mapping[str, Oid], now: str) -> None:
        """A branch that lost commits is not followed: what was seen is put back, so that a restart is alarmed again,
        and nothing that the server may have lost is forgotten here."""
        lost = self._lost_commits(known, now)
        if not lost:
            return
        if self._origin.is_another(lost[0], now):
            self._origin.keep(known, known[f"{SEEN_PREFIX}heads/{self.branch}"])
            return
        here, seen = self._git.refs(SEEN_PREFIX), _below(known, SEEN_PREFIX)
        lines = [f"update {ref} {oid}\n" for ref, oid in seen.items() if here.get(ref) != oid]
        lines += [f"delete {ref}\n" for ref in here if ref not in seen]
        self._git.run("update-ref", "--stdin", stdin="".join(lines).encode())
        raise HistoryRewritten(f"refs/heads/{self.branch}", lost[0], now)

    def _lost_commits(self, known: Mapping[str, Oid], now: Oid) -> list[Oid]:
        """Where the branch stood, by what was pushed and by what was seen, and from where `now` does not go on."""
        stood = (known.get(f"{prefix}heads/{self.branch}") for prefix in (PUSHED_PREFIX, SEEN_PREFIX))
        return [oid for oid in stood if oid is not None and oid != now and not self.store.descends(now, oid)]

    def push(self, updates: Sequence[RefUpdate], *, atomic: bool = False) -> Mapping[str, PushVerdict]:
        """Moves refs, as Remote.push promises."""
        if not updates:
            return {}
        if self._moved_locally(updates):
            self._pushed.note(updates)
            self._tell_moved(updates)
            return {update.ref: PushVerdict.ACCEPTED for update in updates}
        try:
            return self._push(updates, atomic=atomic)
        except PushRefused as error:
            if not (self.mends and self._mended(error)):
                raise
        return self._push(updates, atomic=atomic)

    def _mended(self, error: PushRefused) -> bool:
        """Whether the push was refused for a ref whose objects the server has lost, and that is mended now."""
        bad = BAD_OBJECT.search(error.told)
        oid = self.seen().get(bad[1]) if bad else None
        if bad is None or oid is None:
            return False
        self.broken.found = {bad[1]: oid}
        self.broken.mend()
        return not self.broken.found

    def _push(self, updates: Sequence[RefUpdate], *, atomic: bool) -> Mapping[str, PushVerdict]:
        from sync.refs.batch_push import is_batch, push_new_refs  # what only reads need not load them
        from sync.refs.push_report import may_have_arrived, read_verdicts

        words = ["push", "--porcelain", "--no-verify", "--no-recurse-submodules", *(["--atomic"] if atomic else [])]
        batch = is_batch(updates)
        try:
            if batch:
                code, out, err = push_new_refs(self._git, words, self.url, updates, timeout=self.timeout)
            else:
                leases = [f"--force-with-lease={u.ref}:{u.expect or ''}" for u in updates]
                specs = [f"{u.new or ''}:{u.ref}" for u in updates]
                asked = [*self._pushed.push_settings(updates), *words, *leases, "--", PUSHED_REMOTE, *specs]
                code, out, err = self._git.call(*asked, timeout=self.timeout, codes=range(256))
        except GitTimeout as error:
            raise PushUncertain(self.url, str(error)) from error
        try:
            verdicts = read_verdicts(out.decode("utf-8", "replace"), raced=MOVED_MESSAGE in err)
        except PushRefused as error:
            error.told = err
            raise
        missing = [u.ref for u in updates if u.ref not in verdicts]
        if missing:
            why = str(GitError(words, code, err or out.decode("utf-8", "replace")))
            raise PushUncertain(self.url, why) if may_have_arrived(err) else RemoteUnreachable(self.url, why)
        accepted = [update for update in updates if verdicts[update.ref] is PushVerdict.ACCEPTED]
        if batch:
            self._pushed.note(accepted)
        self._tell_moved(accepted)
        return verdicts

    def _moved_locally(self, updates: Sequence[RefUpdate]) -> bool:
        """Whether all of it went the short way, into a bare repository on this disk."""
        if any(update.new == update.expect for update in updates):
            return False
        local = self._local_repository()
        return local is not None and local.push(self.store, updates)

    def _tell_moved(self, accepted: Iterable[RefUpdate]) -> None:
        for update in accepted:
            if update.ref == f"refs/heads/{self.branch}":
                self._moved(update.new or "")

    def close(self) -> None:
        """Ends the reader processes."""
        self.store.close()
        self._own_refs.close()
        if self._local is not None:
            self._local.close()


def _below(refs: Mapping[str, Oid], prefix: str) -> dict[str, Oid]:
    return {ref: oid for ref, oid in refs.items() if ref.startswith(prefix)}
